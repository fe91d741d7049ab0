// `capture list` of 1,000 captures on the test cluster, as whole processes, interleaved with `kubectl get jobs` of the same
// namespace. Run it in the cluster: test/cluster/exec node bench/list.bench.ts
import { join, resolve } from 'node:path';
import { kubectl, namespace } from '../test/e2e/support/cluster.ts';
import { plantCaptures } from '../test/e2e/support/many.ts';
import { wallTime } from './support/measure.ts';
import { report } from './support/results.ts';

const NS = 'bench-list';
const CAPTURES = 1000;
const ROUNDS = 9;
const ours = join(resolve(import.meta.dirname, '..'), 'dist/kubectl-retina');
const runs = {
  'capture list': [ours, 'capture', 'list', '-n', NS],
  'capture list -o json': [ours, 'capture', 'list', '-n', NS, '-o', 'json'],
  'kubectl get jobs': ['kubectl', 'get', 'jobs', '-n', NS],
  'kubectl get jobs -o json': ['kubectl', 'get', 'jobs', '-n', NS, '-o', 'json'],
} as const;

const clean = await namespace(NS);
try {
  await plantCaptures(NS, CAPTURES);
  const times = new Map<string, number[]>(Object.keys(runs).map((name) => [name, []]));
  for (let round = -1; round < ROUNDS; round += 1) {
    for (const [name, [command, ...args]] of Object.entries(runs)) {
      const time = await wallTime(command, args);
      if (round >= 0) times.get(name)?.push(time); // The first is a warm-up.
    }
  }
  const rows = (['', ' -o json'] as const).map((format) => {
    const name = `kubectl get jobs${format}`;
    return {
      ...{ what: `capture list${format} of ${CAPTURES} captures`, unit: 'ms', target: { times: 1.2 } },
      ours: times.get(`capture list${format}`) ?? [],
      baseline: { name, values: times.get(name) ?? [] },
    };
  });
  report({ title: 'Listing', command: 'test/cluster/exec node bench/list.bench.ts' }, rows);
} finally {
  await kubectl('delete', 'jobs', '--all', '-n', NS, '--wait=false');
  await clean();
}
