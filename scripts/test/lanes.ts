import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** A test cluster, by its state folder; scripts and tests know it by this variable. */
export function clusterEnv(state: string): { RETINA_TESTCLUSTER: string } {
  return { RETINA_TESTCLUSTER: state };
}

/** Also true of a cluster that did not come up in full. */
export function isThere(state: string): boolean {
  return existsSync(state);
}

/** Ends a test cluster and whatever runs in it. */
export function endCluster(state: string): void {
  spawnSync('test/cluster/down', { env: { ...process.env, ...clusterEnv(state) }, stdio: 'ignore' });
}

/**
 * Gives every lane the next file as soon as it has ended one. Resolves to what came of each file, in the files' order;
 * files that were not begun when `stopped` says so are left out.
 */
export async function inLanes<T>(
  files: readonly string[],
  lanes: readonly string[],
  { run, stopped }: { run: (file: string, lane: string) => Promise<T>; stopped: () => boolean },
): Promise<T[]> {
  const results = new Map<string, T>();
  const waiting = [...files];
  const drain = async (lane: string): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined && !stopped(); file = waiting.shift())
      results.set(file, await run(file, lane));
  };
  await Promise.all(lanes.map(drain));
  return files.flatMap((file) => results.get(file) ?? []);
}
