// `capture download` of 1 GB from each of two nodes, beside the ways that the API server gives to the same files, both nodes at once:
// exec, port-forward and the pod proxy, each of which only writes what comes; and beside `kubectl cp`, one after the other as a user
// would, and both at once. Run it in the cluster: test/cluster/exec node bench/download.bench.ts
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { apply, kubectl, NODES, type NodeName, namespace } from '../test/e2e/support/cluster.ts';
import { DIR } from '../test/e2e/support/leavings.ts';
import { plant, plantBeside, resultOf, uproot } from '../test/e2e/support/planted.ts';
import { median, wallTime } from './support/measure.ts';
import { type Row, report } from './support/results.ts';

const NS = 'bench-download';
const CAPTURE = 'bench-big';
const BYTES = 1e9;
const ROUNDS = 3;
/** Of the pods that see the files, and the first of two here. */
const PORT = 8080;
const LOCAL = 18_080;
/** Of the test cluster; every node has it. */
const IMAGE = 'localhost/debian:test';
const ours = join(resolve(import.meta.dirname, '..'), 'dist/kubectl-retina');
const nameOn = (node: string): string => `${CAPTURE}-${node}-20261121101500UTC.tar.gz`;

/** A pod that sees the files of a node, and has the `tar` that `kubectl cp` calls. */
function reader(node: string): object {
  const volumes = [{ name: 'files', hostPath: { path: DIR } }];
  const volumeMounts = [{ name: 'files', mountPath: '/files', readOnly: true }];
  const containers = [
    { name: 'c', image: IMAGE, command: ['busybox', 'httpd', '-f', '-p', `${PORT}`, '-h', '/files'], volumeMounts },
  ];
  return {
    ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name: node, namespace: NS } },
    spec: { nodeName: node, terminationGracePeriodSeconds: 0, containers, volumes },
  };
}

const here = mkdtempSync(join(tmpdir(), 'retina-bench-'));
const copy = (node: string): Promise<number> =>
  wallTime('kubectl', ['cp', '-n', NS, `${node}:/files/${nameOn(node)}`, join(here, node)]);

/** Runs a command for each node, all at once; its output is the node's file. */
async function together(command: (node: NodeName) => readonly string[]): Promise<number> {
  const start = performance.now();
  await Promise.all(NODES.map((node) => wallTime('sh', ['-c', 'exec "$@" >"$0"', join(here, node), ...command(node)])));
  const time = performance.now() - start;
  for (const node of NODES) {
    const { size } = statSync(join(here, node));
    if (size !== BYTES) throw new Error(`${node}: ${size} bytes`);
  }
  return time;
}

/** Port-forwards to both nodes, for as long as something takes. */
async function forwarded(run: () => Promise<number>): Promise<number> {
  const forwards = NODES.map((node, index) =>
    spawn('kubectl', ['port-forward', '-n', NS, `pod/${node}`, `${LOCAL + index}:${PORT}`], {
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  );
  try {
    // It says so when it listens.
    await Promise.all(forwards.map(({ stdout }) => once(stdout, 'data')));
    return await run();
  } finally {
    for (const forward of forwards) forward.kill();
  }
}

const ways = {
  exec: () => together((node) => ['kubectl', 'exec', '-n', NS, node, '--', 'cat', `/files/${nameOn(node)}`]),
  'port-forward': () =>
    forwarded(() =>
      together((node) => ['curl', '-sSf', `http://127.0.0.1:${LOCAL + NODES.indexOf(node)}/${nameOn(node)}`]),
    ),
  'the pod proxy': () =>
    together((node) => {
      const path = `/api/v1/namespaces/${NS}/pods/${node}:${PORT}/proxy/${nameOn(node)}`;
      return ['kubectl', 'get', '--raw', path];
    }),
  'kubectl cp, both at once': async () => {
    const start = performance.now();
    await Promise.all(NODES.map(copy));
    return performance.now() - start;
  },
  'kubectl cp, one after the other': async () => {
    let sum = 0;
    for (const node of NODES) sum += await copy(node);
    return sum;
  },
};
type Way = keyof typeof ways;
const names = Object.keys(ways) as Way[];
const times: number[] = [];
const beside = new Map<Way, number[]>(names.map((name) => [name, []]));
const clean = await namespace(NS);
try {
  for (const node of NODES) {
    const planted = plant(node, nameOn(node), BYTES);
    plantBeside(planted, JSON.stringify(resultOf(CAPTURE, node, planted)));
  }
  await apply(...NODES.map(reader));
  await kubectl('-n', NS, 'wait', '--for=condition=Ready', 'pod', ...NODES);
  for (let round = 0; round < ROUNDS; round += 1) {
    const output = join(here, `${round}`);
    times.push(await wallTime(ours, ['capture', 'download', CAPTURE, '-n', NS, '-o', output]));
    rmSync(output, { recursive: true });
    for (const name of names) beside.get(name)?.push(await ways[name]());
  }
} finally {
  for (const node of NODES) uproot(node, CAPTURE);
  rmSync(here, { recursive: true });
  await clean();
}
const API: readonly Way[] = ['exec', 'port-forward', 'the pod proxy'];
const of = (name: Way): number[] => beside.get(name) ?? [];
const [fastest] = API.toSorted((a, b) => median(of(a)) - median(of(b)));
// `cp` checks nothing and keeps no place to go on from; it is what a user would type.
const isHeld = (name: Way): boolean => name === fastest || name.startsWith('kubectl cp');
const rows = names.map((name): Row => {
  const row = { what: 'capture download, 1 GB from each of 2 nodes', unit: 'ms', ours: times };
  const baseline = { name: name === fastest ? `${name}, the fastest way of the API server` : name, values: of(name) };
  return { ...row, baseline, ...(isHeld(name) ? { target: { times: 1 / 0.9 } } : {}) };
});
report({ title: 'Downloading', command: 'test/cluster/exec node bench/download.bench.ts' }, rows);
