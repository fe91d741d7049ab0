import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { UploadResult, UploadSpec } from '../capture/upload-spec.ts';
import { type Delivery, encodeResult, WORKLOAD_VERSION, type WorkloadResult } from '../capture/workload-spec.ts';
import { readFrom } from '../upload/directory.ts';
import { explainErrno } from '../upload/explain.ts';
import { removeCopy } from '../upload/host-path.ts';
import { spoolFrom } from '../upload/spool.ts';
import { countStores, createUploader } from '../upload/uploader.ts';
import { type Delivered, deliver } from './deliver.ts';
import { sha256OfFile } from './files.ts';

type Io = { signal: AbortSignal; log: (line: string) => void };
type Tarball = NonNullable<WorkloadResult['tarball']>;

/**
 * Sends a tarball that lies on the node to its destinations, if it is still the one that was captured: size and SHA-256
 * are compared before the first byte is sent, and again with what was sent before any destination shows it.
 */
export async function sendAgain(spec: UploadSpec, { signal, log }: Io): Promise<UploadResult> {
  const { result, place } = spec;
  const { tarball } = result;
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(tooLate(spec)), spec.timeoutMs);
  const until = AbortSignal.any([signal, late.signal]);
  const stem = tarball?.name.replace(/\.tar\.gz$/, '') ?? '';
  const file = join(place.directory, tarball?.name ?? '');
  // What is too large for memory is read again from where it lies: the directory may be read-only.
  const bounds = { late: until, log, stores: countStores(spec.destinations), spool: spoolFrom(file) };
  const uploaders = spec.destinations.map((to) => createUploader(to, stem, bounds));
  try {
    if (tarball === null) throw new Error('the capture made no tarball');
    await requireSame(file, tarball);
    log(`sending ${tarball.name} to ${uploaders.map(({ location }) => location).join(', ')}`);
    const delivered = await deliver(sameBytes(file, tarball, until), uploaders);
    for (const { ok, location, error } of delivered.deliveries) log(ok ? `saved ${location}` : `failed: ${error}`);
    return await conclude(spec, { stem, delivered });
  } catch (error) {
    const why = `${place.path}/${tarball?.name}: ${explainErrno(error)}`;
    const destinations = uploaders.map(({ kind, location }) => ({
      kind,
      location,
      ok: false,
      error: 'nothing was sent',
    }));
    return { version: WORKLOAD_VERSION, destinations, removed: false, errors: [why] };
  } finally {
    clearTimeout(timer);
  }
}

function tooLate({ timeoutMs }: UploadSpec): Error {
  return new Error(`not done within ${timeoutMs / 1000} s (--upload-timeout)`);
}

async function requireSame(file: string, wanted: Tarball): Promise<void> {
  const { bytes, sha256 } = await sha256OfFile(file);
  if (bytes !== wanted.bytes) throw new Error(`it has ${bytes} bytes, and had ${wanted.bytes} when it was captured`);
  if (sha256 !== wanted.sha256) throw new Error(`its SHA-256 is not ${wanted.sha256}: it has changed`);
}

/** The bytes of a file; fails at its end, before anything is committed, where they are others. */
async function* sameBytes(file: string, wanted: Tarball, until: AbortSignal): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  for await (const chunk of readFrom(await open(file), 0)) {
    until.throwIfAborted();
    hash.update(chunk);
    yield chunk;
  }
  if (hash.digest('hex') !== wanted.sha256) throw new Error('it has changed while it was sent');
}

/** The copy is removed before the results are put beside: they tell where the tarball is then. */
async function conclude(
  spec: UploadSpec,
  { stem, delivered }: { stem: string; delivered: Delivered },
): Promise<UploadResult> {
  const { deliveries } = delivered;
  const errors: string[] = [];
  let removed = false;
  if (spec.removeCopy && deliveries.every(({ ok }) => ok)) {
    const doubts = await delivered.confirm();
    if (doubts.length === 0) {
      await removeCopy(spec.place.directory, stem);
      removed = true;
    } else errors.push(...doubts.map((doubt) => `the copy on the node stays: ${doubt}`));
  }
  const told = encodeResult(afterwards(spec, deliveries, removed));
  const problems = await delivered.putResults(`${told}\n`);
  errors.push(...problems.map((text) => `${stem}.json is missing beside the tarball: ${text}`));
  return { version: WORKLOAD_VERSION, destinations: deliveries, removed, errors };
}

/** The capture's result with what is known now of where its tarball lies. */
function afterwards({ result, place }: UploadSpec, deliveries: readonly Delivery[], removed: boolean): WorkloadResult {
  const { rescued, ...rest } = result;
  const gone = (to: Delivery): boolean =>
    removed && to.kind === 'host-path' && to.location.startsWith(`${place.path}/`);
  const before = result.destinations
    .filter((to) => !deliveries.some(({ location }) => location === to.location))
    .map((to) => (gone(to) ? { ...to, removed } : to));
  const kept = rescued === undefined || removed ? {} : { rescued };
  return { ...rest, ...kept, destinations: [...before, ...deliveries] };
}
