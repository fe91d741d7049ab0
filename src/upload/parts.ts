import { messageOf } from '../errors.ts';

/** Bytes of the first parts: S3 takes none below, except for the last. */
const FIRST_PART = 5 << 20;
/** Bytes under way at once, shared by all stores, besides the part that is being filled for each: memory is bounded by them. */
const IN_FLIGHT = 2 * FIRST_PART;
/** Steps in which parts grow, and those in which they do not. */
const STEPS = 20;
const FLAT = 9;
/** Bytes of a block of Azure Blob at most; S3 takes a little more. */
const LARGEST_PART = 4000 * 2 ** 20;
const NOTHING = new Uint8Array();

/**
 * Bytes of the part with an index. Nobody knows how long a tarball will be, and stores limit the number of parts: the
 * first nine twentieths of it stay small, then each twentieth doubles them. With the 10,000 of S3 they hold 6.9 TB; 23 GB
 * fit before they grow, and below 39 GB none exceeds 20 MiB.
 */
export function partSize(index: number, maxParts: number, firstPart = FIRST_PART): number {
  const step = Math.floor(index / (maxParts / STEPS));
  return Math.min(firstPart * 2 ** Math.max(0, step - FLAT + 1), LARGEST_PART);
}

export type Parts = {
  /** Copies the next bytes; rejects when an earlier part could not be sent. */
  write(chunk: Uint8Array): Promise<void>;
  /** Sends what is left, the first part last where bytes were kept in it, and waits for all; the answer is the number of parts. */
  finish(head?: Uint8Array): Promise<number>;
  /** All bytes of a stream that is shorter than one part; undefined when there are several. */
  whole(head?: Uint8Array): Buffer | undefined;
  /** Waits until nothing is under way, whatever became of it. */
  settle(): Promise<void>;
};

/** How a stream is cut: into so many parts at most, with bytes kept at the beginning, one of several stores at once. */
export type Cut = { maxParts: number; firstPart?: number; kept?: number | undefined; stores?: number };

type Send = (part: Buffer, index: number) => Promise<void>;

/**
 * Cuts a stream into parts and sends a few of them at once. Where bytes are kept at the beginning, the first part is
 * held until they are known: parts may be sent in any order, but stores take none that is shorter than 5 MiB.
 */
export function cutIntoParts({ maxParts, firstPart, kept = 0, stores = 1 }: Cut, send: Send): Parts {
  // Used again: garbage of this size would gather before the collector looks.
  const free: Buffer<ArrayBuffer>[] = [];
  const flights = limitFlights(IN_FLIGHT / stores, send, (part) => free.push(part));
  let filling = Buffer.allocUnsafeSlow(partSize(0, maxParts, firstPart));
  let filled = kept;
  let first: Buffer<ArrayBuffer> | undefined;
  let count = 0;
  const start = async (): Promise<void> => {
    const part = filling.subarray(0, filled);
    const index = count++;
    if (index === 0 && kept > 0) first = part;
    else await flights.start(part, index);
    const bytes = partSize(count, maxParts, firstPart);
    const room = free.pop();
    filling = room?.length === bytes ? room : Buffer.allocUnsafeSlow(bytes);
    filled = 0;
  };
  return {
    write: async (chunk) => {
      flights.check();
      for (let taken = 0; taken < chunk.length; ) {
        const bytes = Math.min(chunk.length - taken, filling.length - filled);
        filling.set(chunk.subarray(taken, taken + bytes), filled);
        taken += bytes;
        filled += bytes;
        if (filled === filling.length) await start();
      }
    },
    finish: async (head = NOTHING) => {
      if (filled > 0 || count === 0) await start();
      first?.set(head);
      if (first !== undefined) await flights.start(first, 0);
      await flights.landed();
      flights.check();
      return count;
    },
    whole: (head = NOTHING) => {
      if (count > 0) return undefined;
      filling.set(head);
      return filling.subarray(0, filled);
    },
    settle: () => flights.landed(),
  };
}

/** Sends parts side by side, so many bytes at once, but one part at least; none after one has failed. */
function limitFlights(most: number, send: Send, done: (part: Buffer<ArrayBuffer>) => void) {
  const flying = new Set<Promise<void>>();
  let underWay = 0;
  let failure: Error | undefined;
  const check = (): void => {
    if (failure !== undefined) throw failure;
  };
  return {
    check,
    start: async (part: Buffer<ArrayBuffer>, index: number): Promise<void> => {
      while (flying.size > 0 && underWay + part.length > most) await Promise.race(flying);
      check();
      underWay += part.length;
      const sending = send(part, index)
        // One that has failed may still be read by a request that nobody waits for any more.
        .then(() => done(part))
        .catch((error: unknown) => {
          failure ??= error instanceof Error ? error : new Error(messageOf(error));
        })
        .finally(() => {
          underWay -= part.length;
          flying.delete(sending);
        });
      flying.add(sending);
    },
    landed: async (): Promise<void> => void (await Promise.all(flying)),
  };
}
