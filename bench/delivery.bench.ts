// A large capture to a directory, to real servers of S3 and of Azure Blob, beside what the reference does: tcpdump -w, then
// tar czf, then the upload. `delivery.bench.ts [MEGABYTES [PACE]] [--kind random|text] [--place PLACE…] [--rounds N]`: 10,000 by
// default; so many megabytes a second, or 0 for as fast as this machine makes packets; both kinds of payload, and all places, by
// default. The reference's way is gone once for each kind. Needs root, 4 times the megabytes on the disk, curl, and `make stores`.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import type { DestinationSpec } from '../src/capture/workload-spec.ts';
import { type Lab, openLab } from '../test/local/lab.ts';
import { startPod } from '../test/local/pod.ts';
import { say, timeAndPeak, wallTime, watchPeak } from './support/measure.ts';
import { type Row, report } from './support/results.ts';
import { blob, directory, inside, KEYS, S3_URL, s3 } from './support/stores.ts';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    kind: { type: 'string', multiple: true, default: ['random', 'text'] },
    place: { type: 'string', multiple: true, default: ['directory', 'S3', 'Azure Blob'] },
    rounds: { type: 'string' },
  },
});
const [megabytes = 10_000, pace = 0] = positionals.map(Number);
/** Above so many megabytes a round takes minutes. */
const FEW = 2000;
const rounds = Number(flags.rounds ?? (megabytes > FEW ? 1 : 3));
const PAYLOAD = 1400;
const packets = Math.round((megabytes * 1e6) / (PAYLOAD + 58));
const PLACES = { directory, S3: s3, 'Azure Blob': blob };
type PlaceName = keyof typeof PLACES;
const kinds = (['random', 'text'] as const).filter((kind) => flags.kind.includes(kind));
const places = (['directory', 'S3', 'Azure Blob'] as const).filter((name) => flags.place.includes(name));

/** Seconds from the end of the capture, MiB, packets, and MB/s. */
type Run = { durable: number; result: number; peakMiB: number; lost: number; rate: number };

/** Megabytes of packets a second that were sent. */
async function flood(lab: Lab, kind: string): Promise<number> {
  const flooder = join(import.meta.dirname, 'support/flood.ts');
  const argv = inside(lab, process.execPath, flooder, '10.99.0.2', `${packets}`, kind, `${pace}`);
  return (megabytes / (await wallTime('ip', argv))) * 1e3;
}

async function ours(lab: Lab, kind: string, to: DestinationSpec): Promise<Run> {
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
    durable: durable ?? Number.NaN,
    result: whole ?? Number.NaN,
    peakMiB,
    lost: packets - result.packets,
    rate,
  };
}

/** The steps of the reference one after another, by the tools that do them best; what a directory has, and what S3 has. */
async function reference(lab: Lab, kind: string): Promise<Partial<Record<PlaceName, Run>>> {
  const [pcap, tarball] = ['reference.pcap', 'reference.tar.gz'].map((file) => join(lab.directory, file));
  const argv = inside(lab, 'tcpdump', '-Z', 'root', '-B', '16384', '-i', 'veth-a', '-w', `${pcap}`, 'udp');
  const child = spawn('ip', argv, { stdio: 'ignore' });
  const captured = watchPeak(child.pid ?? 0);
  await sleep(1000);
  const rate = await flood(lab, kind);
  await sleep(1100);
  child.kill('SIGTERM');
  await once(child, 'close');
  const { stdout } = await execa('capinfos', ['-Mrc', `${pcap}`]);
  const lost = packets - Number(stdout.split(/\s+/).at(-1));
  const tar = await timeAndPeak('tar', ['-czf', `${tarball}`, '-C', lab.directory, 'reference.pcap']);
  const synced = await wallTime('sync', [`${tarball}`]);
  const run = (milliseconds: number, ...peaks: readonly number[]): Run => {
    const seconds = milliseconds / 1000;
    return { durable: seconds, result: seconds, peakMiB: Math.max(captured(), ...peaks), lost, rate };
  };
  const there = { directory: run(tar.time + synced, tar.peak) };
  if (!places.includes('S3')) return there;
  const put = [process.execPath, join(import.meta.dirname, 'support/put.ts'), S3_URL, KEYS.id, KEYS.secret, tarball];
  const sent = await timeAndPeak('ip', inside(lab, ...put.map(String)));
  return { ...there, S3: run(tar.time + sent.time, tar.peak, sent.peak) };
}

/** Seconds in which the store alone makes an object of so many bytes in parts: no client can be quicker. */
async function completed(lab: Lab): Promise<number> {
  const script = join(import.meta.dirname, 'support/complete.ts');
  const argv = inside(lab, process.execPath, script, S3_URL, KEYS.id, KEYS.secret, `${megabytes * 1e6}`);
  return Number((await execa('ip', argv)).stdout) / 1000;
}

/** Runs something in a lab of its own, with a place to deliver to. */
async function inLab<T>(place: PlaceName, run: (lab: Lab, to: DestinationSpec) => Promise<T>): Promise<T> {
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

async function measure(kind: 'random' | 'text'): Promise<Row[]> {
  const rows: Row[] = [];
  // Azure takes 5,000 MiB in one request at most, and no tool of a shell sends blocks: there is nothing beside it.
  const bare = await inLab(places.includes('S3') ? 'S3' : 'directory', (lab) => reference(lab, kind));
  for (const place of places) {
    const runs: Run[] = [];
    for (let round = 0; round < rounds; round += 1) runs.push(await inLab(place, (lab, to) => ours(lab, kind, to)));
    const name = `${place}, payload ${kind === 'text' ? 'that shrinks' : 'that does not shrink'}`;
    rows.push(...rowsOf(name, runs, bare[place]));
  }
  return rows;
}

function rowsOf(name: string, runs: readonly Run[], bare: Run | undefined): Row[] {
  const row = (what: string, unit: string, value: (run: Run) => number, beside: string): Row => ({
    ...{ what: `${name}: ${what}`, unit, ours: runs.map(value) },
    ...(bare === undefined ? {} : { baseline: { name: beside, values: [value(bare)] } }),
  });
  const steps = 'tcpdump, tar, then the copy';
  const durable = row('end to durable', 's', (run) => run.durable, steps);
  return [
    // Only a destination that keeps up with the packets can have them all when they end.
    pace === 0 ? durable : { ...durable, target: { most: 2 } },
    row('end to result', 's', ({ result }) => result, steps),
    {
      ...row(`packets lost of ${packets}`, '', ({ lost }) => lost, 'tcpdump -w'),
      target: bare === undefined ? { most: 0 } : { times: 1 },
    },
    row('sent', 'MB/s', ({ rate }) => rate, 'tcpdump -w'),
    { ...row('memory', 'MiB', ({ peakMiB }) => peakMiB, steps), target: { most: 150 } },
  ];
}

const rows: Row[] = [];
for (const kind of kinds) rows.push(...(await measure(kind)));
if (places.includes('S3')) {
  const alone = await inLab('S3', completed);
  rows.push({ what: 'the S3 server alone, to make an object of the parts', unit: 's', ours: [alone] });
}
const command = `node bench/delivery.bench.ts ${process.argv.slice(2).join(' ')}`;
const how = pace === 0 ? 'as fast as they come' : `${pace} MB a second`;
report({ title: `Delivering ${megabytes} MB, ${how}`, command }, rows);
