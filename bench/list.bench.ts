// `capture list` and `capture status` beside 1,000 captures of 5,000 Jobs, as whole processes, interleaved with `kubectl get jobs`
// of the same namespace. Run it in the cluster: test/cluster/exec node bench/list.bench.ts
import { join, resolve } from 'node:path';
import { kubectl, namespace } from '../test/e2e/support/cluster.ts';
import { plantCaptures } from '../test/e2e/support/many.ts';
import { wallTime } from './support/measure.ts';
import { type Row, report } from './support/results.ts';

const NS = 'bench-list';
const CAPTURES = 1000;
const NODES = 5;
const ROUNDS = 7;
const ours = join(resolve(import.meta.dirname, '..'), 'dist/kubectl-retina');
const runs = {
  'capture list': [ours, 'capture', 'list', '-n', NS],
  'capture list -o json': [ours, 'capture', 'list', '-n', NS, '-o', 'json'],
  'capture status of one': [ours, 'capture', 'status', 'many-0500', '-n', NS],
  'kubectl get jobs -o json': ['kubectl', 'get', 'jobs', '-n', NS, '-o', 'json'],
} as const;
const BASELINE = 'kubectl get jobs -o json';

const clean = await namespace(NS);
try {
  await plantCaptures(NS, CAPTURES, NODES);
  const times = new Map<string, number[]>(Object.keys(runs).map((name) => [name, []]));
  for (let round = -1; round < ROUNDS; round += 1) {
    for (const [name, [command, ...args]] of Object.entries(runs)) {
      const time = await wallTime(command, args);
      if (round >= 0) times.get(name)?.push(time); // The first is a warm-up.
    }
  }
  const baseline = { name: BASELINE, values: times.get(BASELINE) ?? [] };
  const rows = [...times]
    .filter(([name]) => name !== BASELINE)
    .map(([what, values]): Row => ({ what, unit: 'ms', ours: values, baseline, target: { times: 1.2 } }));
  const title = `Listing ${CAPTURES} captures of ${CAPTURES * NODES} Jobs`;
  report({ title, command: 'test/cluster/exec node bench/list.bench.ts' }, rows);
} finally {
  await kubectl('delete', '--raw', `/apis/batch/v1/namespaces/${NS}/jobs?propagationPolicy=Background`);
  await clean();
}
