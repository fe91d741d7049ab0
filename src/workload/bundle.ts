import { readdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { pMapIterable } from 'p-map';
import { create } from 'tar';

/** Bytes of tar in one gzip member: members are compressed side by side. */
const MEMBER_BYTES = 1 << 19;
const compress = promisify(gzip);

/** The files of a directory, relative to it: packets first, then tcpdump.log, then the rest by name. */
export async function listBundle(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true, recursive: true });
  const rank = (name: string): number =>
    name.endsWith('.pcap') && !name.includes('/') ? 0 : name === 'tcpdump.log' ? 1 : 2;
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)))
    .sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

/**
 * The files as a gzipped tar, in constant memory. Members of a gzip file may follow one another, so several are
 * compressed at once; every gzip reader takes the result for one file.
 */
export function streamBundle(directory: string, files: readonly string[]): AsyncIterable<Buffer> {
  // Portable leaves out what is of this machine alone (owner, inode); a large read size would only cost memory.
  const tar = create({ cwd: directory, portable: true, maxReadSize: MEMBER_BYTES, noDirRecurse: true }, [...files]);
  const concurrency = Math.max(2, Math.min(4, availableParallelism()));
  // One round trip to the thread pool for each member: the default chunk of 16 KiB needs 64.
  const member = (tar: Buffer): Promise<Buffer> =>
    compress(tar, { level: 1, chunkSize: MEMBER_BYTES + (MEMBER_BYTES >> 4) });
  return pMapIterable(regroup(tar, MEMBER_BYTES), member, { concurrency, backpressure: concurrency + 1 });
}

/** The same bytes in pieces of at least `size`, the last one aside. */
async function* regroup(source: AsyncIterable<Buffer>, size: number): AsyncGenerator<Buffer> {
  let pieces: Buffer[] = [];
  let held = 0;
  for await (const piece of source) {
    pieces.push(piece);
    held += piece.length;
    if (held < size) continue;
    yield Buffer.concat(pieces);
    pieces = [];
    held = 0;
  }
  if (held > 0) yield Buffer.concat(pieces);
}
