import { access, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeSpec, PODINFO_DIRECTORY, PODINFO_SPEC, type WorkloadSpec } from '../capture/workload-spec.ts';

/** Milliseconds between looks whether the workload has ended. */
const POLL = 100;

/** The file by which a workload on Windows is told that its pod ends: both processes of the container know the order. */
export function endFile({ stem }: Pick<WorkloadSpec, 'stem'>): string {
  return join(tmpdir(), `retina-end-${stem}`);
}

/** Whether a file is there. */
export function isThere(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

/**
 * `end-workload`, hidden: what the kubelet runs in a container on Windows before it ends it, in place of SIGTERM, which
 * Windows does not know. Returns when the workload has delivered: then it takes the file away.
 */
export async function endWorkload(): Promise<number> {
  const file = endFile(decodeSpec(await readFile(join(PODINFO_DIRECTORY, PODINFO_SPEC), 'utf8')));
  await writeFile(file, '');
  while (await isThere(file)) await sleep(POLL);
  return 0;
}
