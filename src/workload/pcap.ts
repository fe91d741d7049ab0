import { type FileHandle, open } from 'node:fs/promises';

/** Length of a pcap file's own header; a file that holds no packets is exactly this long. */
export const PCAP_HEADER_BYTES = 24;
/** Length of what precedes each packet's bytes. */
export const RECORD_HEADER_BYTES = 16;
/** Bytes read at once: large enough that system calls do not count, small enough for a pod's memory limit. */
const WINDOW = 1 << 20;
/** libpcap's own upper bound for a snap length; beyond it a record's length is taken for damage. */
export const MAX_RECORD = 262_144;

/** What was found in a pcap file up to a limit. */
export type PcapScan = {
  /** Whole packets. */
  packets: number;
  /** Offset after the last whole packet: cut here, and the file opens cleanly. */
  end: number;
};

/** Where a scan begins. */
export const SCAN_BEGIN: PcapScan = { packets: 0, end: PCAP_HEADER_BYTES };

/** The byte order of a pcap file's numbers from its first four bytes; undefined when it is not a pcap file. */
export function pcapByteOrder(magic: Uint8Array): 'little' | 'big' | undefined {
  const value = Buffer.from(magic.subarray(0, 4)).toString('hex');
  // Microseconds, then nanoseconds.
  if (value === 'a1b2c3d4' || value === 'a1b23c4d') return 'big';
  if (value === 'd4c3b2a1' || value === '4d3cb2a1') return 'little';
  return undefined;
}

/** A pcap file's own header; null when it has no whole one. */
export async function pcapHeader(path: string): Promise<Buffer | null> {
  const file = await open(path, 'r');
  try {
    return await readHeader(file);
  } finally {
    await file.close();
  }
}

/**
 * Walks the records of a pcap file that end within `limit` bytes, in bounded memory. A half-written or damaged record
 * ends the walk. Null when the file has no whole pcap header.
 */
export async function scanPcap(path: string, limit = Number.POSITIVE_INFINITY): Promise<PcapScan | null> {
  const file = await open(path, 'r');
  try {
    return await scanFrom(file, limit, SCAN_BEGIN);
  } finally {
    await file.close();
  }
}

/**
 * Cuts a pcap file at the last packet boundary within `limit` bytes; null when it has no whole pcap header. What was
 * scanned before (`from`) is not read again.
 */
export async function cutPcap(
  path: string,
  limit = Number.POSITIVE_INFINITY,
  from = SCAN_BEGIN,
): Promise<PcapScan | null> {
  const file = await open(path, 'r+');
  try {
    const found = await scanFrom(file, limit, from);
    if (found !== null && (await file.stat()).size > found.end) await file.truncate(found.end);
    return found;
  } finally {
    await file.close();
  }
}

/** Room for what a scan reads at once. */
export function scanWindow(): Buffer {
  return Buffer.allocUnsafeSlow(WINDOW);
}

async function readHeader(file: FileHandle): Promise<Buffer | null> {
  const header = Buffer.alloc(PCAP_HEADER_BYTES);
  const { bytesRead } = await file.read(header, 0, PCAP_HEADER_BYTES, 0);
  return bytesRead === PCAP_HEADER_BYTES && pcapByteOrder(header) !== undefined ? header : null;
}

/**
 * As scanPcap, on from where an earlier scan of the same file has ended, even while the file grows. Whoever scans often
 * gives a window to read into.
 */
export async function scanFrom(
  file: FileHandle,
  limit: number,
  from: PcapScan,
  window = scanWindow(),
): Promise<PcapScan | null> {
  const header = await readHeader(file);
  if (header === null) return null;
  const order = pcapByteOrder(header);
  const bound = Math.min(limit, (await file.stat()).size);
  const view = new DataView(window.buffer, window.byteOffset, WINDOW);
  const found = { ...from };
  for (;;) {
    const { bytesRead } = await file.read(window, 0, WINDOW, found.end);
    const before = found.end;
    if (!walk({ view, bytes: bytesRead, little: order === 'little', bound, found })) return found;
    // Nothing moved: the file has become shorter than it was.
    if (found.end === before) return found;
  }
}

type Walk = { view: DataView; bytes: number; little: boolean; bound: number; found: PcapScan };

/** Advances `found` over the records whose headers lie in the window; false when the walk is over. */
function walk({ view, bytes, little, bound, found }: Walk): boolean {
  const start = found.end;
  for (;;) {
    const at = found.end - start;
    if (found.end + RECORD_HEADER_BYTES > bound) return false;
    if (at + RECORD_HEADER_BYTES > bytes) return true;
    const length = view.getUint32(at + 8, little);
    const end = found.end + RECORD_HEADER_BYTES + length;
    if (length > MAX_RECORD || end > bound) return false;
    found.end = end;
    found.packets += 1;
  }
}
