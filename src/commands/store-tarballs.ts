import pMap from 'p-map';
import { captureNameProblem, resultName } from '../capture/names.ts';
import { isTarballName } from '../capture/node-files.ts';
import { plainText } from '../capture/plain-text.ts';
import { decodeResult, type WorkloadResult } from '../capture/workload-spec.ts';
import type { Store } from '../upload/store.ts';

/** Results that are read at once. */
const IN_FLIGHT = 16;
/** Bytes that are read of what should be a result. */
const MAX_RESULT = 1 << 20;

/** A tarball in a store: its name, the bytes that it has there, and what the result beside it tells. */
export type StoredTarball = {
  name: string;
  stored: number;
  result: WorkloadResult & { tarball: NonNullable<WorkloadResult['tarball']> };
};

/** What a store holds; without a result beside it, nothing is known of a tarball but its name. */
export type StoredTarballs = { found: readonly StoredTarball[]; unknown: readonly string[] };

/** The tarballs of a capture, or of all. */
export async function findTarballs(
  store: Store,
  capture: string | undefined,
  signal: AbortSignal,
): Promise<StoredTarballs> {
  const objects = await store.list(capture === undefined ? '' : `${capture}-`, signal);
  const names = new Set(objects.map(({ name }) => name));
  const unknown: string[] = [];
  const read = async ({ name, bytes }: (typeof objects)[number]): Promise<StoredTarball[]> => {
    const beside = resultName(name.replace(/\.tar\.gz$/, ''));
    const result = names.has(beside) ? await readResult(store, beside, signal) : undefined;
    if (result?.tarball?.name === name)
      return [{ name, stored: bytes, result: { ...result, tarball: result.tarball } }];
    unknown.push(name);
    return [];
  };
  const tarballs = objects.filter(({ name }) => isTarballName(name));
  const found = (await pMap(tarballs, read, { concurrency: IN_FLIGHT })).flat();
  return { found: found.filter(({ result }) => capture === undefined || result.capture === capture), unknown };
}

/** Undefined for what is no result of ours: whoever may write there may have put it, and its capture names a directory. */
export async function readResult(store: Store, name: string, signal: AbortSignal): Promise<WorkloadResult | undefined> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of (await store.read(name, undefined, signal)).bytes) {
    pieces.push(piece);
    bytes += piece.length;
    if (bytes > MAX_RESULT) return undefined;
  }
  try {
    const result = plainText(decodeResult(Buffer.concat(pieces).toString('utf8')));
    const sound = captureNameProblem(result.capture) === undefined && !Number.isNaN(Date.parse(result.startedAt));
    return sound ? result : undefined;
  } catch {
    return undefined;
  }
}
