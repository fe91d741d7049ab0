import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { HELD_UP } from '../capture/names.ts';
import type { Uploader } from '../upload/uploader.ts';
import { type BundleEntry, type Contents, streamGrowing } from './bundle.ts';
import { type Delivered, deliver } from './deliver.ts';
import { type Follower, followPcap } from './follow.ts';
import { sizesOf } from './limit.ts';
import type { PcapScan } from './pcap.ts';
import { stepBack } from './priority.ts';

/** How often it is told that destinations do not keep up, and from how many bytes on. */
const LAG_MS = 10_000;
const LAG_BYTES = 64e6;
const MEGABYTE = 1e6;

/** What a capture leaves for the tarball, packets first, and when it ended. */
export type Ended = { files: readonly BundleEntry[]; pcapBytes: number; endedAt: Date };

/** A delivery that begins while packets still come in. */
export type EarlyDelivery = {
  /** Up to where the file was looked through. */
  scanned(): PcapScan;
  /** Delivers the rest. Null when nothing was begun: the capture is short, or its packets are not in that file. Never rejects. */
  finish(ended: Ended): Promise<Delivered | null>;
  /** Takes back what was begun and is not finished. Never rejects. */
  abandon(): Promise<void>;
};

type Early = { file: string; maxBytes: number | null; uploaders: readonly Uploader[]; log: (line: string) => void };

/** Sends a capture's file to every destination while it grows; nothing is opened before there is something to send. */
export function deliverEarly({ file, maxBytes, uploaders, log }: Early): EarlyDelivery {
  const follower = followPcap(file, { maxBytes });
  const rest = Promise.withResolvers<Contents>();
  const settled = Promise.withResolvers<void>();
  const packets = follower.packets();
  const begin = async (): Promise<Delivered | null> => {
    // A file that cannot be read will be told of by whoever bundles it at the end.
    const first = await packets.next().catch(() => null);
    if (first === null || first.done) return null;
    log(`sending packets while they come in, to ${uploaders.map(({ location }) => location).join(', ')}`);
    const stepForward = await stepBack();
    void settled.promise.then(stepForward);
    const stopTelling = tellLag(file, follower, log);
    const { bytes, late } = streamGrowing(basename(file), chain(first.value, packets), rest.promise);
    const leftBehind = (location: string): void =>
      log(`${location} does not keep up: the other destinations go on without it, and it gets the rest by itself`);
    const delivered = await deliver(bytes, uploaders, { ...late, leftBehind });
    stopTelling();
    // Where every destination has failed, the file is still open.
    await packets.return(undefined);
    return delivered;
  };
  const delivery = begin();
  const abandon = async (): Promise<void> => {
    follower.settle(null);
    rest.reject(new Error('the capture was given up'));
    await delivery;
  };
  // Whoever waits for it sees the reason; nobody does when nothing was begun.
  rest.promise.catch(() => undefined);
  return {
    scanned: follower.scanned,
    finish: async (ended) => {
      const [first] = ended.files;
      if (first === undefined || !('file' in first) || first.file !== file) {
        await abandon();
        return null;
      }
      follower.settle(ended.pcapBytes);
      settled.resolve();
      rest.resolve({ entries: ended.files, now: ended.endedAt });
      return delivery;
    },
    abandon,
  };
}

/** Tells now and then how far the destinations are behind the packets, until it is ended. */
function tellLag(file: string, follower: Follower, log: (line: string) => void): () => void {
  const timer = setInterval(async () => {
    const [size = 0] = await sizesOf([file]).catch(() => []);
    const lag = size - follower.sent();
    if (lag > LAG_BYTES)
      log(`${HELD_UP}${megabytes(lag)} of ${megabytes(size)} are not sent yet and wait on the node's disk`);
  }, LAG_MS);
  return () => clearInterval(timer);
}

/**
 * Whether there is a processor to spare: where a limit allows less than one, what is compressed while packets come in
 * would cost packets.
 */
export async function mayBeginEarly(): Promise<boolean> {
  const [quota = Number.NaN, period = 0] = await cpuLimit();
  return !(quota >= 0 && quota < period);
}

/** Microseconds of a processor, in each period of microseconds; not a number, or -1, without a limit. */
async function cpuLimit(): Promise<number[]> {
  const read = (name: string): Promise<string> => readFile(`/sys/fs/cgroup/${name}`, 'utf8').catch(() => '');
  const now = await read('cpu.max');
  if (now !== '') return now.trim().split(' ').map(Number);
  // Version 1 of control groups.
  const older = await Promise.all(['cpu/cpu.cfs_quota_us', 'cpu/cpu.cfs_period_us'].map(read));
  return older.map((text) => Number(text || Number.NaN));
}

async function* chain(first: Buffer, others: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield first;
  yield* others;
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / MEGABYTE)} MB`;
}
