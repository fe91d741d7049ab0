import type { CaptureFile } from './capture-file.ts';
import { BEGIN, type Position, RecordCursor, type Source } from './records.ts';

/** Bytes that are handed on at once, if the record is no larger; little, for a pipe may hold a dozen of them. */
const PIECE = 1 << 17;

/** One file of what is kept: so many packets in the order of time, from these places in the sources on. */
export type MergedPart = { packets: number; bytes: number; start: readonly Position[] };

/** What holds over all interfaces; null for no limit. */
export type MergeLimits = {
  packets: number | null;
  /** Bytes of a file. */
  bytes: number | null;
  /** Files that are kept, the newest; null for one, which ends where it is full. */
  files: number | null;
};

/** What is kept, the oldest first, and the limit that left packets out after it. */
export type MergePlan = { parts: MergedPart[]; cutBy: 'max-size' | 'packet-count' | null };

/**
 * Puts the packets of several interfaces into the order of time and shares them out to files within the limits, without
 * writing anything. Packets of one interface keep their order; of those with the same time, the first interface's is first.
 */
export async function planMerge(
  sources: readonly Source[],
  file: CaptureFile,
  limits: MergeLimits,
): Promise<MergePlan> {
  const begin = sources.map(() => BEGIN);
  const cursors = await openCursors(sources, begin);
  try {
    let part: MergedPart = { packets: 0, bytes: file.header.length, start: begin };
    const parts = [part];
    let packets = 0;
    for (let cursor = earliest(cursors); cursor !== undefined; cursor = earliest(cursors)) {
      const bytes = file.sizeOf(cursor);
      if (packets === limits.packets) return { parts, cutBy: 'packet-count' };
      if (limits.bytes !== null && part.bytes + bytes > limits.bytes) {
        if (limits.files === null) return { parts, cutBy: 'max-size' };
        part = { packets: 0, bytes: file.header.length, start: cursors.map(({ position }) => position) };
        parts.push(part);
        if (parts.length > limits.files) parts.shift();
      }
      part.packets += 1;
      part.bytes += bytes;
      packets += 1;
      if (!cursor.step()) await cursor.load();
      // What this interface had next is not there: packets of others that came later would leave a gap.
      if (cursor.ended && sources[cursors.indexOf(cursor)]?.full) return { parts, cutBy: 'max-size' };
    }
    return { parts, cutBy: null };
  } finally {
    await Promise.all(cursors.map((cursor) => cursor.close()));
  }
}

/**
 * The bytes of a part, in constant memory; with `only`, just the packets of that source. With `reuse`, a piece is overwritten
 * when the next is asked for: garbage of their size would gather before the collector looks.
 */
export async function* streamPart(
  sources: readonly Source[],
  file: CaptureFile,
  part: Pick<MergedPart, 'packets' | 'start'>,
  { only = null, reuse = false }: { only?: number | null; reuse?: boolean } = {},
): AsyncGenerator<Buffer> {
  yield file.header;
  const cursors = await openCursors(sources, part.start);
  try {
    let out = Buffer.allocUnsafe(PIECE);
    let used = 0;
    for (let packets = 0; packets < part.packets; packets += 1) {
      const cursor = earliest(cursors);
      // The header of the tarball has promised the size: a shorter file would make every later one unreadable.
      if (cursor === undefined) throw new Error('the captured packets became fewer while they were bundled');
      const index = cursors.indexOf(cursor);
      if (only === null || only === index) {
        const bytes = file.sizeOf(cursor);
        if (used + bytes > out.length) {
          yield out.subarray(0, used);
          if (!reuse || bytes > out.length) out = Buffer.allocUnsafe(Math.max(PIECE, bytes));
          used = 0;
        }
        file.write(out, used, cursor, index);
        used += bytes;
      }
      if (!cursor.step()) await cursor.load();
    }
    yield out.subarray(0, used);
  } finally {
    await Promise.all(cursors.map((cursor) => cursor.close()));
  }
}

/** Opens a cursor for each source; when one cannot be opened, none stays open. */
async function openCursors(sources: readonly Source[], start: readonly Position[]): Promise<RecordCursor[]> {
  const opened = await Promise.allSettled(
    sources.map((source, index) => RecordCursor.open(source, start[index] ?? BEGIN)),
  );
  const cursors = opened.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const failed = opened.find((result) => result.status === 'rejected');
  if (failed === undefined) return cursors;
  await Promise.all(cursors.map((cursor) => cursor.close()));
  throw failed.reason;
}

/** The cursor whose packet is the oldest; undefined when all have ended. */
function earliest(cursors: readonly RecordCursor[]): RecordCursor | undefined {
  let first: RecordCursor | undefined;
  for (const cursor of cursors) {
    if (!cursor.ended && (first === undefined || cursor.time < first.time)) first = cursor;
  }
  return first;
}
