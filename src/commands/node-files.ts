import { readdir, readFile, readlink } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CaptureError, UsageError } from '../errors.ts';
import { errnoOf, explainErrno } from '../upload/explain.ts';
import { copyRange, findTarballs, sha256OfFile } from '../workload/files.ts';
import { copyPartial, findPartials } from '../workload/partial.ts';

/** Milliseconds without a reader after which a download pod ends by itself: its client is gone. */
const IDLE_LIMIT = 45_000;
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
      io.stdout.write(await readable(path, () => find(path, { capture: first, node: second })));
      return 0;
    case 'sha256':
      io.stdout.write(JSON.stringify(await readable(path, () => sha256OfFile(path))));
      return 0;
    case 'read':
      await readable(path, () => copyRange(path, Number(first), io.stdout));
      return 0;
    case 'find-partial':
      io.stdout.write(JSON.stringify(await readable(path, () => findPartials(path, { capture: first, node: second }))));
      return 0;
    case 'read-partial':
      await readable(path, () => copyPartial(dirname(path), basename(path), Number(first), io.stdout));
      return 0;
    default:
      throw new UsageError('node-files is run by capture download');
  }
}

/** Only what the client needs: with their whole results, a few hundred tarballs would be megabytes. */
async function find(directory: string, query: { capture: string; node: string }): Promise<string> {
  const found = await findTarballs(directory, query);
  return JSON.stringify(found.map(({ name, bytes, sha256 }) => ({ name, bytes, sha256 })));
}

/** The client shows what goes wrong here to its user: in words, without a stack. */
async function readable<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    throw new CaptureError(`${basename(path)}: ${explainErrno(error)}`, { cause: error });
  }
}

/**
 * Waits until nobody has read for a while, or the pod is ended. A reader whose client was killed is not told so: it waits
 * for ever to be rid of its bytes. So only those count whose bytes move.
 */
async function hold(signal: AbortSignal): Promise<void> {
  let last = Date.now();
  let seen = '';
  while (!signal.aborted && Date.now() - last < IDLE_LIMIT) {
    const moved = await readers();
    if (moved !== seen) last = Date.now();
    seen = moved;
    await sleep(LOOK, undefined, { signal }).catch(() => undefined);
  }
}

/** The other processes of this program in the container, each with the bytes that it has read and written. */
async function readers(): Promise<string> {
  const self = await readlink('/proc/self/exe');
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && name !== String(process.pid));
  const states = pids.map(async (pid) => {
    // A process may end at any moment.
    if ((await readlink(`/proc/${pid}/exe`).catch(() => '')) !== self) return '';
    const io = await readFile(`/proc/${pid}/io`, 'utf8').catch(() => '');
    return `${pid} ${/rchar: \d+\nwchar: \d+/.exec(io)?.[0]}`;
  });
  return (await Promise.all(states)).filter((state) => state !== '').join('\n');
}
