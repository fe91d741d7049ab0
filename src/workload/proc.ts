import { closeSync, constants, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { explainErrno } from '../upload/explain.ts';
import type { BundleEntry } from './bundle.ts';

const MAX_FILE_BYTES = 4 << 20;
/** All of a tree is held in memory until it is bundled. */
const MAX_TREE_BYTES = 16 << 20;
const PIECE_BYTES = 64 << 10;
/** How long other work (the size limit, the stop signal) may wait for us. */
const SLICE_MS = 5;
/** Reading these waits for a daemon to answer, possibly for ever. */
const BLOCKING = /^rpc(?:\/|$)/;

/** The buffer is shared: one for each read costs more than the read. */
type Slice = { startedAt: number; buffer: Buffer };

/**
 * Reads the readable files below a directory of /proc into memory, as entries below `name`. Their sizes are told as 0, so
 * each is read to its end, 4 MiB at most, and 16 MiB of all. Notes tell what could not be read whole.
 *
 * Synchronous, in slices: for a thousand tiny files the thread pool's round trips cost half as much again.
 */
export async function readProc(
  from: string,
  name: string,
  signal: AbortSignal,
): Promise<{ entries: BundleEntry[]; notes: string[] }> {
  const slice = { startedAt: performance.now(), buffer: Buffer.allocUnsafe(PIECE_BYTES) };
  const entries: BundleEntry[] = [];
  const notes: string[] = [];
  let room = MAX_TREE_BYTES;
  for (const file of listFiles(from, '')) {
    if (signal.aborted) break;
    const path = join(from, file);
    try {
      const limit = Math.min(MAX_FILE_BYTES, room);
      const { content, whole } = await readBounded(path, limit, slice);
      entries.push({ name: join(name, file), content });
      room -= content.length;
      if (!whole) notes.push(`${path}: cut at ${limit} bytes`);
    } catch (error) {
      notes.push(`${path}: ${explainErrno(error)}`);
    }
    await yieldTurn(slice);
  }
  return { entries, notes };
}

/** The regular files below a directory; one that vanishes meanwhile, with its interface, holds none. */
function listFiles(root: string, below: string): string[] {
  try {
    const entries = readdirSync(join(root, below), { withFileTypes: true });
    return entries
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .flatMap((entry) => {
        const path = join(below, entry.name);
        if (entry.isDirectory()) return BLOCKING.test(path) ? [] : listFiles(root, path);
        return entry.isFile() ? [path] : [];
      });
  } catch {
    return [];
  }
}

async function readBounded(path: string, limit: number, slice: Slice): Promise<{ content: Buffer; whole: boolean }> {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const pieces: Buffer[] = [];
    for (let held = 0; held < limit; ) {
      const length = readSync(file, slice.buffer, 0, Math.min(PIECE_BYTES, limit - held), null);
      if (length === 0) return { content: Buffer.concat(pieces), whole: true };
      pieces.push(Buffer.from(slice.buffer.subarray(0, length)));
      held += length;
      await yieldTurn(slice);
    }
    return { content: Buffer.concat(pieces), whole: false };
  } finally {
    closeSync(file);
  }
}

async function yieldTurn(slice: Slice): Promise<void> {
  if (performance.now() - slice.startedAt < SLICE_MS) return;
  await nextTurn();
  slice.startedAt = performance.now();
}
