import { statfs } from 'node:fs/promises';
import { messageOf } from '../errors.ts';

const WORDS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EBUSY: 'it is in use',
  EDQUOT: 'the disk quota is used up',
  EEXIST: 'it already exists',
  EFBIG: 'the file is larger than the file system allows',
  EIO: 'the disk reports an input/output error',
  EMFILE: 'too many open files',
  ENAMETOOLONG: 'the name is too long',
  ENOENT: 'no such file or directory',
  ENOSPC: 'no space is left on the device',
  ENOTDIR: 'a part of the path is not a directory',
  EPERM: 'operation not permitted',
  EROFS: 'the file system is read-only',
};

/** The system's code of an error, such as ENOSPC; undefined when it has none. */
export function errnoOf(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** What an error of the file system says in plain words, with its code. */
export function explainErrno(error: unknown): string {
  const code = errnoOf(error);
  const words = code === undefined ? undefined : WORDS[code];
  return words === undefined ? messageOf(error) : `${words} (${code})`;
}

/** As explainErrno; where space ran out, also how much is left in the directory. */
export async function explainWrite(error: unknown, directory: string): Promise<string> {
  const text = explainErrno(error);
  if (errnoOf(error) !== 'ENOSPC') return text;
  const space = await freeSpace(directory);
  return space === null ? text : `${text}: ${space.free} of ${space.total} bytes are free`;
}

/** Bytes free (for us) and in all on the file system of a directory; null when it does not tell. */
export async function freeSpace(directory: string): Promise<{ free: number; total: number } | null> {
  try {
    const { bavail, blocks, bsize } = await statfs(directory);
    return { free: bavail * bsize, total: blocks * bsize };
  } catch {
    return null; // Only an extra detail of a message: the failure itself is already told.
  }
}
