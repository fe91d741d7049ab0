// Start-up: the whole process, warm, interleaved with kubectl. `create --dry-run=client` and `list` also ask the API server;
// what Node alone takes for one request is told beside them. Run it in the cluster, whose two nodes have one capture then:
// test/cluster/exec node bench/startup.bench.ts
import { join, resolve } from 'node:path';
import { connection } from './support/connection.ts';
import { wallTime } from './support/measure.ts';
import { type Row, report } from './support/results.ts';

// Node parses the certificates that it names at each start that uses TLS, for 6 to 8 ms; no other program here reads it.
delete process.env.NODE_EXTRA_CA_CERTS;

const { server, ca, headers } = connection();
process.env.ASKED = JSON.stringify({ url: `${server}/api/v1/nodes`, ca: ca.toString(), headers, agent: false });
const ASK = `const { url, ...how } = JSON.parse(process.env.ASKED);
require('node:https').get(url, how, (answer) => answer.resume());`;
const ROUNDS = 20;
const ours = join(resolve(import.meta.dirname, '..'), 'dist/kubectl-retina');
const dryRun = ['--name', 'bench', '--node-names', 'node1', '--duration', '1s', '--dry-run=client'];
const commands = {
  'kubectl version --client': ['kubectl', 'version', '--client'],
  'kubectl create job --dry-run=client': ['kubectl', 'create', 'job', 'bench', '--image=none', '--dry-run=client'],
  'kubectl get jobs': ['kubectl', 'get', 'jobs'],
  version: [ours, 'version', '--client'],
  'capture create --dry-run=client': [ours, 'capture', 'create', ...dryRun],
  'capture list': [ours, 'capture', 'list'],
  'Node alone, one request': [process.execPath, '-e', ASK],
};
type Name = keyof typeof commands;
const COMPARED: readonly [Name, Name, number | undefined][] = [
  ['version', 'kubectl version --client', 1],
  ['capture create --dry-run=client', 'kubectl version --client', 2],
  ['capture create --dry-run=client', 'kubectl create job --dry-run=client', 1.5],
  ['capture list', 'kubectl get jobs', 1.2],
  ['Node alone, one request', 'kubectl create job --dry-run=client', undefined],
  ['Node alone, one request', 'kubectl get jobs', undefined],
];

const made = ['--name', 'bench-startup', '--node-names', 'node1,node2', '--duration', '1s', '--wait'];
await wallTime(ours, ['capture', 'create', ...made]);
const times = new Map<string, number[]>(Object.keys(commands).map((name) => [name, []]));
for (let round = -2; round < ROUNDS; round += 1) {
  for (const [name, [program = '', ...args]] of Object.entries(commands)) {
    const time = await wallTime(program, args);
    if (round >= 0) times.get(name)?.push(time); // The first two are a warm-up.
  }
}
await wallTime(ours, ['capture', 'delete', 'bench-startup']);
const rows = COMPARED.map(
  ([what, name, most]): Row => ({
    ...{ what, unit: 'ms', ours: times.get(what) ?? [], baseline: { name, values: times.get(name) ?? [] } },
    ...(most === undefined ? {} : { target: { times: most } }),
  }),
);
report({ title: 'Start-up', command: 'test/cluster/exec node bench/startup.bench.ts' }, rows);
