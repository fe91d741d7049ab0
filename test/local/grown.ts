/**
 * Sends a tarball to destinations (JSON) by the uploaders alone, in so many parts at most, and prints the largest memory that
 * took (MiB, VmHWM): `grown.ts DESTINATIONS MAX_PARTS MEGABYTES`. No test can wait until parts grow by themselves.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { DestinationSpec } from '../../src/capture/workload-spec.ts';
import { keepHeapSmall } from '../../src/commands/small-heap.ts';
import { UNBOUNDED } from '../../src/upload/tries.ts';
import { countStores, createUploader } from '../../src/upload/uploader.ts';
import { deliver } from '../../src/workload/deliver.ts';

const PIECE = 1 << 19;

keepHeapSmall();
const [json = '[]', maxParts, megabytes] = process.argv.slice(2);
const destinations: DestinationSpec[] = JSON.parse(json);
const bounds = { ...UNBOUNDED, stores: countStores(destinations), maxParts: Number(maxParts) };

async function* tarball(): AsyncGenerator<Buffer> {
  const piece = randomBytes(PIECE);
  for (let sent = 0; sent < Number(megabytes) * 1e6; sent += PIECE) yield piece;
}

const delivered = await deliver(
  tarball(),
  destinations.map((to) => createUploader(to, 'grown', bounds)),
);
if (delivered.errors.length > 0) throw new Error(delivered.errors.join('; '));
const [, peak = ''] = /VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
process.stdout.write(`${Number(peak) / 1024}\n`);
process.exit();
