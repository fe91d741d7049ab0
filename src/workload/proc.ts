import { mkdir, open, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import pMap from 'p-map';
import { explainErrno } from '../upload/explain.ts';

const MAX_FILE_BYTES = 4 << 20;
const PIECE_BYTES = 64 << 10;
/** The thread pool has four threads; a few more requests keep them busy. */
const CONCURRENCY = 8;
/** Reading these waits for a daemon to answer, possibly for ever. */
const BLOCKING = /^rpc(?:\/|$)/;

/**
 * Copies the readable files below a directory of /proc. Their sizes are told as 0, so each is read to its end, 4 MiB at
 * most. Resolves to a line for each file that could not be copied whole.
 */
export async function copyProc(from: string, to: string, signal: AbortSignal): Promise<string[]> {
  const files = await listFiles(from, '');
  await Promise.all(
    [...new Set(files.map((file) => dirname(join(to, file))))].map((path) => mkdir(path, { recursive: true })),
  );
  const notes = await pMap(
    files,
    async (file): Promise<string[]> => {
      if (signal.aborted) return [];
      try {
        const { content, whole } = await readBounded(join(from, file));
        await writeFile(join(to, file), content, { mode: 0o600 });
        return whole ? [] : [`${join(from, file)}: cut at ${MAX_FILE_BYTES} bytes`];
      } catch (error) {
        return [`${join(from, file)}: ${explainErrno(error)}`];
      }
    },
    { concurrency: CONCURRENCY },
  );
  return notes.flat();
}

/** `readdir` with `recursive` would follow no error: a namespace's directory may vanish while it is read. */
async function listFiles(root: string, below: string): Promise<string[]> {
  const entries = await readdir(join(root, below), { withFileTypes: true }).catch(() => []);
  const nested = await Promise.all(
    entries.map(async (entry) => {
      const path = join(below, entry.name);
      if (entry.isDirectory()) return BLOCKING.test(path) ? [] : listFiles(root, path);
      return entry.isFile() ? [path] : [];
    }),
  );
  return nested.flat().sort();
}

async function readBounded(path: string): Promise<{ content: Buffer; whole: boolean }> {
  const file = await open(path, 'r');
  try {
    const pieces: Buffer[] = [];
    for (let held = 0; held < MAX_FILE_BYTES; ) {
      const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(PIECE_BYTES), 0, PIECE_BYTES, null);
      if (bytesRead === 0) return { content: Buffer.concat(pieces), whole: true };
      pieces.push(buffer.subarray(0, bytesRead));
      held += bytesRead;
    }
    return { content: Buffer.concat(pieces), whole: false };
  } finally {
    await file.close();
  }
}
