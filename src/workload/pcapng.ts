import { open } from 'node:fs/promises';

/** Block types of pcapng. */
const SECTION_HEADER = 0x0a0d0d0a;
const SIMPLE_PACKET = 3;
const ENHANCED_PACKET = 6;
/** Its number for the byte order, as the bytes of a little-endian file. */
const LITTLE = 0x1a2b3c4d;
/** A block's type and length before its body, and its length after it. */
const HEAD = 8;
const SMALLEST = 12;
const WINDOW = 1 << 20;

/** The packets in a pcapng file, in bounded memory; null when it is none, or does not end with a whole block. */
export async function countPcapng(path: string): Promise<number | null> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const window = Buffer.allocUnsafe(WINDOW);
    let [base, held, little, packets] = [0, 0, true, 0];
    for (let at = 0; at < size; ) {
      if (at + SMALLEST > base + held) {
        base = at;
        held = (await file.read(window, 0, WINDOW, base)).bytesRead;
      }
      const here = at - base;
      if (held - here < SMALLEST) return null;
      if (window.readUInt32LE(here) === SECTION_HEADER) little = window.readUInt32LE(here + HEAD) === LITTLE;
      else if (at === 0) return null;
      const read = (offset: number): number =>
        little ? window.readUInt32LE(here + offset) : window.readUInt32BE(here + offset);
      const [type, length] = [read(0), read(4)];
      if (length < SMALLEST || length % 4 !== 0 || at + length > size) return null;
      if (type === SIMPLE_PACKET || type === ENHANCED_PACKET) packets += 1;
      at += length;
    }
    return size === 0 ? null : packets;
  } finally {
    await file.close();
  }
}
