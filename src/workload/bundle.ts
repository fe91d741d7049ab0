import { open } from 'node:fs/promises';
import { pMapIterable } from 'p-map';
import { Header, Pax } from 'tar';
import { free, MEMBER_BYTES, type Member, memberMaker, storedMember } from './member.ts';

const BLOCK = 512;
/** As many as Node has threads for it. With one for each of two processors, these wait for the next a third of the time. */
const COMPRESSED_AT_ONCE = 4;

/** A file of the tarball: on disk, in memory, or made while it is read, of a size that is known. */
export type BundleEntry = { name: string } & (
  | { file: string }
  | { content: Buffer }
  | { size: number; open(): AsyncIterable<Buffer> }
);

/**
 * The entries as a gzipped tar, in constant memory: the first header in a member of its own, then members of equal
 * length, so that the same entries are the same bytes however they come in. A piece is overwritten when the next is asked for.
 */
export async function* streamBundle(entries: readonly BundleEntry[], now: Date, some?: Some): AsyncGenerator<Buffer> {
  const tar = packTar(entries, now);
  try {
    const { value } = await tar.next();
    yield storedMember(value ?? Buffer.alloc(0));
    yield* streamMembers(tar, some);
  } finally {
    // Whoever gives up after the first member would leave a file open.
    await tar.return(undefined);
  }
}

/** The members of a bundle from one on, so many made at once. */
type Some = { from: number; atOnce: number };
const ALL: Some = { from: 0, atOnce: COMPRESSED_AT_ONCE };

/** The entries of a bundle, and when the capture ended. */
export type Contents = { entries: readonly BundleEntry[]; now: Date };

/** The beginning of a bundle, of a length that is announced, where it is known only after all that follows. */
export type LateHead = {
  bytes: number;
  /** Called once, when all that follows has been read. */
  head(): Promise<Buffer>;
  /** Resolves when the capture has ended. */
  ended: Promise<void>;
  /** From then on: all that follows the beginning, or some of it, made once more. */
  again(some?: Some): AsyncIterable<Buffer>;
};

/** The same bundle where the first entry's bytes come in before its size and the other entries are known. */
export function streamGrowing(
  name: string,
  content: AsyncIterable<Buffer>,
  contents: Promise<Contents>,
): { bytes: AsyncIterable<Buffer>; late: LateHead } {
  let size = 0;
  async function* tar(): AsyncGenerator<Buffer> {
    for await (const piece of content) {
      size += piece.length;
      yield piece;
    }
    yield padding(size);
    const { entries, now } = await contents;
    yield* packTar(entries.slice(1), now);
  }
  async function* again(some?: Some): AsyncGenerator<Buffer> {
    const { entries, now } = await contents;
    const members = streamBundle(entries, now, some);
    await members.next();
    yield* members;
  }
  const head = async (): Promise<Buffer> => storedMember(headerOf(name, size, (await contents).now));
  const bytes = storedMember(headerOf(name, 0, new Date(0))).length;
  // A capture that is given up has no end: the stream fails.
  const ended = new Promise<void>((resolve) => void contents.then(() => resolve()).catch(() => undefined));
  return { bytes: streamMembers(tar()), late: { bytes, head, ended, again } };
}

/**
 * Pieces of a tar as gzip members. Members of a gzip file may follow one another, so several are compressed at once; every
 * gzip reader takes the result for one file.
 */
async function* streamMembers(tar: AsyncGenerator<Buffer>, { from, atOnce } = ALL): AsyncGenerator<Buffer> {
  const { make, end } = memberMaker();
  // Used again and again, as what the maker writes into.
  const pieces: Buffer[] = [];
  const member = async (piece: Buffer): Promise<Member> => {
    const made = await make(piece);
    if (piece.length === MEMBER_BYTES) pieces.push(piece);
    return made;
  };
  const members = pMapIterable(regroup(tar, pieces, from), member, {
    concurrency: atOnce,
    // One more than at once, so that none waits; where there is time, none more.
    backpressure: atOnce + Math.sign(atOnce - 1),
  });
  try {
    for await (const { bytes, release } of members) {
      yield bytes;
      release();
    }
  } finally {
    // The mapping leaves its source as it is when nobody asks for more.
    await tar.return(undefined);
    end();
    pieces.forEach(free);
  }
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
    // One for all pieces: each is copied before the next is asked for.
    const piece = Buffer.allocUnsafe(Math.min(MEMBER_BYTES, size));
    for (let offset = 0; offset < size; ) {
      const { buffer, bytesRead } = await file.read(piece, 0, Math.min(piece.length, size - offset), null);
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

/**
 * The blocks before a file's bytes. A long name needs a second header, which Pax writes; a size above 8 GiB is written in
 * base 256, so that the length of a header depends on the name alone.
 */
function headerOf(path: string, size: number, mtime: Date): Buffer {
  const facts = { path, size, mtime, mode: 0o644, type: 'File' as const };
  const header = new Header(facts);
  header.encode();
  const block = header.block ?? Buffer.alloc(0);
  return new Header({ ...facts, size: 0 }).encode() ? Buffer.concat([new Pax({ path }).encode(), block]) : block;
}

function padding(size: number): Buffer {
  return Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);
}

/** The same bytes in pieces of exactly one member, the last one aside, from one on; `free` are buffers that may be filled. */
async function* regroup(source: AsyncIterable<Buffer>, free: Buffer[], from: number): AsyncGenerator<Buffer> {
  const empty = (): Buffer => free.pop() ?? Buffer.allocUnsafe(MEMBER_BYTES);
  let member = empty();
  let filled = 0;
  let passed = 0;
  for await (const piece of source) {
    for (let taken = 0; taken < piece.length; ) {
      const bytes = piece.copy(member, filled, taken);
      taken += bytes;
      filled += bytes;
      if (filled < MEMBER_BYTES) continue;
      filled = 0;
      if (passed++ < from) continue;
      yield member;
      member = empty();
    }
  }
  if (filled > 0) yield member.subarray(0, filled);
}
