import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { isTarballOf, resultName } from '../capture/names.ts';
import { decodeResult, type WorkloadResult } from '../capture/workload-spec.ts';
import { readFrom } from '../upload/directory.ts';
import { errnoOf } from '../upload/explain.ts';

/** A result has at most 4 KiB; what is much larger was not written by us. */
const MAX_SIDECAR_BYTES = 64 << 10;
const TARBALL_SUFFIX = '.tar.gz';

/** A tarball that lies in a directory; what the result beside it says is null when there is no sound one. */
export type FoundTarball = {
  name: string;
  bytes: number;
  sha256: string | null;
  capture: string | null;
  node: string | null;
  result: WorkloadResult | null;
};

/**
 * The tarballs of a capture on a node in a directory, by name. The result beside a tarball decides whose it is; without
 * one, the tarball's name does. A directory that does not exist holds none.
 */
export async function findTarballs(
  directory: string,
  query: { capture: string; node: string },
): Promise<FoundTarball[]> {
  const names = await readdir(directory).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  });
  const found: FoundTarball[] = [];
  for (const name of names.filter((name) => name.endsWith(TARBALL_SUFFIX)).sort()) {
    const tarball = await inspect(directory, name, query);
    if (tarball !== null) found.push(tarball);
  }
  return found;
}

async function inspect(
  directory: string,
  name: string,
  query: { capture: string; node: string },
): Promise<FoundTarball | null> {
  const result = await readResult(directory, name);
  const ours =
    result === null
      ? isTarballOf(name, query.capture, query.node)
      : result.capture === query.capture && result.node === query.node;
  if (!ours) return null;
  const entry = await stat(join(directory, name)).catch(() => null);
  if (entry === null || !entry.isFile()) return null;
  const { sha256 = null } = result?.tarball ?? {};
  return { name, bytes: entry.size, sha256, capture: result?.capture ?? null, node: result?.node ?? null, result };
}

/** The result beside a tarball; null when there is none, it is not a result, or it is another tarball's. */
async function readResult(directory: string, tarball: string): Promise<WorkloadResult | null> {
  try {
    const text = await readBounded(join(directory, resultName(tarball.slice(0, -TARBALL_SUFFIX.length))));
    const result = text === null ? null : decodeResult(text);
    return result?.tarball?.name === tarball ? result : null;
  } catch {
    return null; // Anyone may have put it there: it counts as absent, and the tarball is judged by its name.
  }
}

/** The text of a regular file of at most 64 KiB; null when it is anything else. */
async function readBounded(path: string): Promise<string | null> {
  const entry = await stat(path);
  // Looked at before opening: to open a named pipe would wait for its writer.
  if (!entry.isFile() || entry.size > MAX_SIDECAR_BYTES) return null;
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MAX_SIDECAR_BYTES + 1), 0, MAX_SIDECAR_BYTES + 1, 0);
    return bytesRead > MAX_SIDECAR_BYTES ? null : buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Length and SHA-256 (hex) of a file, in constant memory. */
export async function sha256OfFile(path: string): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const piece of readFrom(await open(path), 0)) {
    hash.update(piece);
    bytes += piece.length;
  }
  return { bytes, sha256: hash.digest('hex') };
}

/** Copies a file from an offset to its end; leaves `out` open. */
export async function copyRange(path: string, offset: number, out: Writable): Promise<void> {
  await pipeline(createReadStream(path, { start: offset, highWaterMark: 1 << 20 }), out, { end: false });
}
