// The CPU that a capture takes while nothing comes, and at 100,000 packets a second, beside a bare tcpdump. Needs root.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { type Lab, openLab } from '../test/local/lab.ts';
import { capturing } from './support/capturing.ts';
import { wallTime } from './support/measure.ts';
import { report } from './support/results.ts';
import { inside } from './support/stores.ts';

const SECONDS = 10;
const ROUNDS = 3;
const SIZE = 100;
const PACKETS_A_SECOND = 100_000;
const TICKS = 100;
const FLOOD = join(import.meta.dirname, 'support/flood.ts');

/** Seconds of CPU that the processes in the lab's namespace have taken so far, all but what makes the packets. */
async function taken(lab: Lab): Promise<number> {
  const { stdout } = await execa('ip', ['netns', 'pids', lab.namespace]);
  const ticks = stdout.split('\n').map((pid) => {
    if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(FLOOD)) return 0;
    const [user = '0', system = '0'] =
      readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ').slice(11, 13) ?? [];
    return Number(user) + Number(system);
  });
  return ticks.reduce((sum, each) => sum + each, 0) / TICKS;
}

type Shares = { idle: number; busy: number; rate: number };

/** Percent of a CPU while nothing comes, and while packets do; and how many thousand of these come in a second. */
async function shares(lab: Lab): Promise<Shares> {
  const start = await taken(lab);
  await sleep(SECONDS * 1000);
  const between = await taken(lab);
  const flood = [
    FLOOD,
    '10.99.0.2',
    `${PACKETS_A_SECOND * SECONDS}`,
    'random',
    `${(PACKETS_A_SECOND * SIZE) / 1e6}`,
    `${SIZE}`,
  ];
  const time = (await wallTime('ip', inside(lab, process.execPath, ...flood))) / 1000;
  const percent = (from: number, to: number, seconds: number): number => ((to - from) / seconds) * 100;
  return {
    idle: percent(start, between, SECONDS),
    busy: percent(between, await taken(lab), time),
    rate: (PACKETS_A_SECOND * SECONDS) / time / 1000,
  };
}

async function inLab(run: (lab: Lab) => Promise<Shares>): Promise<Shares> {
  const lab = await openLab();
  try {
    return await run(lab);
  } finally {
    await lab.close();
  }
}

const ours = () =>
  inLab(async (lab) => {
    const pod = await capturing(lab);
    const seen = await shares(lab);
    pod.stop();
    await pod.ended();
    return seen;
  });

const bare = () =>
  inLab(async (lab) => {
    const file = join(lab.directory, 'bare.pcap');
    // The filter and the buffer are the workload's.
    const argv = ['tcpdump', '-n', '-Z', 'root', '-B', '16384', '-i', 'veth-a', '-w', file, 'udp'];
    const child = spawn('ip', inside(lab, ...argv), { stdio: 'ignore' });
    await sleep(1000);
    const seen = await shares(lab);
    child.kill('SIGTERM');
    await once(child, 'close');
    return seen;
  });

const seen = { ours: [] as Shares[], bare: [] as Shares[] };
for (let round = 0; round < ROUNDS; round += 1) {
  seen.ours.push(await ours());
  seen.bare.push(await bare());
}
const row = (what: string, unit: string, value: (each: Shares) => number) => ({
  ...{ what, unit, ours: seen.ours.map(value) },
  baseline: { name: 'a bare tcpdump -w', values: seen.bare.map(value) },
});
report({ title: 'CPU of a capture', command: 'node bench/cpu.bench.ts' }, [
  row('while nothing comes', '% of a CPU', ({ idle }) => idle),
  row('at some 100,000 packets a second', '% of a CPU', ({ busy }) => busy),
  row('packets that came', 'thousand a second', ({ rate }) => rate),
]);
