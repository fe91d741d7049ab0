import { type FileHandle, open } from 'node:fs/promises';
import { MAX_RECORD, PCAP_HEADER_BYTES, pcapByteOrder, RECORD_HEADER_BYTES } from './pcap.ts';

/** Bytes read at once: more than the largest record. */
const WINDOW = 1 << 19;

/** The pcap files of one interface, the oldest first; all have this header, and none changes any more. */
export type Source = {
  interface: string;
  header: Buffer;
  files: readonly string[];
  /** Whether a limit kept out what came after the last packet. */
  full: boolean;
};

/** Where a cursor stands: in which of its files, and the offset there. */
export type Position = { file: number; offset: number };

/** The place of a source's first record. */
export const BEGIN: Position = { file: 0, offset: PCAP_HEADER_BYTES };

/** Walks the records of a source, in bounded memory. A half-written or damaged record ends its file. */
export class RecordCursor {
  readonly #files: readonly string[];
  readonly #little: boolean;
  readonly #window = Buffer.allocUnsafe(WINDOW);
  readonly #view = new DataView(this.#window.buffer, this.#window.byteOffset, WINDOW);
  #file: FileHandle | undefined;
  #index: number;
  /** Where the window begins in its file, and how much of it is read. */
  #base: number;
  #held = 0;
  #at = 0;
  /** Bytes of the record it stands on, its header included; 0 for none. */
  size = 0;
  /** When that packet was captured, in microseconds. */
  time = 0;
  /** Whether there is no further record. */
  ended = false;

  private constructor({ files, header }: Source, start: Position) {
    this.#files = files;
    this.#little = pcapByteOrder(header) === 'little';
    this.#index = start.file;
    this.#base = start.offset;
  }

  /** A cursor on the first record from a position on. Close it. */
  static async open(source: Source, start: Position): Promise<RecordCursor> {
    const cursor = new RecordCursor(source, start);
    await cursor.load();
    return cursor;
  }

  /** The place of the record it stands on. */
  get position(): Position {
    return { file: this.#index, offset: this.#base + this.#at };
  }

  /** The record it stands on, its header included; overwritten when the cursor moves. */
  get record(): Buffer {
    return this.#window.subarray(this.#at, this.#at + this.size);
  }

  /** The length that the packet had before it was cut to the snap length. */
  get originalLength(): number {
    return this.#view.getUint32(this.#at + 12, this.#little);
  }

  /** Moves to the next record; false when `load` must bring it in. A call for each record alone would cost more than the rest. */
  step(): boolean {
    this.#at += this.size;
    return this.#parse();
  }

  /** Reads on until it stands on a record, or has ended. */
  async load(): Promise<void> {
    for (;;) {
      const path = this.#files[this.#index];
      if (path === undefined) {
        this.ended = true;
        return;
      }
      this.#file ??= await open(path, 'r');
      this.#base += this.#at;
      this.#at = 0;
      this.#held = (await this.#file.read(this.#window, 0, WINDOW, this.#base)).bytesRead;
      if (this.#parse()) return;
      await this.close();
      this.#index += 1;
      this.#base = PCAP_HEADER_BYTES;
    }
  }

  /** Closes its file. */
  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }

  #parse(): boolean {
    this.size = 0;
    const at = this.#at;
    if (at + RECORD_HEADER_BYTES > this.#held) return false;
    const length = this.#view.getUint32(at + 8, this.#little);
    if (length > MAX_RECORD || at + RECORD_HEADER_BYTES + length > this.#held) return false;
    this.size = RECORD_HEADER_BYTES + length;
    this.time = this.#view.getUint32(at, this.#little) * 1e6 + this.#view.getUint32(at + 4, this.#little);
    return true;
  }
}
