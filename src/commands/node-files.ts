import { readdir, readlink } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { UsageError } from '../errors.ts';
import { copyRange, findTarballs, sha256OfFile } from '../workload/files.ts';

/** Milliseconds without a reader after which a download pod ends by itself: its client is gone. */
const IDLE_LIMIT = 60_000;
const LOOK = 2_000;

/** `node-files`, hidden: what a download pod runs, and what the client runs in it to look at and read tarballs. */
export async function nodeFiles(
  args: readonly string[],
  io: { stdout: NodeJS.WriteStream; signal: AbortSignal },
): Promise<number> {
  const [verb, path = '', first = '', second = ''] = args;
  switch (verb) {
    case 'hold':
      await hold(io.signal);
      return 0;
    case 'find':
      io.stdout.write(JSON.stringify(await findTarballs(path, { capture: first, node: second })));
      return 0;
    case 'sha256':
      io.stdout.write(JSON.stringify(await sha256OfFile(path)));
      return 0;
    case 'read':
      await copyRange(path, Number(first), io.stdout);
      return 0;
    default:
      throw new UsageError('node-files is run by capture download');
  }
}

/** Waits until nobody has read for a while, or the pod is ended. */
async function hold(signal: AbortSignal): Promise<void> {
  let last = Date.now();
  while (!signal.aborted && Date.now() - last < IDLE_LIMIT) {
    if (await othersRun()) last = Date.now();
    await sleep(LOOK, undefined, { signal }).catch(() => undefined);
  }
}

/** Whether another process of this program runs in the container: a reader. */
async function othersRun(): Promise<boolean> {
  const self = await readlink('/proc/self/exe');
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && name !== String(process.pid));
  const programs = await Promise.all(pids.map((pid) => readlink(`/proc/${pid}/exe`).catch(() => '')));
  return programs.includes(self);
}
