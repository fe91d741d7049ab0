import { closeSync, constants, mkdirSync, openSync, readdirSync, readSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { explainErrno } from '../upload/explain.ts';

const MAX_FILE_BYTES = 4 << 20;
const PIECE_BYTES = 64 << 10;
/** How long other work (the size limit, the stop signal) may wait for us. */
const SLICE_MS = 5;
/** Reading these waits for a daemon to answer, possibly for ever. */
const BLOCKING = /^rpc(?:\/|$)/;

/** The buffer is shared: one for each read costs more than the read. */
type Slice = { startedAt: number; buffer: Buffer };

/**
 * Copies the readable files below a directory of /proc. Their sizes are told as 0, so each is read to its end, 4 MiB at
 * most. Resolves to a line for each file that could not be copied whole.
 *
 * Synchronous, in slices: for a thousand tiny files the thread pool's round trips cost half as much again. What takes
 * longest is to make the copies (0.1 ms each on an idle ext4, more on a busy one).
 */
export async function copyProc(from: string, to: string, signal: AbortSignal): Promise<string[]> {
  const slice = { startedAt: performance.now(), buffer: Buffer.allocUnsafe(PIECE_BYTES) };
  const notes: string[] = [];
  const made = new Set<string>();
  for (const file of listFiles(from, '')) {
    if (signal.aborted) break;
    try {
      const { content, whole } = await readBounded(join(from, file), slice);
      const target = join(to, file);
      if (!made.has(dirname(target))) mkdirSync(dirname(target), { recursive: true });
      made.add(dirname(target));
      writeFileSync(target, content, { mode: 0o600 });
      if (!whole) notes.push(`${join(from, file)}: cut at ${MAX_FILE_BYTES} bytes`);
    } catch (error) {
      notes.push(`${join(from, file)}: ${explainErrno(error)}`);
    }
    await yieldTurn(slice);
  }
  return notes;
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

async function readBounded(path: string, slice: Slice): Promise<{ content: Buffer; whole: boolean }> {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const pieces: Buffer[] = [];
    for (let held = 0; held < MAX_FILE_BYTES; ) {
      const length = readSync(file, slice.buffer, 0, PIECE_BYTES, null);
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
