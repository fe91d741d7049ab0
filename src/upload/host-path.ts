import { type FileHandle, open, rename, rmdir, unlink } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { resultName, scratchName, tarballName } from '../capture/names.ts';
import { CaptureError } from '../errors.ts';
import { ensureDirectory, syncDirectory } from './directory.ts';
import { explainWrite } from './explain.ts';
import type { Upload, Uploader } from './uploader.ts';

/** A directory as this process sees it, and what users call it. */
export type Directory = { kind: 'host-path' | 'pvc'; path: string; directory: string };

/**
 * Delivers into a mounted directory: bytes go to a temporary name on the same file system, so that the rename at the
 * end is atomic and a tarball under its final name is always whole.
 */
export function directoryUploader(target: Directory, stem: string): Uploader {
  const location = posix.join(target.path, tarballName(stem));
  return { kind: target.kind, location, open: () => openUpload(target, stem) };
}

async function openUpload(target: Directory, stem: string): Promise<Upload> {
  const { directory } = target;
  const part = join(directory, scratchName(stem), 'tarball.part');
  const guarded = <T>(name: string, work: () => Promise<T>): Promise<T> =>
    work().catch(async (cause: unknown) => {
      const why = await explainWrite(cause, directory);
      throw new CaptureError(`cannot write ${posix.join(target.path, name)}: ${why}`, { cause });
    });
  const name = tarballName(stem);
  const file = await guarded(name, () => create(directory, part));
  let written = 0;
  return {
    write: (chunk) =>
      guarded(name, async () => {
        await writeAll(file, chunk);
        written += chunk.length;
      }),
    commit: () => guarded(name, () => publish({ file, part, final: join(directory, name), directory, written })),
    putResult: (text) => guarded(resultName(stem), () => putBeside(directory, stem, text)),
    abort: async () => {
      // Each step may find its work already done: by a failed commit, or because the disk has gone.
      await file.close().catch(() => undefined);
      await unlink(part).catch(() => undefined);
      await leaveScratch(part);
    },
  };
}

async function create(directory: string, part: string): Promise<FileHandle> {
  await ensureDirectory(directory);
  await ensureDirectory(join(part, '..'), 0o700);
  return open(part, 'wx', 0o600);
}

/** FileHandle.write may write less than asked, most likely just before the disk is full. */
async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let offset = 0; offset < chunk.length; ) {
    const { bytesWritten } = await file.write(chunk, offset);
    offset += bytesWritten;
  }
}

type Finished = { file: FileHandle; part: string; final: string; directory: string; written: number };

async function publish({ file, part, final, directory, written }: Finished): Promise<void> {
  await file.sync();
  const { size } = await file.stat();
  if (size !== written) throw new Error(`${written} bytes were written, but the file holds ${size}`);
  await file.close();
  await rename(part, final);
  await syncDirectory(directory);
  await leaveScratch(part);
}

async function putBeside(directory: string, stem: string, text: string): Promise<void> {
  const part = join(directory, scratchName(stem), 'result.part');
  const file = await create(directory, part);
  try {
    await writeAll(file, Buffer.from(text));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(part, join(directory, resultName(stem)));
  await syncDirectory(directory);
  await leaveScratch(part);
}

/** The scratch directory stays while the capture still has files in it; its owner removes it then. */
async function leaveScratch(part: string): Promise<void> {
  await rmdir(join(part, '..')).catch(() => undefined);
}
