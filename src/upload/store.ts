/** An object of a store; its name has no path. */
export type StoredObject = { name: string; bytes: number };

/** Reads what was delivered into a store. Every method rejects with a CaptureError that names the store and the reason. */
export type Store = {
  /** What users call the place. */
  readonly place: string;
  /** The objects whose names begin with a text, sorted. */
  list(beginning: string): Promise<StoredObject[]>;
  /** The bytes of an object, from an offset on. */
  read(name: string, from: number): Promise<AsyncIterable<Uint8Array>>;
};

/** The bytes of a stream, whose failure is told as that of a request is. */
export async function* guardedStream(
  stream: AsyncIterable<Uint8Array | string>,
  toError: (error: unknown) => Error,
): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of stream) yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
  } catch (error) {
    throw toError(error);
  }
}
