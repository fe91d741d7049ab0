// A large capture to a directory, to real servers of S3 and of Azure Blob, beside what the reference does: tcpdump -w, then
// tar czf, then the upload. `delivery.bench.ts [MEGABYTES [PACE [PLACE…]]]`: 10,000 by default, as fast as this machine makes
// packets or so many megabytes a second, to all places by default. Then members alone, beside pigz -1. Needs root, 4 times the megabytes on the disk, curl,
// pigz, and `make stores`.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import type { DestinationSpec } from '../src/capture/workload-spec.ts';
import { type Lab, openLab } from '../test/local/lab.ts';
import { startPod } from '../test/local/pod.ts';
import { say, wallTime } from './support/measure.ts';
import { measureMembers } from './support/members.ts';
import { blob, directory, inside, KEYS, S3_URL, s3 } from './support/stores.ts';

const [megabytes = 10_000, pace = 0] = process.argv.slice(2, 4).map(Number);
const PAYLOAD = 1400;
const packets = Math.round((megabytes * 1e6) / (PAYLOAD + 58));
const PLACES = { directory, S3: s3, 'Azure Blob': blob };
const chosen = process.argv.slice(4);
const places = (['directory', 'S3', 'Azure Blob'] as const).filter(
  (name) => chosen.length === 0 || chosen.includes(name),
);

type Row = { name: string; durable: number; result: number; peakMiB: number; lost: number; rate: number };

/** Megabytes of packets a second that were sent. */
async function flood(lab: Lab, kind: string): Promise<number> {
  const flooder = join(import.meta.dirname, 'support/flood.ts');
  const argv = inside(lab, process.execPath, flooder, '10.99.0.2', `${packets}`, kind, `${pace}`);
  return (megabytes / (await wallTime('ip', argv))) * 1e3;
}

async function ours(lab: Lab, name: string, kind: string, to: DestinationSpec): Promise<Row> {
  const scratch = join(lab.directory, 'node');
  const nodePlace = { path: scratch, directory: scratch };
  const pod = await startPod(lab, { interfaces: ['veth-a'], destinations: [to], nodePlace });
  await pod.capturing;
  const rate = await flood(lab, kind);
  pod.stop();
  const { result, peakMiB } = await pod.ended();
  const at = (start: string): number => pod.log.find(({ line }) => line.startsWith(start))?.at ?? Number.NaN;
  const end = at('capture ended');
  const [durable, whole] = [at('durable '), at('saved ')].map((time) => (time - end) / 1000);
  if (result.errors.length > 0) say(result.errors.join('\n'));
  return {
    name,
    durable: durable ?? Number.NaN,
    result: whole ?? Number.NaN,
    peakMiB,
    lost: packets - result.packets,
    rate,
  };
}

/** The steps of the reference one after another, by the tools that do them best; into a directory, or on to S3. */
async function reference(lab: Lab, name: string, kind: string, store: boolean): Promise<Row> {
  const [pcap, tarball] = ['reference.pcap', 'reference.tar.gz'].map((file) => join(lab.directory, file));
  const argv = inside(lab, 'tcpdump', '-Z', 'root', '-B', '16384', '-i', 'veth-a', '-w', `${pcap}`, 'udp');
  const child = spawn('ip', argv, { stdio: 'ignore' });
  await sleep(1000);
  const rate = await flood(lab, kind);
  await sleep(1100);
  child.kill('SIGTERM');
  await once(child, 'close');
  const { stdout } = await execa('capinfos', ['-Mrc', `${pcap}`]);
  let time = await wallTime('tar', ['-czf', `${tarball}`, '-C', lab.directory, 'reference.pcap']);
  time += await wallTime('sync', [`${tarball}`]);
  const put = [process.execPath, join(import.meta.dirname, 'support/put.ts'), S3_URL, KEYS.id, KEYS.secret, tarball];
  if (store) time += await wallTime('ip', inside(lab, ...put.map(String)));
  const lost = packets - Number(stdout.split(/\s+/).at(-1));
  return { name, durable: time / 1000, result: time / 1000, peakMiB: Number.NaN, lost, rate };
}

/** Seconds in which the store alone makes an object of so many bytes in parts: no client can be quicker. */
async function completed(lab: Lab): Promise<number> {
  const script = join(import.meta.dirname, 'support/complete.ts');
  const argv = inside(lab, process.execPath, script, S3_URL, KEYS.id, KEYS.secret, `${megabytes * 1e6}`);
  return Number((await execa('ip', argv)).stdout) / 1000;
}

/** Runs something in a lab of its own, with a place to deliver to. */
async function inLab<T>(place: keyof typeof PLACES, run: (lab: Lab, to: DestinationSpec) => Promise<T>): Promise<T> {
  const lab = await openLab();
  const there = await PLACES[place](lab);
  try {
    return await run(lab, there.to);
  } finally {
    there.stop();
    await lab.close();
    await rm(lab.directory, { recursive: true, force: true });
  }
}

async function measure(kind: 'random' | 'text'): Promise<void> {
  const how = pace === 0 ? 'as fast as they come' : `${pace} MB/s`;
  say(`${megabytes} MB of packets, ${how}, payload ${kind === 'text' ? 'that shrinks' : 'that does not shrink'}`);
  say(['', 'MB/s sent', 'lost', 'durable after', 'result after', 'of the reference', 'peak MiB'].map(cell).join(''));
  for (const place of places) {
    let baseline = Number.NaN;
    // Azure takes 5,000 MiB in one request at most, and no tool of a shell sends blocks.
    if (place !== 'Azure Blob') {
      const store = place === 'S3';
      const name = `tcpdump, tar, ${store ? 'upload' : 'sync'}`;
      const row = await inLab(place, (lab) => reference(lab, name, kind, store));
      baseline = row.durable;
      print(row, Number.NaN);
    }
    const row = await inLab(place, (lab, to) => ours(lab, `kubectl-retina, ${place}`, kind, to));
    print(row, row.durable / baseline);
  }
}

function print({ name, rate, lost, durable, result, peakMiB }: Row, ratio: number): void {
  const seconds = [durable, result].map((value) => `${value.toFixed(1)} s`);
  const compared = Number.isNaN(ratio) ? '-' : ratio.toFixed(2);
  const peak = Number.isNaN(peakMiB) ? '-' : peakMiB.toFixed(0);
  say([name, rate.toFixed(0), `${lost}`, ...seconds, compared, peak].map(cell).join(''));
}

function cell(text: string, index: number): string {
  return index === 0 ? text.padEnd(28) : text.padStart(18);
}

await measureMembers();
for (const kind of ['random', 'text'] as const) await measure(kind);
if (places.includes('S3')) {
  const alone = await inLab('S3', completed);
  say(`the S3 server alone, to make an object of ${megabytes} MB in parts: ${alone.toFixed(1)} s`);
}
