import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../errors.ts';
import type { Upload, Uploader } from '../upload/uploader.ts';

/** Milliseconds for which a directory waits, in all, for stores that have no room, once the capture has ended. */
const PATIENCE = 2000;
/** Milliseconds for which stores wait for another, at one time: two that are slow would else get their bytes one after the other. */
const PATIENCE_OF_STORES = 20_000;

/** One destination's state; `upload` is null once it has failed. */
export type Branch = {
  uploader: Uploader;
  upload: Upload | null;
  error: string | undefined;
  /** Chunks and bytes of the stream that it has. */
  taken: { chunks: number; bytes: number };
};

/** When the capture has ended, and what is then called with each destination that keeps the others from going on. */
export type Lagging = { ended: Promise<void>; leave(branch: Branch): void };

/** Runs a step for every branch that has not failed; where it fails, the upload is undone and the reason kept. */
export async function forEach(branches: readonly Branch[], step: (branch: Branch) => Promise<void>): Promise<void> {
  await Promise.all(
    branches.map(async (branch) => {
      if (branch.error !== undefined) return;
      try {
        await step(branch);
      } catch (error) {
        // The stream may have failed meanwhile, and all with it.
        if (branch.error !== undefined) return;
        branch.error = messageOf(error);
        const left = await branch.upload?.abort();
        if (left !== undefined) branch.error += `; ${left}`;
        branch.upload = null;
      }
    }),
  );
}

/**
 * Pumps a stream into every open upload, at the pace of the slowest while packets come in. The answer is the bytes of the
 * stream, or null where no upload is left; rejects when the stream fails.
 */
export async function pump(
  source: AsyncIterable<Uint8Array>,
  branches: readonly Branch[],
  { lagging, seen }: { lagging?: Lagging | undefined; seen?: ((chunk: Uint8Array) => void) | undefined } = {},
): Promise<number | null> {
  const waitFor = lagging === undefined ? waitForAll : impatience(lagging.ended);
  let group = branches;
  let at = 0;
  for await (const chunk of source) {
    // Whoever was left behind needs to know where the stream ends.
    if (branches.every(({ upload }) => upload === null)) return null;
    const ready = await waitFor(group, chunk.length);
    for (const branch of group) if (branch.upload !== null && !ready.includes(branch)) lagging?.leave(branch);
    group = ready;
    const written = forEach(group, (branch) => put(branch, chunk));
    seen?.(chunk);
    await written;
    at += chunk.length;
  }
  return at;
}

/** Writes the next chunk to an upload. */
export async function put({ upload, taken }: Branch, chunk: Uint8Array): Promise<void> {
  await upload?.write(chunk);
  taken.chunks += 1;
  taken.bytes += chunk.length;
}

type Wait = (group: readonly Branch[], bytes: number) => Promise<readonly Branch[]>;

const waitForAll: Wait = (group) => Promise.resolve(group);

/** Waits until all have room, or, after the capture's end and for too long in all, until some have: the answer is who has. */
function impatience(ended: Promise<void>): Wait {
  let over = false;
  let wake = (): void => undefined;
  void ended.then(() => {
    over = true;
    wake();
  });
  let waited = 0;
  const patience = async (most: number, signal: AbortSignal): Promise<boolean> => {
    if (!over) {
      const { promise, resolve } = Promise.withResolvers<void>();
      wake = resolve;
      await promise;
    }
    const begun = performance.now();
    const spent = await sleep(Math.max(0, most), true, { signal }).catch(() => false);
    waited += performance.now() - begun;
    return spent;
  };
  return async (group, bytes) => {
    const live = group.filter(({ upload }) => upload !== null);
    const rooms = (): Promise<void>[] => live.flatMap(({ upload }) => upload?.room?.(bytes) ?? []);
    const all = rooms();
    if (all.length === 0) return live;
    const most = live.some(({ upload }) => upload?.room === undefined) ? PATIENCE - waited : PATIENCE_OF_STORES;
    const enough = new AbortController();
    const tooLong = await Promise.race([Promise.all(all).then(() => false), patience(most, enough.signal)]);
    enough.abort();
    if (!tooLong) return live;
    if (rooms().length === live.length) await Promise.race(rooms());
    waited = 0;
    return live.filter(({ upload }) => upload?.room?.(bytes) === undefined);
  };
}
