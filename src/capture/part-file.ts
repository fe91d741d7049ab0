import { createHash, type Hash } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm, stat, statfs } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { CaptureError, messageOf } from '../errors.ts';
import type { ExpectedFile, PartialFile } from './download.ts';
import { lockPart } from './part-lock.ts';

/** A path on this machine; never to be mixed up with one on a node. */
export type LocalPath = string & { readonly __brand: 'LocalPath' };

export type LocalDownload = PartialFile & {
  /** Makes the bytes durable and gives the file its final name. */
  finish(): Promise<LocalPath>;
  /** Closes the file; what is there stays as `<name>.part` for the next try. */
  close(): Promise<void>;
};

/** Whether the whole file is here already, from an earlier download: then nothing needs to be fetched. */
export async function isComplete(directory: LocalPath, file: ExpectedFile): Promise<boolean> {
  const path = join(directory, file.name);
  const there = await stat(path).catch(() => undefined);
  if (there?.size !== file.bytes || !there.isFile()) return false;
  return (await hashFile(path)).digest('hex') === file.sha256;
}

/**
 * Opens `<name>.part` in a directory, which is made when needed, at the end of what an earlier try left there. A disk
 * that cannot hold the rest is refused at once: it would be full for everybody else, too. No other download writes there
 * until it is closed.
 */
export async function openPart(directory: LocalPath, file: ExpectedFile): Promise<LocalDownload> {
  const final = join(directory, basename(file.name));
  const path = `${final}.part`;
  let handle: FileHandle | undefined;
  let unlock: (() => Promise<void>) | undefined;
  try {
    await mkdir(directory, { recursive: true });
    unlock = await lockPart(path);
    handle = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
    const { size } = await handle.stat();
    await requireSpace(directory, file.bytes - size);
    const hash = size > 0 ? await hashFile(path) : createHash('sha256');
    const part = partFile(handle, { path, final }, size, hash);
    return { ...part, close: () => part.close().finally(unlock) };
  } catch (error) {
    await handle?.close();
    // Without the lock, the part is another's.
    if (unlock !== undefined && (await stat(path).catch(() => undefined))?.size === 0) await rm(path, { force: true });
    await unlock?.();
    throw error instanceof CaptureError ? error : localError(path, error);
  }
}

async function requireSpace(directory: string, bytes: number): Promise<void> {
  const { bavail, bsize, blocks } = await statfs(directory);
  // Some network file systems tell nothing.
  if (blocks === 0 || bavail * bsize >= bytes) return;
  throw Object.assign(new Error(`${bytes} bytes are to come, and ${bavail * bsize} are free`), { code: 'ENOSPC' });
}

function partFile(
  handle: FileHandle,
  names: { path: string; final: string },
  startSize: number,
  startHash: Hash,
): LocalDownload {
  let size = startSize;
  let hash = startHash;
  return {
    size: () => size,
    write: async (chunk) => {
      try {
        for (let done = 0; done < chunk.length; ) {
          done += (await handle.write(chunk, done, chunk.length - done, size + done)).bytesWritten;
        }
      } catch (error) {
        throw localError(names.path, error);
      }
      hash.update(chunk);
      size += chunk.length;
    },
    restart: async () => {
      await handle.truncate(0);
      size = 0;
      hash = createHash('sha256');
    },
    digest: () => hash.copy().digest('hex'),
    finish: async () => {
      try {
        await handle.sync();
        await requireOurs(handle, names.path, size);
        await rename(names.path, names.final);
        const directory = await open(dirname(names.final), 'r');
        await directory.sync().finally(() => directory.close());
      } catch (error) {
        throw localError(names.final, error);
      }
      return names.final as LocalPath;
    },
    close: async () => {
      await handle.close();
      if (size === 0) await rm(names.path, { force: true });
    },
  };
}

/** Another download into the same directory may have taken the part away, or cut it. */
async function requireOurs(handle: FileHandle, path: string, size: number): Promise<void> {
  const [ours, there] = await Promise.all([handle.stat(), stat(path).catch(() => undefined)]);
  if (there?.ino === ours.ino && ours.size === size) return;
  throw new Error('another download writes the same file at the same time');
}

async function hashFile(path: string): Promise<Hash> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash;
}

const WORDS: Record<string, string> = {
  ENOSPC: 'the disk is full',
  EACCES: 'you may not write there',
  EROFS: 'the file system is read-only',
  EDQUOT: 'your disk quota is used up',
  ENOTDIR: 'a part of the path is not a directory',
  ELOOP: 'it is a symbolic link',
};

function localError(path: string, error: unknown): CaptureError {
  const { code = '', syscall } = error as NodeJS.ErrnoException;
  // The system's own message repeats the path and the call.
  const detail = WORDS[code] === undefined || syscall === undefined ? messageOf(error) : '';
  const why = [WORDS[code], detail].filter((text) => text).join(': ');
  return new CaptureError(`${path} cannot be written on this machine: ${why}`, {
    hint: 'Choose another directory with -o; a part that was fetched is kept, and the same command goes on from there.',
    cause: error,
  });
}
