import { PCAP_HEADER_BYTES, pcapByteOrder, RECORD_HEADER_BYTES } from './pcap.ts';
import type { RecordCursor, Source } from './records.ts';

/** How packets of several interfaces are put into one file. */
export type CaptureFile = {
  readonly extension: 'pcap' | 'pcapng';
  /** What precedes the first packet. */
  readonly header: Buffer;
  /** Bytes that the record takes on which a cursor stands. */
  sizeOf(cursor: RecordCursor): number;
  /** Writes that record; `index` is its interface's. */
  write(out: Buffer, at: number, cursor: RecordCursor, index: number): void;
};

const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const ENHANCED_PACKET = 6;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const IF_NAME = 2;
/** What an enhanced packet block has besides the packet. */
const PACKET_BLOCK_BYTES = 32;

/** The plain pcap where all interfaces have the same link type; else pcapng, which tells each packet's interface. */
export function captureFile(sources: readonly Source[]): CaptureFile {
  const header = sources[0]?.header ?? Buffer.alloc(PCAP_HEADER_BYTES);
  return sources.every((source) => source.header.equals(header)) ? pcapFile(header) : pcapngFile(sources);
}

/** A pcap file with this header. */
export function pcapFile(header: Buffer): CaptureFile {
  return {
    extension: 'pcap',
    header,
    sizeOf: (cursor) => cursor.size,
    write: (out, at, cursor) => void cursor.record.copy(out, at),
  };
}

function pcapngFile(sources: readonly Source[]): CaptureFile {
  const section = Buffer.alloc(28);
  section.writeUInt32LE(SECTION_HEADER, 0);
  section.writeUInt32LE(section.length, 4);
  section.writeUInt32LE(BYTE_ORDER_MAGIC, 8);
  section.writeUInt16LE(1, 12);
  // The section's length is not told.
  section.fill(0xff, 16, 24);
  section.writeUInt32LE(section.length, 24);
  return {
    extension: 'pcapng',
    header: Buffer.concat([section, ...sources.map(interfaceBlock)]),
    sizeOf: (cursor) => PACKET_BLOCK_BYTES + padded(cursor.size - RECORD_HEADER_BYTES),
    write: writePacketBlock,
  };
}

/** An interface's name, link type and snap length. Its times are microseconds, which is what a block without option means. */
function interfaceBlock({ interface: name, header }: Source): Buffer {
  const text = Buffer.from(name);
  const block = Buffer.alloc(28 + padded(text.length));
  const read = headerReader(header);
  block.writeUInt32LE(INTERFACE_DESCRIPTION, 0);
  block.writeUInt32LE(block.length, 4);
  block.writeUInt16LE(read(20) & 0xffff, 8);
  block.writeUInt32LE(read(16), 12);
  block.writeUInt16LE(IF_NAME, 16);
  block.writeUInt16LE(text.length, 18);
  text.copy(block, 20);
  // After it four zero bytes end the options.
  block.writeUInt32LE(block.length, block.length - 4);
  return block;
}

function writePacketBlock(out: Buffer, at: number, cursor: RecordCursor, index: number): void {
  const { record, time } = cursor;
  const length = record.length - RECORD_HEADER_BYTES;
  const blockLength = PACKET_BLOCK_BYTES + padded(length);
  out.writeUInt32LE(ENHANCED_PACKET, at);
  out.writeUInt32LE(blockLength, at + 4);
  out.writeUInt32LE(index, at + 8);
  out.writeUInt32LE(Math.floor(time / 2 ** 32), at + 12);
  out.writeUInt32LE(time % 2 ** 32, at + 16);
  out.writeUInt32LE(length, at + 20);
  out.writeUInt32LE(cursor.originalLength, at + 24);
  record.copy(out, at + 28, RECORD_HEADER_BYTES);
  out.fill(0, at + 28 + length, at + blockLength - 4);
  out.writeUInt32LE(blockLength, at + blockLength - 4);
}

function headerReader(header: Buffer): (at: number) => number {
  const little = pcapByteOrder(header) === 'little';
  return (at) => (little ? header.readUInt32LE(at) : header.readUInt32BE(at));
}

function padded(length: number): number {
  return Math.ceil(length / 4) * 4;
}
