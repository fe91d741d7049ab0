// Start-up: the whole process, warm, interleaved with kubectl. A client-side dry run also reads nodes and Jobs from the
// API server; what kubectl takes for one such request is told beside it.
import { join, resolve } from 'node:path';
import { wallTime } from './support/measure.ts';
import { report } from './support/results.ts';

const ROUNDS = 20;
const ours = join(resolve(import.meta.dirname, '..'), 'dist/kubectl-retina');
const kubectl = process.env.KUBECTL ?? 'kubectl';
const dryRun = ['--name', 'bench', '--node-names', 'node1', '--duration', '1s', '--dry-run=client'];
const reference = [kubectl, 'version', '--client'];
const commands: Readonly<Record<string, readonly string[]>> = {
  'version --client': [ours, 'version', '--client'],
  'capture create --dry-run=client': [ours, 'capture', 'create', ...dryRun],
  'kubectl create job --dry-run=client': [kubectl, 'create', 'job', 'bench', '--image=none', '--dry-run=client'],
  'kubectl get --raw /api/v1/nodes': [kubectl, 'get', '--raw', '/api/v1/nodes'],
};

const time = ([program = '', ...args]: readonly string[]) => wallTime(program, args);
const base: number[] = [];
const times = Object.entries(commands).map(([name, command]) => ({ name, command, taken: [] as number[] }));
for (let round = -2; round < ROUNDS; round += 1) {
  const first = await time(reference);
  const others: number[] = [];
  for (const { command } of times) others.push(await time(command));
  if (round < 0) continue; // Warm-up.
  base.push(first);
  times.forEach(({ taken }, index) => void taken.push(others[index] ?? 0));
}
const baseline = { name: 'kubectl version --client', values: base };
report(
  { title: 'Start-up', command: 'test/cluster/exec node bench/startup.bench.ts' },
  times.map(({ name, taken }) => ({ what: name, unit: 'ms', ours: taken, baseline })),
);
