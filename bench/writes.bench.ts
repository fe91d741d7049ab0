// What a capture on many nodes has the cluster write, from its creation to its deletion, for each node, and how long the Job controller
// takes until the last pod is made: docs/scale.md does its sums with these. `writes.bench.ts [NODES]`, 300 by default. Needs as many fake
// nodes (test/cluster/fake-nodes), and runs in the cluster: test/cluster/exec node bench/writes.bench.ts. For the controller's own
// rate: CONTROLLER_QPS=20 test/cluster/control-plane restart kube-controller-manager.
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { namespace } from '../test/e2e/support/cluster.ts';
import { wallTime } from './support/measure.ts';
import { type Row, report } from './support/results.ts';
import { watch } from './support/watch.ts';

const NS = 'bench-writes';
/** Milliseconds in which events that tell of the end are written. */
const SETTLED = 5000;
const binary = join(resolve(import.meta.dirname, '..'), 'dist/kubectl-retina');
const nodes = Number(process.argv[2] ?? 300);
const names = Array.from({ length: nodes }, (_, index) => `fake-${String(index + 1).padStart(5, '0')}`).join(',');
const kinds = {
  Job: `/apis/batch/v1/namespaces/${NS}/jobs`,
  pod: `/api/v1/namespaces/${NS}/pods`,
  event: `/api/v1/namespaces/${NS}/events`,
};

const clean = await namespace(NS);
const rows: Row[] = [];
try {
  const start = performance.now();
  const pods = new Set<string>();
  let lastPod = Number.NaN;
  const seen = Object.entries(kinds).map(([kind, path]) => {
    const counted = { kind, writes: 0, bytes: 0 };
    const stop = watch(path, ({ metadata }, bytes) => {
      counted.writes += 1;
      counted.bytes = Math.max(counted.bytes, bytes);
      if (kind !== 'pod' || pods.has(metadata.name)) return;
      pods.add(metadata.name);
      lastPod = performance.now();
    });
    return { counted, stop };
  });
  const flags = ['-n', NS, '--name', 'bench', '--node-names', names, '--duration', '1s', '--wait', '--timeout', '1h'];
  await wallTime(binary, ['capture', 'create', ...flags]);
  await wallTime(binary, ['capture', 'delete', 'bench', '-n', NS]);
  await sleep(SETTLED);
  for (const { counted, stop } of seen) {
    stop();
    rows.push({ what: `writes of ${counted.kind}s`, unit: 'a node', ours: [counted.writes / nodes] });
    rows.push({ what: `largest ${counted.kind}`, unit: 'kB', ours: [counted.bytes / 1000] });
  }
  rows.push({ what: 'command to the last pod', unit: 's', ours: [(lastPod - start) / 1000] });
} finally {
  await clean();
}
const command = `test/cluster/fake-nodes ${nodes} && test/cluster/exec node bench/writes.bench.ts ${nodes}`;
report({ title: `What a capture on ${nodes} nodes has written`, command }, rows);
