// What `capture create` takes longer for asking before it creates: rights, one Job and one pod. The same steps with and
// without, interleaved, each in a process of its own. Run it in the cluster: test/cluster/exec node bench/preflight.bench.ts
import { join } from 'node:path';
import { execa } from 'execa';
import { namespace } from '../test/e2e/support/cluster.ts';
import { median } from './support/measure.ts';
import { report } from './support/results.ts';

const NS = 'bench-preflight';
const ROUNDS = 10;
/** Milliseconds that asking may take beyond what `create` needs anyway. */
const MOST = 300;
const script = join(import.meta.dirname, 'support/created.ts');

async function created(how: 'with' | 'without', round: number): Promise<number> {
  const { stdout } = await execa(process.execPath, [script, how, NS, `bench-${how}-${round + 1}`]);
  return Number(stdout);
}

const clean = await namespace(NS);
try {
  const taken = { with: [] as number[], without: [] as number[] };
  for (let round = -1; round < ROUNDS; round += 1) {
    const times = { with: await created('with', round), without: await created('without', round) };
    if (round < 0) continue; // Warm-up.
    taken.with.push(times.with);
    taken.without.push(times.without);
  }
  const more = taken.with.map((time, index) => time - (taken.without[index] ?? 0));
  report({ title: 'Asked beforehand', command: 'test/cluster/exec node bench/preflight.bench.ts' }, [
    {
      what: '`create`, to the last Job',
      unit: 'ms',
      ours: taken.with,
      baseline: { name: 'asking nothing', values: taken.without },
    },
    { what: 'what asking adds', unit: 'ms', ours: more, target: { most: MOST } },
  ]);
  if (median(more) > MOST) process.exitCode = 1;
} finally {
  await clean();
}
