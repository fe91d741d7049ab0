import type { Readable } from 'node:stream';

/** An object of a store; its name has no path. */
export type StoredObject = { name: string; bytes: number };

/** Bytes of an object; `to` is the first that is not meant. */
export type Range = { from: number; to: number };

/** What a store answers to a read: bytes, and how many the whole object has. */
export type Reading = { size: number; bytes: AsyncIterable<Uint8Array> };

/**
 * Reads what was delivered into a store. Every method rejects with a CaptureError that names the store and the reason, or
 * with the reason of the signal that ended it.
 */
export type Store = {
  readonly kind: 'blob' | 's3';
  /** What users call the place. */
  readonly place: string;
  /** The objects whose names begin with a text, sorted. */
  list(beginning: string, signal: AbortSignal): Promise<StoredObject[]>;
  /** An object, or a range of it. */
  read(name: string, range: Range | undefined, signal: AbortSignal): Promise<Reading>;
};

/** The bytes of a stream, whose failure is told as that of a request is. */
export function guardedStream(stream: Readable, toError: (error: unknown) => unknown): AsyncIterable<Uint8Array> {
  // A stream that nobody comes to read may fail, too: without a listener, that would end the program.
  stream.on('error', () => undefined);
  return toldErrors(stream, toError);
}

async function* toldErrors(stream: Readable, toError: (error: unknown) => unknown): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of stream) yield chunk;
  } catch (error) {
    throw toError(error);
  }
}

/** The whole object's bytes, from a header such as `bytes 0-99/1234`; where there is none, the answer is the whole. */
export function sizeOf(contentRange: string | undefined, contentLength: number | undefined): number {
  return Number(/\/(\d+)$/.exec(contentRange ?? '')?.[1] ?? contentLength ?? 0);
}
