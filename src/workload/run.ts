import { join } from 'node:path';
import { resultName, tarballName } from '../capture/names.ts';
import { encodeResult, WORKLOAD_VERSION, type WorkloadResult, type WorkloadSpec } from '../capture/workload-spec.ts';
import { messageOf } from '../errors.ts';
import { explainErrno } from '../upload/explain.ts';
import { directoryUploader, removeCopy } from '../upload/host-path.ts';
import { spoolIn } from '../upload/spool.ts';
import { countStores, createUploader, type Uploader } from '../upload/uploader.ts';
import { streamBundle } from './bundle.ts';
import { type Delivered, deliver } from './deliver.ts';
import { noteDurable } from './durable.ts';
import { deliverEarly, type EarlyDelivery, mayBeginEarly } from './early.ts';
import { openScratch, type Scratch } from './scratch.ts';
import { type Captured, capture, type WorkloadOptions } from './session.ts';
import { pcapName } from './tcpdumps.ts';

/** The directory on the node for tarballs that a destination did not take. */
const RESCUED = 'rescued';

/** What became of a workload: what it delivered, or that it was told to leave nothing. */
export type WorkloadOutcome = { kind: 'result'; result: WorkloadResult } | { kind: 'discarded' };

/**
 * Captures as the spec says, and delivers one tarball to every destination. Whatever fails on the way is told in the
 * result; the scratch directory is gone when this settles.
 */
export async function runWorkload(spec: WorkloadSpec, options: WorkloadOptions): Promise<WorkloadOutcome> {
  let scratch: Scratch;
  try {
    scratch = await openScratch(spec);
  } catch (error) {
    return failed(spec, { at: options.now(), error: messageOf(error) });
  }
  const late = new AbortController();
  const stores = countStores(spec.destinations);
  const bounds = { late: late.signal, log: options.log, stores, spool: spoolIn(scratch.directory) };
  const durable = noteDurable(options.now, options.log);
  const uploaders = spec.destinations.map((to) => durable.watch(createUploader(to, spec.stem, bounds)));
  const early = await beginEarly(spec, { scratch, uploaders, options });
  try {
    const captured = await capture(spec, scratch, options, early);
    if (captured.reason === 'discard') return { kind: 'discarded' };
    durable.ended(captured.endedAt);
    const lateness = abortLater(late, spec.uploadTimeoutMs);
    try {
      const delivered = await bundleAndDeliver(spec, captured, { scratch, uploaders, options, early });
      const kept = captured.errors.length === 0 ? await dropCopy(spec, delivered, options.log) : delivered;
      return {
        kind: 'result',
        result: await conclude(spec, captured, { ...kept, deliveries: durable.addTo(kept.deliveries) }),
      };
    } finally {
      clearTimeout(lateness);
    }
  } catch (error) {
    // A fault of this program is no reason to throw the packets away.
    options.log(await rescue(scratch));
    throw error;
  } finally {
    await early?.abandon();
    await scratch.remove();
  }
}

/** The time for uploads begins when the capture has ended; what was sent before costs none of it. */
function abortLater(late: AbortController, milliseconds: number | null): NodeJS.Timeout | undefined {
  if (milliseconds === null) return undefined;
  const why = `not done ${milliseconds / 1000} s after the capture's end (--upload-timeout)`;
  return setTimeout(() => late.abort(new Error(why)), milliseconds);
}

function failed(spec: WorkloadSpec, { at, error }: { at: Date; error: string }): WorkloadOutcome {
  const uploaders = spec.destinations.map((to) => createUploader(to, spec.stem));
  return { kind: 'result', result: buildResult(spec, failedCapture(at, error), undelivered(uploaders, error)) };
}
/** What was delivered, and where the tarball is kept on the node if it could not be delivered. */
type Concluded = Delivered & { rescued?: string | undefined };

type Delivering = {
  scratch: Scratch;
  uploaders: readonly Uploader[];
  options: WorkloadOptions;
  early?: EarlyDelivery | undefined;
};

/** Files of several interfaces are merged, and a ring overwrites its own: only a single file is sent while it grows. */
async function beginEarly(spec: WorkloadSpec, delivering: Delivering): Promise<EarlyDelivery | undefined> {
  const [name, ...others] = spec.interfaces;
  // What pktmon writes is no pcap before it has ended.
  if (spec.tool === 'pktmon') return undefined;
  if (name === undefined || others.length > 0 || spec.fileCount !== null || !(await mayBeginEarly())) return undefined;
  const { scratch, uploaders, options } = delivering;
  const file = join(scratch.bundle, pcapName(spec, name));
  return deliverEarly({ file, maxBytes: spec.maxBytes, uploaders, log: options.log });
}

