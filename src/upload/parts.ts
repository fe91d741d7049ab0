import { messageOf } from '../errors.ts';

/** Bytes of the first parts. */
const FIRST_PART = 8 << 20;
/** Parts under way at once, besides the one that is being filled: memory is bounded by them. */
const IN_FLIGHT = 2;
/** Steps in which parts grow. */
const STEPS = 10;
/** Bytes of a block of Azure Blob at most; S3 takes a little more. */
const LARGEST_PART = 4000 * 2 ** 20;
const NOTHING = new Uint8Array();

/**
 * Bytes of the part with an index. Nobody knows how long a tarball will be, and stores limit the number of parts: they
 * double after every tenth of it. With the 10,000 of S3 they hold 8.5 TB, and below 50 GB none exceeds 32 MiB.
 */
export function partSize(index: number, maxParts: number): number {
  return Math.min(FIRST_PART * 2 ** Math.floor(index / (maxParts / STEPS)), LARGEST_PART);
}

export type Parts = {
  /** Takes the next bytes; rejects when an earlier part could not be sent. */
  write(chunk: Uint8Array): Promise<void>;
  /** Sends what is left, the first part last where bytes were kept in it, and waits for all; the answer is the number of parts. */
  finish(head?: Uint8Array): Promise<number>;
  /** All bytes of a stream that is shorter than one part; undefined when there are several. */
  whole(head?: Uint8Array): Buffer | undefined;
  /** Waits until nothing is under way, whatever became of it. */
  settle(): Promise<void>;
};

/**
 * Cuts a stream into parts and sends a few of them at once. Where bytes are kept at the beginning, the first part is
 * held until they are known: parts may be sent in any order, but stores take none that is shorter than 5 MiB.
 */
export function cutIntoParts(maxParts: number, send: (part: Buffer, index: number) => Promise<void>, kept = 0): Parts {
  const flying = new Set<Promise<void>>();
  let failure: Error | undefined;
  let held: Uint8Array[] = [];
  let first: Uint8Array[] | undefined;
  let bytes = 0;
  let count = 0;
  const check = (): void => {
    if (failure !== undefined) throw failure;
  };
  const start = async (): Promise<void> => {
    const full = held;
    const index = count++;
    held = [];
    bytes = 0;
    if (index === 0 && kept > 0) first = full;
    else await launch(full, index);
  };
  const launch = async (pieces: readonly Uint8Array[], index: number): Promise<void> => {
    while (flying.size >= IN_FLIGHT) await Promise.race(flying);
    check();
    const part = Buffer.concat(pieces);
    const sending = send(part, index)
      .catch((error: unknown) => {
        failure ??= error instanceof Error ? error : new Error(messageOf(error));
      })
      .finally(() => flying.delete(sending));
    flying.add(sending);
  };
  return {
    write: async (chunk) => {
      check();
      held.push(chunk);
      bytes += chunk.length;
      if (bytes < partSize(count, maxParts)) return;
      await start();
    },
    finish: async (head = NOTHING) => {
      if (bytes > 0 || count === 0) await start();
      if (first !== undefined) await launch([head, ...first], 0);
      await Promise.all(flying);
      check();
      return count;
    },
    whole: (head = NOTHING) => (count === 0 ? Buffer.concat([head, ...held]) : undefined),
    settle: async () => void (await Promise.all(flying)),
  };
}
