import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errnoOf } from './explain.ts';

const READ_BYTES = 1 << 20;

/**
 * Makes a directory and its parents where they are missing. Node's own recursive mkdir tells ENOENT where the file
 * system is read-only; this one tells the true reason.
 */
export async function ensureDirectory(path: string, mode?: number): Promise<void> {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return;
    if (errnoOf(error) !== 'ENOENT' || dirname(path) === path) throw error;
    await ensureDirectory(dirname(path));
    await ensureDirectory(path, mode);
  }
}

/** A rename survives a power cut only once its directory is on disk. Windows takes no such order: its NTFS logs renames. */
export async function syncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Writes all bytes at a position: FileHandle.write may write less than asked, most likely just before the disk is full. */
export async function writeAll(file: FileHandle, chunk: Uint8Array, position: number): Promise<void> {
  for (let offset = 0; offset < chunk.length; ) {
    const { bytesWritten } = await file.write(chunk, offset, chunk.length - offset, position + offset);
    offset += bytesWritten;
  }
}

/** A file's bytes from an offset on, in one buffer that is filled again and again; closes the file. */
export async function* readFrom(file: FileHandle, from: number): AsyncGenerator<Buffer> {
  const piece = Buffer.allocUnsafe(READ_BYTES);
  try {
    for (let at = from; ; ) {
      const { bytesRead } = await file.read(piece, 0, READ_BYTES, at);
      if (bytesRead === 0) return;
      at += bytesRead;
      yield piece.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}
