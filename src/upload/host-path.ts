import { createHash } from 'node:crypto';
import { type FileHandle, open, rename, rmdir, unlink } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { resultName, scratchName, tarballName } from '../capture/names.ts';
import { CaptureError } from '../errors.ts';
import { ensureDirectory, readFrom, syncDirectory, writeAll } from './directory.ts';
import { errnoOf, explainWrite } from './explain.ts';
import type { Upload, Uploader } from './uploader.ts';

/** Bytes after which what was written is brought to the disk. */
const SYNC_BYTES = 32 << 20;

/** A directory as this process sees it, and what users call it. */
export type Directory = { kind: 'host-path' | 'pvc'; path: string; directory: string };

/**
 * Delivers into a mounted directory: bytes go to a temporary name on the same file system, so that the rename at the
 * end is atomic and a tarball under its final name is always whole.
 */
export function directoryUploader(target: Directory, stem: string): Uploader {
  const location = posix.join(target.path, tarballName(stem));
  return { kind: target.kind, location, open: (kept) => openUpload(target, stem, kept) };
}

async function openUpload(target: Directory, stem: string, kept = 0): Promise<Upload> {
  const { directory } = target;
  const part = join(directory, scratchName(stem), 'tarball.part');
  const guarded = <T>(name: string, work: () => Promise<T>): Promise<T> =>
    work().catch(async (cause: unknown) => {
      const why = await explainWrite(cause, directory);
      throw new CaptureError(`cannot write ${posix.join(target.path, name)}: ${why}`, { cause });
    });
  const name = tarballName(stem);
  const file = await guarded(name, () => create(directory, part));
  const syncing = syncAlong(file);
  let written = kept;
  return {
    write: (chunk) =>
      guarded(name, async () => {
        await writeAll(file, chunk, written);
        written += chunk.length;
        await syncing.wrote(chunk.length);
      }),
    commit: (head = new Uint8Array()) =>
      guarded(name, async () => {
        await writeAll(file, head, 0);
        await syncing.settled();
        await publish({ file, part, final: join(directory, name), directory, written });
      }),
    // A handle of its own: it stays valid when the file gets its final name.
    readBack: async () => readFrom(await open(part), kept),
    putResult: (text) => guarded(resultName(stem), () => putBeside(directory, stem, text)),
    confirm: (expected) => guarded(name, async () => confirmFile(join(directory, name), expected)),
    abort: async () => {
      await syncing.settled().catch(() => undefined);
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

async function confirmFile(path: string, { bytes, sha256 }: { bytes: number; sha256: string }): Promise<void> {
  const hash = createHash('sha256');
  let read = 0;
  for await (const piece of readFrom(await open(path), 0)) {
    hash.update(piece);
    read += piece.length;
  }
  if (read !== bytes || hash.digest('hex') !== sha256) throw new Error(`it holds other bytes than the ${bytes} sent`);
}

/** Removes a tarball and its result: it is somewhere else by now. */
export async function removeCopy(directory: string, stem: string): Promise<void> {
  await unlink(join(directory, tarballName(stem)));
  await unlink(join(directory, resultName(stem))).catch((error: unknown) => {
    if (errnoOf(error) !== 'ENOENT') throw error;
  });
  await syncDirectory(directory);
}

/** Sees to it that bytes reach the disk while more come in: at the end, only the last of them have to be waited for. */
function syncAlong(file: FileHandle): { wrote(bytes: number): Promise<void>; settled(): Promise<void> } {
  let since = 0;
  let under: Promise<void> = Promise.resolve();
  return {
    wrote: async (bytes) => {
      since += bytes;
      if (since < SYNC_BYTES) return;
      since = 0;
      await under;
      under = file.datasync();
      // Told by whoever waits for it next.
      under.catch(() => undefined);
    },
    settled: () => under,
  };
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
    await writeAll(file, Buffer.from(text), 0);
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
