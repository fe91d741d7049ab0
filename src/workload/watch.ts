import { setTimeout as sleep } from 'node:timers/promises';
import type { MinFree, StopReason } from '../capture/workload-spec.ts';
import { errnoOf, explainErrno, freeSpace } from '../upload/explain.ts';
import { sizesOf } from './limit.ts';
import { PCAP_HEADER_BYTES } from './pcap.ts';
import type { Tcpdump } from './tcpdump.ts';

/** Why runWorkload's caller ends a capture; `discard` leaves nothing behind. */
export type StopRequest = Extract<StopReason, 'requested' | 'terminated' | 'interrupted'> | 'discard';

/** Why a capture ended. */
export type End = { reason: StopReason | 'discard'; error?: string };

const POLL_MS = 50;
const SPACE_POLL_MS = 500;
/** Below this a file system is full in practice: tcpdump does not tell when its writes fail. */
const FULL_BYTES = 64 << 10;

/** What can end a capture. */
export type Limits = {
  durationMs: number | null;
  maxBytes: number | null;
  packetCount: number | null;
  fileCount: number | null;
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
export async function firstEnd(tools: readonly Tcpdump[], limits: Limits): Promise<End> {
  const over = new AbortController();
  const exits = tools.map(async (tool): Promise<End> => {
    await tool.exited;
    if (countReached([tool], limits)) return { reason: 'packet-count' };
    return {
      reason: 'tool-exited',
      error: `tcpdump on interface ${tool.interface} ended by itself: ${tool.complaint()}`,
    };
  });
  try {
    const limit = limitReached(tools, limits, over.signal).catch(unreadable);
    return await Promise.race([stopRequested(limits.stop), ...exits, limit]);
  } finally {
    over.abort();
  }
}

/** One loop for every limit: a timer alone could not hold more than 24.8 days. */
async function limitReached(tools: readonly Tcpdump[], limits: Limits, over: AbortSignal): Promise<End> {
  const start = performance.now();
  const files = tools.map(({ file }) => file);
  let spaceCheckedAt = start;
  while (!over.aborted) {
    const left = limits.durationMs === null ? POLL_MS : limits.durationMs - (performance.now() - start);
    if (left <= 0) return { reason: 'duration' };
    await sleep(Math.min(POLL_MS, left));
    if (await sizeReached(files, limits)) return { reason: 'max-size' };
    if (countReached(tools, limits)) return { reason: 'packet-count' };
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

/** Whether the one file to come would be full. What is kept is decided later: this only ends the capture. */
async function sizeReached(files: readonly string[], { maxBytes, fileCount }: Limits): Promise<boolean> {
  if (maxBytes === null || fileCount !== null) return false;
  const packets = (await sizesOf(files)).map((size) => Math.max(0, size - PCAP_HEADER_BYTES));
  return PCAP_HEADER_BYTES + sum(packets) >= maxBytes;
}

/** Whether all together have captured enough; a single tcpdump ends by itself. */
function countReached(tools: readonly Tcpdump[], { packetCount }: Limits): boolean {
  if (packetCount === null) return false;
  if (tools.length > 1) for (const tool of tools) tool.askCounts();
  return sum(tools.map((tool) => tool.counts().captured)) >= packetCount;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
