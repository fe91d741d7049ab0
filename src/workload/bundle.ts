import { open } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { pMapIterable } from 'p-map';
import { Header, Pax } from 'tar';

/** Bytes of tar in one gzip member: members are compressed side by side. */
const MEMBER_BYTES = 1 << 19;
const BLOCK = 512;
const compress = promisify(gzip);

/** A file of the tarball: on disk, in memory, or made while it is read, of a size that is known. */
export type BundleEntry = { name: string } & (
  | { file: string }
  | { content: Buffer }
  | { size: number; open(): AsyncIterable<Buffer> }
);

/**
 * The entries as a gzipped tar, in constant memory. Members of a gzip file may follow one another, so several are
 * compressed at once; every gzip reader takes the result for one file.
 */
export function streamBundle(entries: readonly BundleEntry[], now: Date): AsyncIterable<Buffer> {
  const concurrency = Math.max(2, Math.min(4, availableParallelism()));
  // One round trip to the thread pool for each member: the default chunk of 16 KiB needs 64.
  const member = (tar: Buffer): Promise<Buffer> =>
    compress(tar, { level: 1, chunkSize: MEMBER_BYTES + (MEMBER_BYTES >> 4) });
  return pMapIterable(regroup(packTar(entries, now)), member, { concurrency, backpressure: concurrency + 1 });
}

async function* packTar(entries: readonly BundleEntry[], now: Date): AsyncGenerator<Buffer> {
  for (const entry of entries) {
    if ('content' in entry) {
      yield headerOf(entry.name, entry.content.length, now);
      yield entry.content;
      yield padding(entry.content.length);
    } else if ('file' in entry) {
      yield* packFile(entry.name, entry.file, now);
    } else {
      yield headerOf(entry.name, entry.size, now);
      yield* entry.open();
      yield padding(entry.size);
    }
  }
  yield Buffer.alloc(2 * BLOCK);
}

async function* packFile(name: string, path: string, now: Date): AsyncGenerator<Buffer> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    yield headerOf(name, size, now);
    for (let offset = 0; offset < size; ) {
      const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(Math.min(MEMBER_BYTES, size - offset)), 0);
      // The header has promised the size: a shorter file would make every later one unreadable.
      if (bytesRead === 0) throw new Error(`${name} became shorter while it was bundled`);
      yield buffer.subarray(0, bytesRead);
      offset += bytesRead;
    }
    yield padding(size);
  } finally {
    await file.close();
  }
}

/** The blocks before a file's bytes; long names and sizes above 8 GiB need a second header, which Pax writes. */
function headerOf(path: string, size: number, mtime: Date): Buffer {
  const facts = { path, size, mtime, mode: 0o644, type: 'File' as const };
  const header = new Header(facts);
  const needsPax = header.encode();
  const block = header.block ?? Buffer.alloc(0);
  return needsPax ? Buffer.concat([new Pax({ path, size }).encode(), block]) : block;
}

function padding(size: number): Buffer {
  return Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);
}

/** The same bytes in pieces of at least one member, the last one aside. */
async function* regroup(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let pieces: Buffer[] = [];
  let held = 0;
  for await (const piece of source) {
    pieces.push(piece);
    held += piece.length;
    if (held < MEMBER_BYTES) continue;
    yield Buffer.concat(pieces);
    pieces = [];
    held = 0;
  }
  if (held > 0) yield Buffer.concat(pieces);
}
