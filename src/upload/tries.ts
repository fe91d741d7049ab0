import { tmpdir } from 'node:os';
import { HELD_UP } from '../capture/names.ts';
import { messageOf } from '../errors.ts';
import { type Spool, spoolIn } from './spool.ts';

/** How long uploads may take, who hears of their tries, and what they may take of this machine. */
export type Bounds = {
  /** Aborts when the time for uploads is over; its reason is an Error that says so. */
  late: AbortSignal;
  log: (line: string) => void;
  /** How many stores are sent to at the same time: they share the memory. */
  stores: number;
  /** Where parts lie that are too large for memory. */
  spool: Spool;
  /** Parts of a tarball at most, where that is less than what the store takes: they then grow sooner. */
  maxParts?: number;
  /** Milliseconds of a try without a byte, where they are not the usual. */
  idleLimit?: number;
};

/** No limit, and nobody listens. */
export const UNBOUNDED: Bounds = {
  ...{ late: new AbortController().signal, log: () => undefined },
  ...{ stores: 1, spool: spoolIn(tmpdir()) },
};

/** Tries after which a store that never answered is given up: about 20 s. One that did answer has all the time there is. */
export const FIRST_TRIES = 10;
/** Tries of one request at a store that has answered: it is the time that ends them. */
export const MAX_TRIES = 100;
/** Milliseconds of a try without a byte: the SDKs have no limit of their own for a store that never answers. */
export const IDLE_LIMIT = 60_000;

/** Milliseconds between tries: they double from the first to the longest, and up to half is left out at random. */
const FIRST_WAIT = 50;
const LONGEST_WAIT = 20_000;

/** Milliseconds to wait after so many tries of one request have failed. */
export function waitAfter(failed: number): number {
  return Math.min(FIRST_WAIT * 2 ** (failed - 1), LONGEST_WAIT) * (1 - Math.random() / 2);
}

/** What is known of the tries of one upload at its store. */
export type Tries = {
  /** Whether the store has ever answered, be it with a refusal. */
  readonly answered: boolean;
  /** Why the last try that failed did so. */
  readonly last: string | undefined;
  /** Milliseconds after which a try without a byte ends. */
  readonly idleLimit: number;
  /** Tells of a try that failed; another may follow. */
  failed(attempt: number, reason: string): void;
  answer(): void;
  /** Runs a request until it is done, the time is over, or the upload is given up. */
  bound<T>(request: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /** Ends what is under way: the upload has failed. */
  giveUp(): void;
};

/** Watches over one upload; `what` names it to the user. */
export function watchTries(what: string, { late, log, idleLimit = IDLE_LIMIT }: Bounds): Tries {
  const given = new AbortController();
  const signal = AbortSignal.any([late, given.signal]);
  let answered = false;
  let last: string | undefined;
  return {
    get answered() {
      return answered;
    },
    get last() {
      return last;
    },
    idleLimit,
    answer: () => {
      answered = true;
    },
    failed: (attempt, reason) => {
      last = reason;
      if (!signal.aborted) log(`${HELD_UP}${what}: attempt ${attempt} failed: ${reason}`);
    },
    bound: async (request) => {
      const { promise: over, reject } = Promise.withResolvers<never>();
      const end = (): void => {
        const why = last === undefined ? '' : `; the last try: ${last}`;
        reject(new LateError(`${messageOf(signal.reason)}${why}`));
      };
      if (signal.aborted) end();
      else signal.addEventListener('abort', end, { once: true });
      try {
        // The SDKs look at the signal only between their waits, which may be 20 s long.
        return await Promise.race([over, signal.aborted ? over : request(signal)]);
      } finally {
        signal.removeEventListener('abort', end);
      }
    },
    giveUp: () => given.abort(new Error('the upload was given up')),
  };
}

/** The time for an upload is over; the message is complete as it is. */
export class LateError extends Error {}