/** Sends the bundle; where nobody took it, its packets are kept beside where it would have lain. */
async function bundleAndDeliver(spec: WorkloadSpec, captured: Captured, delivering: Delivering): Promise<Concluded> {
  const { scratch, uploaders, options, early } = delivering;
  const empty = captured.reason === 'error' || captured.reason === 'not-begun';
  if (empty && !captured.worthKeeping) return undelivered(uploaders, 'there is nothing to deliver');
  options.log(`bundling ${captured.packets} packets into ${tarballName(spec.stem)}`);
  const bundle = (): AsyncIterable<Buffer> => streamBundle(captured.files, captured.endedAt);
  const delivered = (await early?.finish(captured)) ?? (await deliver(bundle(), uploaders));
  for (const { ok, location, error } of delivered.deliveries)
    options.log(ok ? `saved ${location}` : `failed: ${error}`);
  const onNode = delivered.deliveries.some(({ kind, ok }) => ok && kind === 'host-path');
  if (onNode || delivered.deliveries.every(({ ok }) => ok)) return delivered;
  const kept = await keepOnNode(spec, delivered, bundle());
  if (kept.rescued !== undefined) options.log(`kept on the node: ${kept.rescued}`);
  if (kept.sent !== null || !captured.worthKeeping) return kept;
  return { ...kept, errors: [...kept.errors, await rescue(scratch)] };
}

/** Where a destination did not take the tarball, it is made once more, byte for byte the same, on the node. */
async function keepOnNode(
  { nodePlace, stem }: WorkloadSpec,
  delivered: Delivered,
  bundle: AsyncIterable<Buffer>,
): Promise<Concluded> {
  if (nodePlace === undefined) return delivered;
  const { path, directory } = nodePlace;
  const place = { path: `${path}/${RESCUED}`, directory: join(directory, RESCUED) };
  const kept = await deliver(bundle, [directoryUploader({ kind: 'host-path', ...place }, stem)]);
  if (kept.sent === null) return { ...delivered, errors: [...delivered.errors, ...kept.errors] };
  const putResults = async (text: string): Promise<string[]> =>
    (await Promise.all([delivered.putResults(text), kept.putResults(text)])).flat();
  return { ...delivered, sent: kept.sent, rescued: kept.deliveries[0]?.location, putResults };
}

/** Where no copy is wanted in the host path beside what was uploaded: removed once every other destination has confirmed it. */
async function dropCopy(spec: WorkloadSpec, delivered: Concluded, log: (line: string) => void): Promise<Concluded> {
  const copy = spec.destinations.find(({ kind }) => kind === 'host-path');
  if (spec.removeCopy !== true || copy?.kind !== 'host-path' || !delivered.deliveries.every(({ ok }) => ok))
    return delivered;
  const place = `${copy.path}/${tarballName(spec.stem)}`;
  const doubts = await delivered.confirm('host-path');
  try {
    if (doubts.length > 0) throw new Error(doubts.join('; '));
    await removeCopy(copy.directory, spec.stem);
  } catch (error) {
    log(`${place} stays on the node: ${explainErrno(error)}`);
    return delivered;
  }
  log(`removed ${place}: every other destination has confirmed it`);
  return {
    ...delivered,
    deliveries: delivered.deliveries.map((to) => (to.kind === 'host-path' ? { ...to, removed: true } : to)),
    putResults: (text) => delivered.putResults(text, 'host-path'),
  };
}

async function rescue(scratch: Scratch): Promise<string> {
  try {
    return `no tarball was made; the captured packets are kept in ${await scratch.rescue()}`;
  } catch (error) {
    return `no tarball was made, and the captured packets are lost: ${explainErrno(error)}`;
  }
}

/** The final result, after a copy of it was put beside each tarball. */
async function conclude(spec: WorkloadSpec, captured: Captured, delivered: Concluded): Promise<WorkloadResult> {
  const result = buildResult(spec, captured, delivered);
  const problems = await delivered.putResults(`${encodeResult(result)}\n`);
  const told = problems.map((text) => `${spec.node}: ${resultName(spec.stem)} is missing beside the tarball: ${text}`);
  return { ...result, errors: [...result.errors, ...told] };
}

function buildResult(spec: WorkloadSpec, captured: Captured, concluded: Concluded): WorkloadResult {
  const { sent, deliveries, rescued, errors } = concluded;
  const { reason, startedAt, startAt, endedAt, packets, droppedByKernel, droppedByInterface, pcapBytes } = captured;
  return {
    version: WORKLOAD_VERSION,
    capture: spec.capture,
    node: spec.node,
    stopReason: reason === 'discard' ? 'interrupted' : reason,
    startedAt: startedAt.toISOString(),
    ...(startAt === undefined ? {} : { startAt: startAt.toISOString() }),
    endedAt: endedAt.toISOString(),
    packets,
    droppedByKernel,
    droppedByInterface,
    pcapBytes,
    tarball: sent === null ? null : { name: tarballName(spec.stem), ...sent },
    destinations: deliveries,
    ...(rescued === undefined ? {} : { rescued }),
    errors: [...captured.errors, ...errors].map((text) => `${spec.node}: ${text}`),
  };
}

function failedCapture(at: Date, error: string): Captured {
  return {
    files: [],
    reason: 'error',
    startedAt: at,
    endedAt: at,
    packets: 0,
    worthKeeping: false,
    pcapBytes: 0,
    droppedByKernel: 0,
    droppedByInterface: 0,
    errors: [error],
  };
}

function undelivered(uploaders: readonly Uploader[], error: string): Delivered {
  const deliveries = uploaders.map(({ kind, location }) => ({ kind, location, ok: false, error }));
  return {
    sent: null,
    deliveries,
    errors: [],
    putResults: () => Promise.resolve([]),
    confirm: () => Promise.resolve([]),
  };
}
