import { tmpdir } from 'node:os';
import { isFile, type Part } from '../../../src/upload/parts.ts';
import { spoolIn } from '../../../src/upload/spool.ts';

/** Files for parts that grow, without a sum. */
export const spool = (at: number, memory: Buffer<ArrayBuffer>) =>
  spoolIn(tmpdir())({ at, memory, sums: [], place: 'here' });

/** A copy of a part's bytes. */
export async function bytesOf(part: Part): Promise<Buffer> {
  return Buffer.from(
    isFile(part) ? Buffer.concat(await Array.fromAsync(part.read(), (piece) => Buffer.from(piece))) : part,
  );
}
