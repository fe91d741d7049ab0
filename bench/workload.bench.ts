// The workload with 100 MB and 1 GB of packets: packets kept, time from the end to the whole tarball, peak memory; beside
// `tar cz` of the same pcap. `capture local` of the real binary, between two network namespaces of its own.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { openLab } from '../test/local/lab.ts';
import { peakRss, say, wallTime } from './support/measure.ts';

const PAYLOAD = 1400;
const binary = join(resolve(import.meta.dirname, '..'), 'dist/kubectl-retina');

type Seen = { capturing: Promise<void>; endedAt: number; savedAt: number; facts: string };

function observe(child: ChildProcess): Seen {
  const capturing = Promise.withResolvers<void>();
  const seen: Seen = { capturing: capturing.promise, endedAt: Number.NaN, savedAt: Number.NaN, facts: '' };
  if (child.stderr === null) throw new Error('no stderr');
  createInterface({ input: child.stderr }).on('line', (line) => {
    if (line.startsWith('capturing')) capturing.resolve();
    if (line.startsWith('capture ended')) seen.endedAt = performance.now();
    if (line.startsWith('saved ')) seen.savedAt = performance.now();
    if (/^[✔✖]/.test(line)) seen.facts = line;
  });
  return seen;
}

async function measure(megabytes: number, kind: 'random' | 'text'): Promise<void> {
  const lab = await openLab();
  const namespace = `${basename(lab.directory)}-a`;
  const output = join(lab.directory, 'out');
  const local = ['capture', 'local', '--interfaces', 'veth-a', '--duration', '0', '--max-size', '0', '--name', 'bench'];
  const inside = ['netns', 'exec', namespace];
  try {
    const child = spawn('ip', [...inside, binary, ...local, '-o', output], { stdio: ['ignore', 'ignore', 'pipe'] });
    const seen = observe(child);
    await seen.capturing;
    const count = Math.round((megabytes * 1e6) / (PAYLOAD + 58));
    await execa('ip', [
      ...inside,
      process.execPath,
      join(import.meta.dirname, 'support/flood.ts'),
      '10.99.0.2',
      `${count}`,
      kind,
    ]);
    let peak = 0;
    child.kill('SIGINT');
    const ended = once(child, 'close');
    while (child.exitCode === null && !(await Promise.race([ended, sleep(20, false)]))) {
      const now = peakRss(child.pid ?? 0);
      if (now > peak) peak = now;
    }
    await execa('sh', ['-c', `tar -xzf ${output}/*.tar.gz -C ${output} --wildcards '*.pcap'`]);
    const baseline = await wallTime('sh', ['-c', `cd ${output} && tar -czf baseline.tgz *.pcap`]);
    say(
      `${megabytes} MB of ${kind}: end to whole tarball ${((seen.savedAt - seen.endedAt) / 1000).toFixed(1)} s ` +
        `(tar cz of the pcap: ${(baseline / 1000).toFixed(1)} s), peak memory ${peak.toFixed(0)} MiB; sent ${count}; ${seen.facts}`,
    );
  } finally {
    await rm(output, { recursive: true, force: true });
    await lab.close();
  }
}

for (const kind of ['random', 'text'] as const) {
  for (const megabytes of [100, 1000]) await measure(megabytes, kind);
}
