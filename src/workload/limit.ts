import { stat, unlink } from 'node:fs/promises';
import { errnoOf } from '../upload/explain.ts';
import { cutPcap, PCAP_HEADER_BYTES } from './pcap.ts';

/** What a pcap file holds after it was settled; null when there is no usable file. */
export type SettledPcap = {
  packets: number;
  bytes: number;
  /** Whether the limit, and not damage, decided where it ends. */
  limited: boolean;
} | null;

/** The size of each file in bytes; 0 for one that does not exist (yet). */
export function sizesOf(paths: readonly string[]): Promise<number[]> {
  return Promise.all(
    paths.map(async (path) => {
      try {
        return (await stat(path)).size;
      } catch (error) {
        if (errnoOf(error) === 'ENOENT') return 0;
        throw error;
      }
    }),
  );
}

/**
 * Shares a limit among files so that the sum never exceeds it: a file that needs less than an equal share keeps all it
 * has, and what it leaves goes to the others. A quiet interface so loses nothing to a busy one.
 */
export function shareLimit(sizes: readonly number[], limit: number): number[] {
  const shares = sizes.map(() => 0);
  let left = limit;
  const ascending = sizes.map((size, index) => ({ size, index })).sort((a, b) => a.size - b.size);
  for (const [done, { size, index }] of ascending.entries()) {
    const share = Math.min(size, Math.floor(left / (ascending.length - done)));
    shares[index] = share;
    left -= share;
  }
  return shares;
}

/**
 * Cuts the files at packet boundaries to at most `limit` bytes together, and cuts off half-written packets. Files
 * without a whole pcap header cannot be opened by anything and are removed. The limit must leave room for the headers.
 */
export async function settlePcaps(paths: readonly string[], limit: number | null): Promise<SettledPcap[]> {
  const sizes = await sizesOf(paths);
  const room = Math.max(limit ?? Number.POSITIVE_INFINITY, paths.length * PCAP_HEADER_BYTES);
  const shares = limit === null ? sizes : shareLimit(sizes, room);
  return Promise.all(
    paths.map(async (path, index) => {
      const size = sizes[index] ?? 0;
      const share = shares[index] ?? 0;
      const found = size === 0 ? null : await cutPcap(path, share);
      if (found !== null) return { packets: found.packets, bytes: found.end, limited: share < size };
      await removeUnusable(path);
      return null;
    }),
  );
}

async function removeUnusable(path: string): Promise<void> {
  await unlink(path).catch((error: unknown) => {
    if (errnoOf(error) !== 'ENOENT') throw error;
  });
}
