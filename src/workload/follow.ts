import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { errnoOf } from '../upload/explain.ts';
import { type PcapScan, SCAN_BEGIN, scanFrom, scanWindow } from './pcap.ts';

const POLL_MS = 50;
/** Bytes that are looked through at once: they are still in the processor's cache when they are sent. */
const STEP = 8 << 20;

/** A pcap file that is read while tcpdump writes it. */
export type Follower = {
  /**
   * The file's bytes, as far as they are sure to stay: whole packets within the limit. To be read once; a piece is
   * overwritten when the next is asked for. Ends where the
   * file was settled; ends without a byte when that was before there was a whole piece.
   */
  packets(): AsyncGenerator<Buffer>;
  /** Up to where whole packets were found. */
  scanned(): PcapScan;
  /** Bytes that were handed on. */
  sent(): number;
  /** Tells where the file ends for good; null where it is given up, which makes `packets` throw. */
  settle(end: number | null): void;
};

export type FollowOptions = { maxBytes: number | null; pieceBytes?: number };

/** Follows a pcap file that need not exist yet. What comes out has been looked through: no limit cuts it off later. */
export function followPcap(path: string, { maxBytes, pieceBytes = 1 << 19 }: FollowOptions): Follower {
  let scanned = SCAN_BEGIN;
  let sent = 0;
  let end: number | null | undefined;
  async function* follow(file: FileHandle): AsyncGenerator<Buffer> {
    const piece = Buffer.allocUnsafe(pieceBytes);
    const window = scanWindow();
    for (;;) {
      const settled = end;
      if (settled === null) throw new Error('the capture was given up');
      if (settled !== undefined && sent === 0) return;
      if (settled !== undefined && settled < sent)
        throw new Error('the captured packets became fewer while they were sent');
      const before = scanned.end;
      const limit = Math.min(maxBytes ?? Number.POSITIVE_INFINITY, before + STEP);
      if (settled === undefined) scanned = (await scanFrom(file, limit, scanned, window)) ?? scanned;
      const sure = settled ?? scanned.end;
      const bytes = Math.min(pieceBytes, sure - sent);
      if (bytes === pieceBytes || (settled !== undefined && bytes > 0)) {
        await readExactly(file, piece.subarray(0, bytes), sent);
        sent += bytes;
        yield piece.subarray(0, bytes);
      } else if (settled !== undefined) return;
      else if (scanned.end === before) await sleep(POLL_MS);
    }
  }
  return {
    packets: async function* () {
      const file = await openOnceThere(path, () => end !== undefined);
      if (file === undefined) return;
      try {
        yield* follow(file);
      } finally {
        await file.close();
      }
    },
    scanned: () => scanned,
    sent: () => sent,
    settle: (at) => {
      if (end === undefined) end = at;
    },
  };
}

/** Undefined when it is not there before it is no longer waited for. */
async function openOnceThere(path: string, over: () => boolean): Promise<FileHandle | undefined> {
  for (;;) {
    try {
      return await open(path, 'r');
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
    }
    if (over()) return undefined;
    await sleep(POLL_MS);
  }
}

async function readExactly(file: FileHandle, piece: Buffer, from: number): Promise<void> {
  for (let read = 0; read < piece.length; ) {
    const { bytesRead } = await file.read(piece, read, piece.length - read, from + read);
    if (bytesRead === 0) throw new Error('the capture became shorter while it was sent');
    read += bytesRead;
  }
}
