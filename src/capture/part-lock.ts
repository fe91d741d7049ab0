import { randomUUID } from 'node:crypto';
import { readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename } from 'node:path';
import * as z from 'zod/mini';
import { CaptureError } from '../errors.ts';

/** Milliseconds between two signs of life of who holds a lock. */
const PULSE = 3_000;
/** Milliseconds without one after which a lock is nobody's: its program was killed, perhaps on another machine. */
const STALE = 15_000;
const MAX_TRIES = 3;

const holder = z.object({ pid: z.number(), host: z.string(), id: z.string() });
type Holder = z.infer<typeof holder>;

/**
 * Keeps other downloads from a file until the returned function is called; throws a CaptureError when another one has
 * it. A lock that was left by a program that was killed is taken over.
 */
export async function lockPart(path: string): Promise<() => Promise<void>> {
  const lock = `${path}.lock`;
  const own: Holder = { pid: process.pid, host: hostname(), id: randomUUID() };
  for (let tries = 1; !(await create(lock, own)); tries += 1) {
    const there = await read(lock);
    if (there.alive || tries > MAX_TRIES) throw taken(path, there.holder);
    if (!there.gone) await rm(lock, { force: true });
  }
  const pulse = setInterval(() => void utimes(lock, new Date(), new Date()).catch(() => undefined), PULSE);
  pulse.unref();
  return async () => {
    clearInterval(pulse);
    // After a long sleep of this machine, it may be another's by now.
    if ((await read(lock)).holder?.id === own.id) await rm(lock, { force: true });
  };
}

async function create(lock: string, own: Holder): Promise<boolean> {
  try {
    await writeFile(lock, JSON.stringify(own), { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Who holds a lock, and whether it still lives; a holder that is just writing its name is not known yet. */
async function read(lock: string): Promise<{ holder: Holder | undefined; alive: boolean; gone: boolean }> {
  const [text, there] = await Promise.all([readFile(lock, 'utf8').catch(() => ''), stat(lock).catch(() => undefined)]);
  const parsed = holder.safeParse(parse(text)).data;
  const silent = there === undefined || Date.now() - there.mtimeMs > STALE;
  const alive = !silent && !(parsed?.host === hostname() && isGone(parsed.pid));
  return { holder: parsed, alive, gone: there === undefined };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

function taken(path: string, by: Holder | undefined): CaptureError {
  const who = by === undefined ? '' : ` (process ${by.pid} on ${by.host})`;
  return new CaptureError(
    `another download${who} is fetching ${basename(path).replace(/\.part$/, '')} into the same directory`,
    {
      hint: 'Wait for it to end, or choose another directory with -o.',
    },
  );
}
