import { messageOf } from '../errors.ts';
import type { FilePart } from './spool.ts';

/** Bytes of the first parts: S3 takes none below, except for the last. */
const FIRST_PART = 5 << 20;
/** Bytes of memory for what is under way, shared by all stores, besides the part that is being filled for each. */
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
 * fit before they grow, and then none exceeds a five-hundredth of what was sent before it.
 */
export function partSize(index: number, maxParts: number, firstPart = FIRST_PART): number {
  const step = Math.floor(index / (maxParts / STEPS));
  return Math.min(firstPart * 2 ** Math.max(0, step - FLAT + 1), LARGEST_PART);
}

/** Bytes under one number: the first, small ones in memory, those that have grown in a file. */
export type Part = Buffer<ArrayBuffer> | FilePart;

export function isFile(part: Part | string | undefined): part is FilePart {
  return typeof part === 'object' && !Buffer.isBuffer(part);
}

export type Parts = {
  /** Copies the next bytes; rejects when an earlier part could not be sent, or there is no room for a large one. */
  write(chunk: Uint8Array): Promise<void>;
  /** Undefined where so many bytes would be taken without a wait for parts under way; else resolves when they would. */
  room(bytes: number): Promise<void> | undefined;
  /** Sends what is left, the first part last where bytes were kept in it, and waits for all; the answer is the number of parts. */
  finish(head?: Uint8Array): Promise<number>;
  /** All bytes of a stream that is shorter than one part; undefined when there are several. */
  whole(head?: Uint8Array): Buffer<ArrayBuffer> | undefined;
  /** For an upload that has failed: waits until nothing is under way, and keeps no file. */
  settle(): Promise<void>;
};

/** How a stream is cut: into so many parts at most, with bytes kept at the beginning, one of several stores at once. */
export type Cut = {
  maxParts: number;
  firstPart?: number;
  kept?: number | undefined;
  stores?: number;
  /** Opens the file for a part that begins at that byte of the whole, to be read through that memory. */
  spool: (at: number, memory: Buffer<ArrayBuffer>) => Promise<FilePart>;
};

type Send = (part: Part, index: number) => Promise<void>;

/**
 * Cuts a stream into parts and sends a few of them at once. Where bytes are kept at the beginning, the first part is
 * held until they are known: parts may be sent in any order, but stores take none that is shorter than 5 MiB.
 */
export function cutIntoParts(cut: Cut, send: Send): Parts {
  const { maxParts, firstPart = FIRST_PART, kept = 0, stores = 1, spool } = cut;
  const { take, giveBack } = memoryPool(firstPart);
  const flights = limitFlights(IN_FLIGHT / stores, send, giveBack);
  let filling: Part | undefined = take();
  let filled = kept;
  let first: Buffer<ArrayBuffer> | undefined;
  let [count, before] = [0, 0];
  const size = (): number => partSize(count, maxParts, firstPart);
  const start = async (full: Part): Promise<void> => {
    const part = isFile(full) ? full : full.subarray(0, filled);
    filling = undefined;
    before += filled;
    filled = 0;
    const index = count++;
    if (index === 0 && kept > 0 && !isFile(part)) first = part;
    else await flights.start(part, index);
  };
  return {
    write: async (chunk) => {
      flights.check();
      for (let taken = 0; taken < chunk.length; ) {
        filling ??= size() === firstPart ? take() : await spool(before, take());
        const piece = chunk.subarray(taken, taken + size() - filled);
        await put(filling, piece, filled);
        taken += piece.length;
        filled += piece.length;
        if (filled === size()) await start(filling);
      }
    },
    room: (bytes) => (filled + bytes < size() ? undefined : flights.room(firstPart)),
    finish: async (head = NOTHING) => {
      if (filling !== undefined) await start(filling);
      first?.set(head);
      if (first !== undefined) await flights.start(first, 0);
      await flights.done();
      return count;
    },
    whole: (head = NOTHING) => {
      if (count > 0 || filling === undefined || isFile(filling)) return undefined;
      filling.set(head);
      return filling.subarray(0, filled);
    },
    settle: async () => {
      await flights.landed();
      if (isFile(filling)) await filling.close();
    },
  };
}

async function put(part: Part, piece: Uint8Array, at: number): Promise<void> {
  if (isFile(part)) await part.add(piece);
  else part.set(piece, at);
}

/** Memory for parts, or to read them through; used again, for garbage of this size would gather before the collector looks. */
function memoryPool(bytes: number) {
  const free: Buffer<ArrayBuffer>[] = [];
  return {
    take: () => free.pop() ?? Buffer.allocUnsafeSlow(bytes),
    giveBack: (part: Part) => void free.push(isFile(part) ? part.memory : part),
  };
}

/** Sends parts side by side, in so many bytes of memory, but one part at least; none after one has failed. */
function limitFlights(most: number, send: Send, done: (part: Part) => void) {
  const flying = new Set<Promise<void>>();
  let underWay = 0;
  let failure: Error | undefined;
  const check = (): void => {
    if (failure !== undefined) throw failure;
  };
  const fly = async (part: Part, index: number): Promise<void> => {
    try {
      await send(part, index);
      // One that has failed may still be read by a request that nobody waits for any more.
      done(part);
    } catch (error) {
      failure ??= error instanceof Error ? error : new Error(messageOf(error));
    } finally {
      if (isFile(part)) await part.close();
    }
  };
  const landed = async (): Promise<void> => void (await Promise.all(flying));
  const isFull = (weight: number): boolean => flying.size > 0 && underWay + weight > most;
  const wait = async (weight: number): Promise<void> => {
    while (isFull(weight)) await Promise.race(flying);
  };
  return {
    check,
    room: (weight: number) => (isFull(weight) ? wait(weight) : undefined),
    start: async (part: Part, index: number): Promise<void> => {
      const weight = isFile(part) ? part.memory.length : part.length;
      await wait(weight);
      if (failure !== undefined && isFile(part)) await part.close();
      check();
      underWay += weight;
      const sending = fly(part, index).finally(() => {
        underWay -= weight;
        flying.delete(sending);
      });
      flying.add(sending);
    },
    landed,
    done: async (): Promise<void> => {
      await landed();
      check();
    },
  };
}
