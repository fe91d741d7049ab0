import { resultName, tarballName } from '../capture/names.ts';
import { encodeResult, WORKLOAD_VERSION, type WorkloadResult, type WorkloadSpec } from '../capture/workload-spec.ts';
import { messageOf } from '../errors.ts';
import { explainErrno } from '../upload/explain.ts';
import { createUploader, type Uploader } from '../upload/uploader.ts';
import { streamBundle } from './bundle.ts';
import { type Delivered, deliver } from './deliver.ts';
import { openScratch, type Scratch } from './scratch.ts';
import { type Captured, capture, type WorkloadOptions } from './session.ts';

/** Told by a workload that is asked for what it cannot do; tcpdump in its place would not be what was asked for. */
const NO_PKTMON = 'this version of the capture image cannot capture with pktmon, which Windows nodes need';

/** What became of a workload: what it delivered, or that it was told to leave nothing. */
export type WorkloadOutcome = { kind: 'result'; result: WorkloadResult } | { kind: 'discarded' };

/**
 * Captures as the spec says, and delivers one tarball to every destination. Whatever fails on the way is told in the
 * result; the scratch directory is gone when this settles.
 */
export async function runWorkload(spec: WorkloadSpec, options: WorkloadOptions): Promise<WorkloadOutcome> {
  const uploaders = spec.destinations.map((destination) => createUploader(destination, spec.stem));
  if (spec.tool === 'pktmon') return failed(spec, uploaders, { at: options.now(), error: NO_PKTMON });
  let scratch: Scratch;
  try {
    scratch = await openScratch(spec.destinations, spec.stem);
  } catch (error) {
    return failed(spec, uploaders, { at: options.now(), error: messageOf(error) });
  }
  try {
    const captured = await capture(spec, scratch, options);
    if (captured.reason === 'discard') return { kind: 'discarded' };
    const delivered = await bundleAndDeliver(spec, captured, { scratch, uploaders, options });
    return { kind: 'result', result: await conclude(spec, captured, delivered) };
  } catch (error) {
    // A fault of this program is no reason to throw the packets away.
    options.log(await rescue(scratch));
    throw error;
  } finally {
    await scratch.remove();
  }
}

function failed(
  spec: WorkloadSpec,
  uploaders: readonly Uploader[],
  { at, error }: { at: Date; error: string },
): WorkloadOutcome {
  return { kind: 'result', result: buildResult(spec, failedCapture(at, error), undelivered(uploaders, error)) };
}

type Delivering = { scratch: Scratch; uploaders: readonly Uploader[]; options: WorkloadOptions };

/** Sends the bundle; where nobody took it, its packets are kept beside where it would have lain. */
async function bundleAndDeliver(spec: WorkloadSpec, captured: Captured, delivering: Delivering): Promise<Delivered> {
  const { scratch, uploaders, options } = delivering;
  if (captured.reason === 'error' && !captured.worthKeeping)
    return undelivered(uploaders, 'there is nothing to deliver');
  options.log(`bundling ${captured.packets} packets into ${tarballName(spec.stem)}`);
  const delivered = await deliver(streamBundle(captured.files, captured.endedAt), uploaders);
  for (const { ok, location, error } of delivered.deliveries)
    options.log(ok ? `saved ${location}` : `failed: ${error}`);
  if (delivered.sent !== null || !captured.worthKeeping) return delivered;
  return { ...delivered, errors: [...delivered.errors, await rescue(scratch)] };
}

async function rescue(scratch: Scratch): Promise<string> {
  try {
    return `no tarball was made; the captured packets are kept in ${await scratch.rescue()}`;
  } catch (error) {
    return `no tarball was made, and the captured packets are lost: ${explainErrno(error)}`;
  }
}

/** The final result, after a copy of it was put beside each tarball. */
async function conclude(spec: WorkloadSpec, captured: Captured, delivered: Delivered): Promise<WorkloadResult> {
  const result = buildResult(spec, captured, delivered);
  const problems = await delivered.putResults(`${encodeResult(result)}\n`);
  const told = problems.map((text) => `${spec.node}: ${resultName(spec.stem)} is missing beside the tarball: ${text}`);
  return { ...result, errors: [...result.errors, ...told] };
}

function buildResult(spec: WorkloadSpec, captured: Captured, { sent, deliveries, errors }: Delivered): WorkloadResult {
  const { reason, startedAt, endedAt, packets, droppedByKernel, droppedByInterface, pcapBytes } = captured;
  return {
    version: WORKLOAD_VERSION,
    capture: spec.capture,
    node: spec.node,
    stopReason: reason === 'discard' ? 'interrupted' : reason,
    startedAt: startedAt.toISOString(),
    endedAt: endedAt.toISOString(),
    packets,
    droppedByKernel,
    droppedByInterface,
    pcapBytes,
    tarball: sent === null ? null : { name: tarballName(spec.stem), ...sent },
    destinations: deliveries,
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
  return { sent: null, deliveries, errors: [], putResults: () => Promise.resolve([]) };
}
