import { readdir } from 'node:fs/promises';
import { constants, setPriority } from 'node:os';

/**
 * Lets tcpdump, which was started before, go first wherever processors are short: all threads of this process step back.
 * The answer ends that, where it is allowed to; it is for privileged processes only.
 */
export async function stepBack(): Promise<() => Promise<void>> {
  await setThreads(constants.priority.PRIORITY_LOW);
  return () => setThreads(constants.priority.PRIORITY_NORMAL);
}

/** Linux has a priority for each thread, and those that compress are older than the wish. */
async function setThreads(priority: number): Promise<void> {
  const threads = await readdir('/proc/self/task').catch(() => []);
  for (const thread of threads) {
    try {
      setPriority(Number(thread), priority);
    } catch {
      return; // Not allowed: the bundle is made at the priority there is.
    }
  }
}
