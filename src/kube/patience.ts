import { setTimeout as sleep } from 'node:timers/promises';
import pRetry from 'p-retry';
import { ClusterError } from '../errors.ts';
import { monotonic } from './monotonic.ts';

/** Milliseconds before the second try at least; doubled for each further one up to the longest, and spread at random. */
const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 4000;
/** Milliseconds that must be left for another try: one that is cut at once would hide why the last one failed. */
const LAST_TRY = 500;
/** How much longer than a server asks to be left alone, at most: those that it asked together must not return together. */
const SPREAD = 0.25;
/** Tries of a request that the server fails at (500): a webhook that is just starting, but more often a lasting fault. */
const FAULT_TRIES = 5;
/** Tries at a server that has never answered: the address may be a wrong one. */
const FIRST_TRIES = 3;

/** Codes of connections that broke, and of ones that could not be made. */
const BROKEN = ['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EAI_AGAIN'];
const AWAY = ['ECONNREFUSED', 'ENOTFOUND', 'EHOSTUNREACH', 'ENETUNREACH'];

/** What is known when a try has failed; `answered` tells whether the server has ever answered this program. */
export type Known = { tries: number; answered: boolean };

/**
 * Whether a request that may be sent twice can do better later: the server is away, restarts, or has too much to do.
 * One that understood and said no, a wrong address and a certificate that does not fit stay as they are.
 */
export function mayTryAgain(error: unknown, { tries, answered }: Known): boolean {
  if (!(error instanceof ClusterError)) return false;
  const { status } = error;
  if (status === 500) return tries < FAULT_TRIES;
  if (status !== undefined) return status === 429 || (status > 500 && status !== 501);
  const { name, code = '', message = '' } = (error.cause ?? {}) as NodeJS.ErrnoException;
  // A proxy says in its way that the server behind it is away.
  if (/^Bad response: 50[234]$/.test(message)) return answered;
  if (name === 'TimeoutError' || BROKEN.includes(code)) return answered || tries < FIRST_TRIES;
  return answered && AWAY.includes(code);
}

/** Seconds that a `Retry-After` header asks for, as a number or a date; undefined for none. */
export function parseRetryAfter(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  const seconds = /^\d+$/.test(header.trim()) ? Number(header) : (Date.parse(header) - now) / 1000;
  return Number.isNaN(seconds) ? undefined : Math.max(0, seconds);
}

export type Patience = {
  /** Milliseconds for all tries; none is begun later. Zero for a single one. */
  totalMs: number;
  signal: AbortSignal | undefined;
  answered: () => boolean;
  /** Told of a failure after which another try follows. */
  again: (error: ClusterError, tries: number) => void;
};

/**
 * Tries a request until it is done, cannot do better later, or the time is over; `leftMs` is what is left of it. A
 * server that asks to be left alone for some time is, unless that would be too long. The error tells how often it was tried.
 */
export async function patiently<T>(attempt: (tries: number, leftMs: number) => Promise<T>, how: Patience): Promise<T> {
  const { totalMs, signal, answered } = how;
  const began = monotonic();
  const left = (): number => totalMs - (monotonic() - began);
  const last: { error: unknown; tries: number } = { error: undefined, tries: 0 };
  const tried = async (tries: number): Promise<T> => {
    try {
      return await attempt(tries, left());
    } catch (error) {
      Object.assign(last, { error, tries });
      throw error;
    }
  };
  try {
    return await pRetry(tried, {
      ...{ retries: totalMs === 0 ? 0 : Number.POSITIVE_INFINITY, maxRetryTime: totalMs },
      ...{ minTimeout: FIRST_PAUSE, maxTimeout: LONGEST_PAUSE, randomize: true },
      ...(signal === undefined ? {} : { signal }),
      shouldRetry: async ({ error, attemptNumber, retryDelay }) => {
        if (!(error instanceof ClusterError)) return false;
        const asked = (error.retryAfter ?? 0) * 1000 * (1 + SPREAD * Math.random());
        const late = asked + retryDelay + LAST_TRY > left();
        if (late || !mayTryAgain(error, { tries: attemptNumber, answered: answered() })) return false;
        how.again(error, attemptNumber);
        await sleep(asked, undefined, { signal }).catch(() => undefined);
        return true;
      },
    });
  } catch (error) {
    // The caller's own limit, unlike an interrupt, tells why it was reached.
    const late = signal?.aborted === true && (signal.reason as Error).name === 'TimeoutError';
    if (signal?.aborted === true && !late) throw error;
    if (last.tries === 0) throw late ? outOfTime(error) : error;
    throw withTries(last.error, last.tries, monotonic() - began);
  }
}

function withTries(error: unknown, tries: number, ms: number): unknown {
  if (!(error instanceof ClusterError) || tries === 1) return error;
  const { hint, status, reason, retryAfter, cause } = error;
  const often = `(tried ${tries} times in ${Math.round(ms / 1000)} s)`;
  return new ClusterError(`${error.message} ${often}`, { hint, status, reason, retryAfter, cause });
}

function outOfTime(cause: unknown): ClusterError {
  return new ClusterError('there was no time left to ask the API server', { cause });
}
