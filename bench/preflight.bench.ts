// What `capture create` takes longer for asking before it creates: rights, one Job and one pod. The same steps with and
// without, interleaved, each in a process of its own. Run it in the cluster: test/cluster/exec node bench/preflight.bench.ts
import { join } from 'node:path';
import { execa } from 'execa';
import { namespace } from '../test/e2e/support/cluster.ts';
import { median, say } from './support/measure.ts';

const NS = 'bench-preflight';
const ROUNDS = 10;
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
  const [asked, bare] = [median(taken.with), median(taken.without)];
  say(
    `create asks beforehand: ${asked.toFixed(0)} ms to the last Job; without: ${bare.toFixed(0)} ms; ` +
      `difference ${median(more).toFixed(0)} ms (medians of ${ROUNDS})`,
  );
} finally {
  await clean();
}
