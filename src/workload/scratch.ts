import { rmSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { scratchName } from '../capture/names.ts';
import type { NodePlace, WorkloadSpec } from '../capture/workload-spec.ts';
import { CaptureError } from '../errors.ts';
import { ensureDirectory } from '../upload/directory.ts';
import { explainWrite } from '../upload/explain.ts';
import { atExit } from './at-exit.ts';

/** The exit code of a program that the user ended. */
const INTERRUPTED = 130;

/** The directory that holds everything unfinished of one capture. */
export type Scratch = {
  /** For temporary files that are not delivered. */
  readonly directory: string;
  /** What lies in here becomes the tarball. */
  readonly bundle: string;
  /** Removes everything; does nothing when that was done. */
  remove(): Promise<void>;
  /** Moves what would have become the tarball beside where it would have lain; the answer is where, as users know it. */
  rescue(): Promise<string>;
};

/**
 * Makes the scratch directory in the first place on the node that can be written: the host path that was asked for, so
 * that packets are moved, never copied, to stay there; else the node's own place. Never on a volume or in a store: tcpdump
 * must not wait for a network. Rejects with a CaptureError that tells each place's reason.
 */
export async function openScratch({ destinations, nodePlace, stem }: WorkloadSpec): Promise<Scratch> {
  const problems: string[] = [];
  const places = destinations.filter((to) => to.kind === 'host-path');
  for (const target of nodePlace === undefined ? places : [...places, nodePlace]) {
    try {
      return await makeScratch(target, stem);
    } catch (error) {
      problems.push(`cannot write in ${target.path}: ${await explainWrite(error, target.directory)}`);
    }
  }
  throw new CaptureError(problems.join('; ') || 'there is no destination to write to');
}

async function makeScratch(target: NodePlace, stem: string): Promise<Scratch> {
  const directory = join(target.directory, scratchName(stem));
  const bundle = join(directory, 'bundle');
  await ensureDirectory(target.directory);
  // Not recursive: what an earlier run left behind may be evidence, and is not ours to remove.
  await mkdir(directory, { mode: 0o700 });
  await mkdir(bundle, { mode: 0o700 });
  // Only where the user quits: after a crash, what is there may be all that can be saved.
  const abandoned = atExit((code) => {
    if (code === INTERRUPTED) rmSync(directory, { recursive: true, force: true });
  });
  return {
    directory,
    bundle,
    remove: async () => {
      await rm(directory, { recursive: true, force: true, maxRetries: 2 });
      abandoned();
    },
    rescue: async () => {
      const name = await freeName(target.directory, `${stem}.rescued`);
      await rename(bundle, join(target.directory, name));
      return posix.join(target.path, name);
    },
  };
}

async function freeName(directory: string, name: string): Promise<string> {
  const taken = new Set(await readdir(directory));
  for (let attempt = 1; ; attempt += 1) {
    const candidate = attempt === 1 ? name : `${name}-${attempt}`;
    if (!taken.has(candidate)) return candidate;
  }
}
