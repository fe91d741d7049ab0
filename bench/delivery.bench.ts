// A large capture to a directory and to a real S3 server, beside what the reference does: tcpdump -w, then tar czf, then the
// upload. `delivery.bench.ts [MEGABYTES]`, 10,000 by default. Then members alone, beside pigz -1. Needs root, 4 times the
// megabytes on the disk, curl, pigz, and `make stores`.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import type { DestinationSpec } from '../src/capture/workload-spec.ts';
import { type Lab, openLab } from '../test/local/lab.ts';
import { startPod } from '../test/local/pod.ts';
import { writeKeys } from './support/keys.ts';
import { say, wallTime } from './support/measure.ts';
import { measureMembers } from './support/members.ts';

const megabytes = Number(process.argv[2] ?? 10_000);
const PAYLOAD = 1400;
const packets = Math.round((megabytes * 1e6) / (PAYLOAD + 58));
const KEYS = { id: 'AKIABENCH', secret: 'bench-secret' };
const PORT = 9100;
const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'retina-testcluster/stores');

type Row = { name: string; durable: number; result: number; peakMiB: number; lost: number; rate: number };

const inside = (lab: Lab, ...argv: string[]): string[] => ['netns', 'exec', lab.namespace, ...argv];

/** Megabytes of packets a second that were sent. */
async function flood(lab: Lab, kind: string): Promise<number> {
  const flooder = join(import.meta.dirname, 'support/flood.ts');
  return (
    (megabytes / (await wallTime('ip', inside(lab, process.execPath, flooder, '10.99.0.2', `${packets}`, kind)))) * 1e3
  );
}

/** versitygw in the lab's namespace, with a bucket. */
async function startS3(lab: Lab): Promise<ChildProcess> {
  const data = join(lab.directory, 'store');
  for (const name of ['side', 'data/evidence']) await mkdir(join(data, name), { recursive: true });
  const listen = ['-q', '--port', `127.0.0.1:${PORT}`, '--health', '/healthz', '--keep-alive'];
  const argv = [join(cache, 'bin/versitygw'), ...listen, 'posix', '--sidecar', `${data}/side`, `${data}/data`];
  const env = { ...process.env, ROOT_ACCESS_KEY: KEYS.id, ROOT_SECRET_KEY: KEYS.secret };
  const child = spawn('ip', inside(lab, ...argv), { env, stdio: 'ignore' });
  const answers = ['curl', '-sf', '--retry', '50', '--retry-connrefused', '--retry-delay', '1'];
  await execa('ip', inside(lab, ...answers, `http://127.0.0.1:${PORT}/healthz`));
  return child;
}

async function s3Destination(lab: Lab): Promise<DestinationSpec> {
  const directory = await writeKeys(lab.directory, KEYS);
  return {
    ...{
      kind: 's3',
      bucket: 'evidence',
      region: 'us-east-1',
      endpoint: `http://127.0.0.1:${PORT}`,
      prefix: '',
      ca: null,
    },
    ...{ checksums: 'when_supported', access: { secret: 'keys', directory } },
  };
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
  const sign = [
    '--aws-sigv4',
    'aws:amz:us-east-1:s3',
    '--user',
    `${KEYS.id}:${KEYS.secret}`,
    '-H',
    'x-amz-content-sha256: UNSIGNED-PAYLOAD',
  ];
  const put = ['curl', '-sSf', ...sign, '-T', `${tarball}`, `http://127.0.0.1:${PORT}/evidence/reference.tar.gz`];
  if (store) time += await wallTime('ip', inside(lab, ...put));
  const lost = packets - Number(stdout.split(/\s+/).at(-1));
  return { name, durable: time / 1000, result: time / 1000, peakMiB: Number.NaN, lost, rate };
}

async function measure(kind: 'random' | 'text'): Promise<void> {
  const rows: Row[] = [];
  for (const store of [false, true]) {
    for (const run of [ours, reference]) {
      const lab = await openLab();
      const s3 = store ? await startS3(lab) : undefined;
      const where = store ? 'S3' : 'directory';
      const directory = join(lab.directory, 'out');
      try {
        await mkdir(directory);
        const to = store ? await s3Destination(lab) : { kind: 'host-path' as const, path: directory, directory };
        if (run === ours) rows.push(await ours(lab, `kubectl-retina, ${where}`, kind, to));
        else rows.push(await reference(lab, `tcpdump, tar, ${store ? 'curl' : 'sync'}`, kind, store));
      } finally {
        s3?.kill();
        await lab.close();
        await rm(lab.directory, { recursive: true, force: true });
      }
    }
  }
  say(`${megabytes} MB of packets, payload ${kind === 'text' ? 'that shrinks' : 'that does not shrink'}`);
  say(['', 'MB/s sent', 'lost', 'durable after', 'result after', 'of the reference', 'peak MiB'].map(cell).join(''));
  for (const [index, { name, rate, lost, durable, result, peakMiB }] of rows.entries()) {
    const ratio = durable / (rows[index - (index % 2) + 1]?.durable ?? Number.NaN);
    const seconds = [durable, result].map((value) => `${value.toFixed(1)} s`);
    const peak = Number.isNaN(peakMiB) ? '-' : peakMiB.toFixed(0);
    say([name, rate.toFixed(0), `${lost}`, ...seconds, ratio.toFixed(2), peak].map(cell).join(''));
  }
}

function cell(text: string, index: number): string {
  return index === 0 ? text.padEnd(28) : text.padStart(18);
}

await measureMembers();
for (const kind of ['random', 'text'] as const) await measure(kind);
