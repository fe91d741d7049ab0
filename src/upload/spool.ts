import { createHash, randomUUID } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import { CaptureError } from '../errors.ts';
import { writeAll } from './directory.ts';
import { explainWrite } from './explain.ts';

/** Bytes that are read at once. */
const PIECE = 64 << 10;

/** What a store compares with what it got. */
export type Sum = 'crc32' | 'md5' | 'sha256';

/** A part that is too large for memory: its bytes lie in a file, and every try reads them from there. */
export type FilePart = {
  readonly length: number;
  /** The memory that its bytes are read through. */
  readonly memory: Buffer<ArrayBuffer>;
  /** Takes the next bytes; rejects with a CaptureError when there is no room for them. */
  add(bytes: Uint8Array): Promise<void>;
  /** The checksum of all that was added, each once. */
  sum(kind: Sum): Buffer;
  /** All its bytes, for one try: the one before is ended. */
  read(): Readable;
  /** Ends the last try, and gives the room back. Never rejects. */
  close(): Promise<void>;
};

/** How a part is begun. */
export type Beginning = {
  /** Its first byte in the tarball. */
  at: number;
  /** What to read it through, round and round: many times what a connection holds back before it asks to wait. */
  memory: Buffer<ArrayBuffer>;
  /** What is to be known of it. */
  sums: readonly Sum[];
  /** What users call the tarball. */
  place: string;
};

/** Where large parts lie until they are sent. */
export type Spool = (beginning: Beginning) => Promise<FilePart>;

/** Parts in a directory, as files without a name: nothing of them stays, however the program ends. */
export function spoolIn(directory: string): Spool {
  return async ({ place, ...beginning }) => {
    const guarded = guard(place, directory);
    const file = await guarded(async () => {
      const path = join(directory, `part-${randomUUID()}`);
      const opened = await open(path, 'wx+', 0o600);
      await unlink(path);
      return opened;
    });
    const keep = (bytes: Uint8Array, at: number) => guarded(() => writeAll(file, bytes, at));
    return filePart(file, { ...beginning, at: 0 }, keep);
  };
}

/** Parts of a tarball that lies in a file already: nothing is written. */
export function spoolFrom(path: string): Spool {
  return async ({ place, ...beginning }) => {
    const file = await guard(place, path)(() => open(path));
    return filePart(file, beginning, () => Promise.resolve());
  };
}

type Guarded = <T>(work: () => Promise<T>) => Promise<T>;

function guard(place: string, path: string): Guarded {
  return (work) =>
    work().catch(async (cause: unknown) => {
      const why = await explainWrite(cause, path);
      throw new CaptureError(`cannot write ${place} by way of the local disk: ${why}`, { cause });
    });
}

type Keep = (bytes: Uint8Array, at: number) => Promise<void>;

function filePart(file: FileHandle, { at, memory, sums }: Omit<Beginning, 'place'>, keep: Keep): FilePart {
  const summing = new Map(sums.map((kind) => [kind, summingBy(kind)]));
  let length = 0;
  let reading: Readable | undefined;
  let filled: Promise<unknown> = Promise.resolve();
  async function* pieces(): AsyncGenerator<Buffer> {
    // The try before may have left while its last piece was on its way into the same memory.
    await filled.catch(() => undefined);
    for (let done = 0; done < length; ) {
      const to = done % memory.length;
      const piece = file.read(memory, to, Math.min(PIECE, memory.length - to, length - done), at + done);
      filled = piece;
      const { bytesRead } = await piece;
      if (bytesRead === 0) throw new Error(`its file ends ${length - done} bytes too early`);
      done += bytesRead;
      yield memory.subarray(to, to + bytesRead);
    }
  }
  return {
    memory,
    get length() {
      return length;
    },
    add: async (bytes) => {
      const kept = keep(bytes, length);
      // Meanwhile, on this thread.
      for (const sum of summing.values()) sum.update(bytes);
      length += bytes.length;
      await kept;
    },
    sum: (kind) => summing.get(kind)?.digest() ?? Buffer.alloc(0),
    read: () => {
      reading?.destroy();
      reading = Readable.from(pieces(), { objectMode: false });
      return reading;
    },
    close: async () => {
      reading?.destroy();
      await file.close().catch(() => undefined);
    },
  };
}

function summingBy(kind: Sum): { update(bytes: Uint8Array): void; digest(): Buffer } {
  if (kind !== 'crc32') {
    const hash = createHash(kind);
    return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest() };
  }
  let value = 0;
  return {
    update: (bytes) => {
      value = crc32(bytes, value);
    },
    digest: () => {
      const sum = Buffer.alloc(4);
      sum.writeUInt32BE(value);
      return sum;
    },
  };
}
