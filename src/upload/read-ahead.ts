import { setTimeout as sleep } from 'node:timers/promises';
import { CaptureError } from '../errors.ts';
import type { Range, Store } from './store.ts';

/** Bytes of one request, and requests in flight: one stream alone does not fill a long line. Together, the memory it takes. */
const REQUEST = 8 << 20;
const IN_FLIGHT = 4;
/** Streams of one request that end without a new byte before the object is given up. */
const MAX_IDLE_TRIES = 5;
/** Milliseconds before the second try; doubled for each further one. */
const FIRST_PAUSE = 250;
/** Milliseconds without a byte after which a stream counts as broken. */
const IDLE_LIMIT = 60_000;

/** An object and the bytes that it must have. */
export type Wanted = { name: string; bytes: number };

/**
 * The bytes of an object from an offset on, in order, several requests in flight. A stream that breaks off is taken up
 * again where it ended. Rejects with a CaptureError when the object has another size, or cannot be read.
 */
export async function* readAhead(
  store: Store,
  wanted: Wanted,
  offset: number,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const end = new AbortController();
  const until = AbortSignal.any([signal, end.signal]);
  const pending: Promise<Buffer>[] = [];
  try {
    for (let from = offset; ; ) {
      for (; pending.length < IN_FLIGHT && from < wanted.bytes; from += REQUEST) {
        const range = { from, to: Math.min(from + REQUEST, wanted.bytes) };
        const reading = readRange(store, wanted, range, until);
        // It is awaited in its turn; an earlier one that fails ends all.
        reading.catch(() => undefined);
        pending.push(reading);
      }
      const next = pending.shift();
      if (next === undefined) return;
      yield await next;
    }
  } finally {
    end.abort();
  }
}

async function readRange(store: Store, wanted: Wanted, range: Range, signal: AbortSignal): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(range.to - range.from);
  let done = 0;
  for (let idle = 0; ; ) {
    const before = done;
    const rest = { from: range.from + done, to: range.to };
    const broken = await readOnce(store, wanted, rest, {
      signal,
      take: (chunk) => {
        const fitting = chunk.subarray(0, bytes.length - done);
        bytes.set(fitting, done);
        done += fitting.length;
        return fitting.length === chunk.length;
      },
    });
    if (done === bytes.length) return bytes;
    idle = done > before ? 0 : idle + 1;
    if (idle >= MAX_IDLE_TRIES) throw broken ?? endsAt(store, wanted, range.from + done);
    if (idle > 0) await sleep(FIRST_PAUSE * 2 ** (idle - 1), undefined, { signal });
  }
}

function endsAt(store: Store, wanted: Wanted, byte: number): CaptureError {
  return new CaptureError(`${store.place}/${wanted.name} ends at byte ${byte} of ${wanted.bytes}`);
}

/** `take` tells whether that was no more than was asked for: a store could go on for ever. */
type Taking = { signal: AbortSignal; take: (chunk: Uint8Array) => boolean };

/** Reads what one stream gives; the answer is why it broke off. Requests that are refused, or given up, reject. */
async function readOnce(store: Store, wanted: Wanted, range: Range, { signal, take }: Taking): Promise<unknown> {
  const quiet = new AbortController();
  const reading = await store.read(wanted.name, range, AbortSignal.any([signal, quiet.signal]));
  if (reading.size !== wanted.bytes) {
    quiet.abort();
    throw new CaptureError(
      `${store.place}/${wanted.name} has ${reading.size} bytes, and had ${wanted.bytes} when it was captured`,
    );
  }
  const silence = new CaptureError(
    `cannot read ${store.place}/${wanted.name}: no byte came for ${IDLE_LIMIT / 1000} s`,
  );
  const watch = setTimeout(() => quiet.abort(silence), IDLE_LIMIT);
  try {
    for await (const chunk of reading.bytes) {
      watch.refresh();
      if (!take(chunk)) break;
    }
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    return error;
  } finally {
    clearTimeout(watch);
  }
}
