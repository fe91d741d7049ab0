import { join } from 'node:path';
import type { ExpectedFile, PartialFile } from '../capture/download.ts';
import { captureNameProblem, resultName } from '../capture/names.ts';
import { isTarballName } from '../capture/node-files.ts';
import { isComplete, type LocalPath, openPart } from '../capture/part-file.ts';
import { parseSasUrl } from '../capture/sas.ts';
import { listNames } from '../capture/suggest.ts';
import { decodeResult, type WorkloadResult } from '../capture/workload-spec.ts';
import type { Deps } from '../deps.ts';
import { CaptureError, UsageError } from '../errors.ts';
import { openBlobStore } from '../upload/blob-store.ts';
import { openS3Store } from '../upload/s3-store.ts';
import type { Store } from '../upload/store.ts';
import { withEnvironment } from './blob-flags.ts';
import { Problems, throwProblems } from './flags.ts';
import { captureNames } from './name-argument.ts';
import { count, plural, size } from './render.ts';
import { type S3StoreFlags, toS3Keys, toS3Place } from './s3-flags.ts';

/** Streams of one tarball that end too early, without a new byte, before it is given up. */
const MAX_IDLE_TRIES = 5;

/** Where to fetch from without a cluster, as typed. */
export type StoreFlags = S3StoreFlags & { blobUrl?: string };
type Flags = StoreFlags & { name?: string; all?: boolean; output?: string };

/** `capture download` from Azure Blob or S3: fetches the tarballs and verifies them. Exit code 1 when one is missing. */
export async function downloadFromStore(deps: Deps, args: readonly string[], flags: Flags): Promise<number> {
  const wanted = flags.all === true ? undefined : captureNames(args, flags.name);
  if (flags.all === true && args.length > 0) {
    throw new UsageError(`--all is every capture of the store: name none beside it (${args.join(', ')})`);
  }
  const store = await toStore(deps, flags);
  const failures: string[] = [];
  const rows: string[][] = [];
  for (const name of wanted ?? [undefined]) {
    const { found, unknown } = await findTarballs(store, name);
    if (found.length === 0) failures.push(nothingOf(name, store, unknown));
    for (const file of found) {
      deps.signal.throwIfAborted();
      try {
        const path = await fetchTarball(deps, store, file, flags.output ?? '.');
        rows.push([file.node, path, size(file.bytes)]);
      } catch (error) {
        if (!(error instanceof CaptureError)) throw error;
        failures.push(error.hint === undefined ? error.message : `${error.message}\n    ${error.hint}`);
      }
    }
  }
  if (rows.length > 0) await deps.ui.printTable(rows);
  const rest = failures.length === 0 ? '' : `, ${count(failures.length)} not`;
  deps.ui.outcome(failures.length === 0, `${plural(rows.length, 'tarball')} downloaded and verified${rest}`);
  for (const failure of failures) deps.ui.note(`  ${failure}`);
  return failures.length === 0 ? 0 : 1;
}

function nothingOf(capture: string | undefined, store: Store, unknown: readonly string[]): string {
  const what = capture === undefined ? 'any capture' : `capture ${capture}`;
  const there =
    unknown.length === 0 ? '' : `; without a result beside them, these cannot be verified: ${listNames(unknown)}`;
  return `no tarball of ${what} is in ${store.place}${there}`;
}

async function toStore(deps: Deps, flags: Flags): Promise<Store> {
  const problems = new Problems();
  const { blobUrl } = flags;
  const sas = problems.parse(
    '--blob-url',
    blobUrl === undefined ? undefined : withEnvironment(blobUrl, deps.env),
    parseSasUrl,
  );
  const place = toS3Place(flags, problems, deps.env);
  const keys = place === undefined ? undefined : toS3Keys(flags, problems, deps.env);
  if (blobUrl !== undefined && place !== undefined)
    problems.found.push('--blob-url and --s3-bucket are two stores: give one of them');
  throwProblems(problems, 'downloaded');
  for (const warning of problems.warnings) deps.ui.warn(warning);
  if (sas !== undefined) return openBlobStore(sas);
  if (place === undefined) throw new UsageError('--s3-bucket is missing');
  const { sessionToken, ...pair } = keys ?? { sessionToken: undefined, accessKeyId: '', secretAccessKey: '' };
  return openS3Store(
    place,
    keys === undefined ? undefined : { ...pair, ...(sessionToken === undefined ? {} : { sessionToken }) },
  );
}

