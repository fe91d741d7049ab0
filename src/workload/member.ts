import { promisify } from 'node:util';
import { isMarkedAsUntransferable } from 'node:worker_threads';
import { crc32, deflateRawSync, gzip } from 'node:zlib';

/** Bytes of tar in one gzip member: members are compressed side by side. */
export const MEMBER_BYTES = 1 << 19;
/** Room for a member that does not shrink at all. */
const ROOM = MEMBER_BYTES + (MEMBER_BYTES >> 8);
/** Places of a member that are looked at before it is compressed, and bytes looked at in each. */
const SAMPLES = 4;
const SAMPLE_BYTES = 4096;
const SAMPLE_ROOM = 1 << 17;
/** A sample that keeps more of its size than this is not worth the time: deflating it is ten times slower than storing. */
const WORTHWHILE = 0.95;
const FAST = 1;
/** RFC 1952: deflate, no flags, no time, made on Unix. */
const FRAME_HEADER = Buffer.from('1f8b0800000000000003', 'hex');
const FRAME_TRAILER_BYTES = 8;
/** RFC 1951: a stored block has at most so many bytes, after a header of five. */
const BLOCK_BYTES = 65_535;
const BLOCK_HEADER_BYTES = 5;
const compress = promisify(gzip);

/** A gzip member; its buffer is used again, or freed, after `release`. */
export type Member = { bytes: Buffer; release(): void };

/** Makes members in few buffers, freed at the end: what the collector were left to find would be up to 64 MB of them. */
export function memberMaker(): { make(tar: Buffer): Promise<Member>; end(): void } {
  const rooms: Buffer[] = [];
  const sample = Buffer.alloc(SAMPLES * SAMPLE_BYTES);
  const make = async (tar: Buffer): Promise<Member> => {
    if (shrinks(tar, sample)) {
      const bytes = await compress(tar, { level: FAST, chunkSize: ROOM });
      return { bytes, release: () => free(bytes) };
    }
    const room = rooms.pop() ?? Buffer.allocUnsafeSlow(ROOM);
    return { bytes: store(tar, room), release: () => void rooms.push(room) };
  };
  return { make, end: () => rooms.forEach(free) };
}

/** A member whose length depends on nothing but that of its content. */
export function storedMember(tar: Buffer): Buffer {
  const blocks = Math.max(1, Math.ceil(tar.length / BLOCK_BYTES));
  const frame = FRAME_HEADER.length + FRAME_TRAILER_BYTES;
  return store(tar, Buffer.allocUnsafeSlow(frame + blocks * BLOCK_HEADER_BYTES + tar.length));
}

/** Writes a member of stored blocks; a copy and a CRC are quicker here than a way to another thread and back. */
function store(tar: Buffer, room: Buffer): Buffer {
  let at = FRAME_HEADER.copy(room);
  let from = 0;
  do {
    const length = Math.min(BLOCK_BYTES, tar.length - from);
    room[at] = from + length === tar.length ? 1 : 0;
    room.writeUInt16LE(length, at + 1);
    room.writeUInt16LE(~length & 0xffff, at + 3);
    at += BLOCK_HEADER_BYTES;
    at += tar.copy(room, at, from, from + length);
    from += length;
  } while (from < tar.length);
  at = room.writeUInt32LE(crc32(tar), at);
  return room.subarray(0, room.writeUInt32LE(tar.length, at));
}

/** Whether a few samples of a member shrink; packets of TLS or video do not. */
function shrinks(tar: Buffer, sample: Buffer): boolean {
  if (tar.length < sample.length) return true;
  const step = Math.floor((tar.length - SAMPLE_BYTES) / (SAMPLES - 1));
  for (let index = 0; index < SAMPLES; index += 1)
    tar.copy(sample, index * SAMPLE_BYTES, index * step, index * step + SAMPLE_BYTES);
  const shrunk = deflateRawSync(sample, { level: FAST, chunkSize: SAMPLE_ROOM });
  const worthwhile = shrunk.length < sample.length * WORTHWHILE;
  free(shrunk);
  return worthwhile;
}

/** Gives memory back at once, unless it is a part of Buffer's pool. */
export function free({ buffer }: Buffer): void {
  if (buffer instanceof ArrayBuffer && !isMarkedAsUntransferable(buffer)) buffer.transfer(0);
}
