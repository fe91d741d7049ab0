// Packets that are lost at the highest rate that this machine can make, ours beside a bare tcpdump -w with the same filter and buffer,
// in turn: tcpreplay sends small and large datagrams over a veth pair; what came is what the kernel counts there. Needs root, and
// tcpreplay (test/cluster/install-deps).
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { type Lab, openLab } from '../test/local/lab.ts';
import { capturing } from './support/capturing.ts';
import { datagrams } from './support/replayed.ts';
import { type Row, report } from './support/results.ts';
import { inside } from './support/stores.ts';

const SIZES = [60, 1400];
const ROUNDS = 5;
const SECONDS = 3;
/** In the file that is sent over and over. */
const PACKETS = 1000;
/** KiB, as the workload has it. */
const BUFFER = '16384';

/** Packets that came and were not captured, per thousand of them, and thousands that came in a second. */
type Seen = { lost: number; share: number; rate: number };

async function came({ namespace }: Lab): Promise<number> {
  const { stdout } = await execa('ip', ['-n', namespace, '-s', '-j', 'link', 'show', 'veth-a']);
  const [link] = JSON.parse(stdout) as { stats64: { rx: { packets: number } } }[];
  return link?.stats64.rx.packets ?? Number.NaN;
}

/** Sends as fast as this machine can, and tells how many came. */
async function replay(lab: Lab, size: number): Promise<number> {
  const file = join(lab.directory, 'sent.pcap');
  await writeFile(file, datagrams(PACKETS, size));
  const before = await came(lab);
  const how = ['--topspeed', '-K', '--loop=0', `--duration=${SECONDS}`, '-i', 'veth-b', file];
  await execa('ip', ['netns', 'exec', lab.namespace.replace(/-a$/, '-b'), 'tcpreplay', ...how]);
  return (await came(lab)) - before;
}

async function inLab(run: (lab: Lab) => Promise<{ sent: number; captured: number }>): Promise<Seen> {
  const lab = await openLab();
  try {
    // Nothing but what is sent may be counted.
    for (const namespace of [lab.namespace, lab.namespace.replace(/-a$/, '-b')])
      await execa('ip', ['netns', 'exec', namespace, 'sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1']);
    const { sent, captured } = await run(lab);
    const lost = sent - captured;
    return { lost, share: (lost / sent) * 1000, rate: sent / SECONDS / 1000 };
  } finally {
    await lab.close();
  }
}

const ours = (size: number): Promise<Seen> =>
  inLab(async (lab) => {
    const pod = await capturing(lab);
    const sent = await replay(lab, size);
    pod.stop();
    return { sent, captured: (await pod.ended()).result.packets };
  });

const bare = (size: number): Promise<Seen> =>
  inLab(async (lab) => {
    const file = join(lab.directory, 'bare.pcap');
    const argv = ['tcpdump', '-n', '-Z', 'root', '-B', BUFFER, '-i', 'veth-a', '-w', file, 'udp'];
    const child = spawn('ip', inside(lab, ...argv), { stdio: 'ignore' });
    await sleep(1000);
    const sent = await replay(lab, size);
    // Its buffer is read to its end, as the workload does.
    await sleep(1500);
    child.kill('SIGTERM');
    await once(child, 'close');
    const { stdout } = await execa('capinfos', ['-Mrc', file]);
    return { sent, captured: Number(stdout.split(/\s+/).at(-1)) };
  });

async function measure(size: number): Promise<Row[]> {
  const seen = { ours: [] as Seen[], bare: [] as Seen[] };
  for (let round = 0; round < ROUNDS; round += 1) {
    seen.ours.push(await ours(size));
    seen.bare.push(await bare(size));
  }
  const row = (what: string, unit: string, value: (each: Seen) => number): Row => ({
    ...{ what: `packets of ${size} bytes: ${what}`, unit, ours: seen.ours.map(value) },
    baseline: { name: 'tcpdump -w', values: seen.bare.map(value) },
  });
  return [
    { ...row('lost', '', ({ lost }) => lost), target: { times: 1 } },
    row('lost of those that came', '‰', ({ share }) => share),
    row('that came', 'thousand a second', ({ rate }) => rate),
  ];
}

const rows: Row[] = [];
for (const size of SIZES) rows.push(...(await measure(size)));
report({ title: 'Packets lost at the highest rate', command: 'node bench/loss.bench.ts' }, rows);