/** A tarball as its result tells it, and as it is in the store. */
type Found = ExpectedFile & { capture: string; node: string; stored: number };
type Search = { found: Found[]; unknown: string[] };

/** The tarballs of a capture, or of all; without a result beside it, a tarball cannot be verified. */
async function findTarballs(store: Store, capture: string | undefined): Promise<Search> {
  const objects = await store.list(capture === undefined ? '' : `${capture}-`);
  const names = new Set(objects.map(({ name }) => name));
  const search: Search = { found: [], unknown: [] };
  for (const { name, bytes } of objects) {
    if (!isTarballName(name)) continue;
    const beside = resultName(name.replace(/\.tar\.gz$/, ''));
    const result = names.has(beside) ? await readResult(store, beside) : undefined;
    if (result === undefined || result.tarball?.name !== name) search.unknown.push(name);
    else if (capture === undefined || result.capture === capture)
      search.found.push({ ...result.tarball, capture: result.capture, node: result.node, stored: bytes });
  }
  return search;
}

/** Undefined for what is no result of ours: whoever may write there may have put it, and its capture names a directory. */
async function readResult(store: Store, name: string): Promise<WorkloadResult | undefined> {
  const pieces: Uint8Array[] = [];
  for await (const piece of await store.read(name, 0)) pieces.push(piece);
  try {
    const result = decodeResult(Buffer.concat(pieces).toString('utf8'));
    return captureNameProblem(result.capture) === undefined ? result : undefined;
  } catch {
    return undefined;
  }
}

async function fetchTarball(deps: Deps, store: Store, file: Found, output: string): Promise<string> {
  const directory = join(output, file.capture) as LocalPath;
  if (await isComplete(directory, file)) {
    deps.ui.note(`${file.node}: ${file.name} is already here, and whole`);
    return join(directory, file.name);
  }
  if (file.stored !== file.bytes) {
    throw new CaptureError(
      `${store.place}/${file.name} has ${file.stored} bytes, and had ${file.bytes} when it was captured`,
    );
  }
  const part = await openPart(directory, file);
  try {
    const from = part.size() > 0 ? `, going on from ${size(part.size())}` : '';
    deps.ui.note(`${file.node}: ${file.name}, ${size(file.bytes)}${from}`);
    let resumed = part.size() > 0;
    for (;;) {
      if (part.size() > file.bytes) await part.restart();
      await fetchBytes(store, file, part, deps.signal);
      if (part.digest() === file.sha256) return await part.finish();
      await part.restart();
      // What was here may have been of another file.
      if (!resumed) break;
      resumed = false;
    }
    throw new CaptureError(`${store.place}/${file.name} is damaged: its SHA-256 is not ${file.sha256}`, {
      hint: 'It has changed since it was captured. Nothing was kept here.',
    });
  } finally {
    await part.close();
  }
}

/** Reads until all is here, taking up again where a stream ended too early. */
async function fetchBytes(store: Store, file: Found, part: PartialFile, signal: AbortSignal): Promise<void> {
  for (let idle = 0; part.size() < file.bytes; ) {
    const before = part.size();
    for await (const chunk of await store.read(file.name, before)) {
      signal.throwIfAborted();
      await part.write(Buffer.from(chunk).subarray(0, file.bytes - part.size()));
    }
    idle = part.size() > before ? 0 : idle + 1;
    if (idle >= MAX_IDLE_TRIES)
      throw new CaptureError(`${store.place}/${file.name} ends at byte ${part.size()} of ${file.bytes}`);
  }
}
