import { setTimeout as sleep } from 'node:timers/promises';
import type { MinFree, StopReason } from '../capture/workload-spec.ts';
import { errnoOf, explainErrno, freeSpace } from '../upload/explain.ts';
import type { CaptureTool, End } from './tool.ts';

/** Why runWorkload's caller ends a capture; `discard` leaves nothing behind. */
export type StopRequest = Extract<StopReason, 'requested' | 'terminated' | 'interrupted'> | 'discard';

const POLL_MS = 50;
/** Often, for a fast stream takes what is to stay free within a second of a small disk. */
const SPACE_POLL_MS = 100;
/** Below this a file system is full in practice: tcpdump does not tell when its writes fail. */
const FULL_BYTES = 64 << 10;

/** What can end a capture. */
export type Limits = {
  durationMs: number | null;
  minFree: MinFree;
  directory: string;
  stop: AbortSignal;
};

/** The request that an aborted signal carries; anything unknown counts as an interruption, which keeps the packets. */
export function stopRequestOf(signal: AbortSignal): StopRequest {
  const reason: unknown = signal.reason;
  return reason === 'requested' || reason === 'terminated' || reason === 'discard' ? reason : 'interrupted';
}

/** Resolves once with the request when the signal aborts. */
export function stopRequested(signal: AbortSignal): Promise<End> {
  const { promise, resolve } = Promise.withResolvers<End>();
  const onAbort = (): void => resolve({ reason: stopRequestOf(signal) });
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  return promise;
}

/** Waits for the first that ends a running capture: a limit, a request, a tool that ended by itself, a full disk. */
export async function firstEnd(tool: CaptureTool, limits: Limits): Promise<End> {
  const over = new AbortController();
  try {
    const limit = limitReached(tool, limits, over.signal).catch(unreadable);
    return await Promise.race([stopRequested(limits.stop), tool.exited, limit]);
  } finally {
    over.abort();
  }
}

/** One loop for every limit: a timer alone could not hold more than 24.8 days. */
async function limitReached(tool: CaptureTool, limits: Limits, over: AbortSignal): Promise<End> {
  const start = performance.now();
  let spaceCheckedAt = start;
  while (!over.aborted) {
    const left = limits.durationMs === null ? POLL_MS : limits.durationMs - (performance.now() - start);
    if (left <= 0) return { reason: 'duration' };
    await sleep(Math.min(POLL_MS, left));
    const reached = await tool.reached();
    if (reached !== null) return { reason: reached };
    if (performance.now() - spaceCheckedAt < SPACE_POLL_MS) continue;
    spaceCheckedAt = performance.now();
    const full = await fullDisk(limits);
    if (full !== undefined) return full;
  }
  return { reason: 'interrupted' };
}

/**
 * What ends a capture whose disk fills; undefined while there is room. Stopped while there still is some, the packets can
 * be delivered as always.
 */
export async function fullDisk({
  directory,
  minFree,
}: Pick<Limits, 'directory' | 'minFree'>): Promise<End | undefined> {
  const space = await freeSpace(directory);
  if (space === null) return undefined;
  const { free, total } = space;
  if (free < FULL_BYTES) return { reason: 'error', error: `the disk is full: ${free} of ${total} bytes are free` };
  const least = minFree.unit === 'percent' ? (total * minFree.amount) / 100 : minFree.amount;
  return free < least ? { reason: 'disk-nearly-full' } : undefined;
}

/** A disk that no longer answers ends the capture as a failure; what was captured may still be delivered elsewhere. */
function unreadable(error: unknown): End {
  if (errnoOf(error) === undefined) throw error;
  return { reason: 'error', error: `the size of the capture cannot be read: ${explainErrno(error)}` };
}

/** What the disk has left, to be added to words about it; empty where it cannot be told. */
export async function spaceLeft(directory: string): Promise<string> {
  const space = await freeSpace(directory);
  return space === null ? '' : `: ${space.free} of ${space.total} bytes of the disk are free`;
}
