// `capture create` on many nodes, beside a bare loop that posts the same Jobs with the best number in flight; both as whole
// processes, interleaved; where REFERENCE_CLI names its binary, beside the reference's CLI too, once. `create.bench.ts [NODES…]`,
// 1, 10, 100 and 1,000 by default. Needs as many fake nodes (test/cluster/fake-nodes), and runs in the cluster:
// test/cluster/exec node bench/create.bench.ts
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { kubectl, namespace } from '../test/e2e/support/cluster.ts';
import { median, peakRss, wallTime } from './support/measure.ts';
import { type Row, report } from './support/results.ts';

const NS = 'bench-create';
const IN_FLIGHT = [16, 32, 64];
const ROUNDS = 5;
/** Above so many Jobs a round takes minutes. */
const FEW = 2000;
const REFERENCE = process.env.REFERENCE_CLI;
/** It creates 5 Jobs a second. */
const COMPARED = 1000;
const ours = join(resolve(import.meta.dirname, '..'), 'dist/kubectl-retina');
const post = join(import.meta.dirname, 'support/post.ts');
const sizes = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [1, 10, 100, 1000];
const work = mkdtempSync(join(tmpdir(), 'retina-bench-'));
let made = 0;

function namesOf(nodes: number): string[] {
  return Array.from({ length: nodes }, (_, index) => `fake-${String(index + 1).padStart(5, '0')}`);
}

function argv(nodes: number, ...more: readonly string[]): string[] {
  made += 1;
  const flags = ['-n', NS, '--name', `bench-${made}`, '--node-names', namesOf(nodes).join(','), '--duration', '1s'];
  return ['capture', 'create', ...flags, ...more];
}

/** Milliseconds and peak MiB of a whole `capture create`. */
async function create(nodes: number): Promise<{ time: number; peak: number }> {
  const start = performance.now();
  const child = spawn(ours, argv(nodes), { stdio: 'ignore' });
  const ended = new Promise<number | null>((done) => child.on('close', done));
  let peak = 0;
  for (;;) {
    const code = await Promise.race([ended, sleep(20, 'runs' as const)]);
    if (code === 'runs') peak = Math.max(peak, peakRss(child.pid ?? 0) || 0);
    else if (code === 0) return { time: performance.now() - start, peak };
    else throw new Error(`create for ${nodes} nodes: ${code}`);
  }
}

/** A file of the same Jobs under a name of their own. */
async function jobsFor(nodes: number): Promise<string> {
  const file = join(work, `${made}.json`);
  const { stdout } = await execa(ours, argv(nodes, '--dry-run=client', '-o', 'json'), { maxBuffer: 2 ** 30 });
  writeFileSync(file, stdout);
  return file;
}

/** All Jobs go, so that each round finds the same; their pods go after them. */
async function sweep(): Promise<void> {
  await kubectl('delete', '--raw', `/apis/batch/v1/namespaces/${NS}/jobs?propagationPolicy=Background`);
  while ((await kubectl('get', 'pods,jobs', '-n', NS, '-o', 'name', '--chunk-size=0')) !== '') await sleep(500);
}

/** Milliseconds of the reference's CLI, of which nothing is known but that it has ended well. */
async function reference(program: string, nodes: number): Promise<number> {
  made += 1;
  // It selects nodes by the label kubernetes.io/hostname, which is not their name here.
  const hosts = namesOf(nodes).map((name) => `ip-${name}`);
  const to = ['-n', NS, '--name', `bench-${made}`, '--node-names', hosts.join(','), '--host-path', 'bench'];
  const time = await wallTime(program, ['capture', 'create', ...to, '--duration', '10s', '--no-wait']);
  await sweep();
  return time;
}

async function measure(nodes: number): Promise<Row[]> {
  const rounds = nodes > FEW ? 1 : ROUNDS;
  const times: number[] = [];
  const peaks: number[] = [];
  const bare = new Map<number, number[]>(IN_FLIGHT.map((number) => [number, []]));
  for (let round = 0; round < rounds; round += 1) {
    const { time, peak } = await create(nodes);
    times.push(time);
    peaks.push(peak);
    await sweep();
    for (const number of IN_FLIGHT) {
      const file = await jobsFor(nodes);
      bare.get(number)?.push(await wallTime(process.execPath, [post, file, `${number}`]));
      rmSync(file);
      await sweep();
    }
  }
  const [best] = [...bare].sort(([, a], [, b]) => median(a) - median(b));
  const baseline = { name: `a bare loop, ${best?.[0]} in flight`, values: best?.[1] ?? [] };
  const what = `create on ${nodes} node${nodes === 1 ? '' : 's'}`;
  const slow = { name: "the reference's CLI", values: [] as number[] };
  if (REFERENCE !== undefined && nodes === COMPARED) slow.values.push(await reference(REFERENCE, nodes));
  return [
    { what, unit: 'ms', ours: times, baseline, target: { times: 1.15 } },
    ...(slow.values.length === 0 ? [] : [{ what, unit: 'ms', ours: times, baseline: slow, target: { times: 1 / 40 } }]),
    { what: `${what}: memory`, unit: 'MiB', ours: peaks, target: { most: 250 } },
  ];
}

const clean = await namespace(NS);
try {
  for (const nodes of sizes) {
    const command = `test/cluster/fake-nodes ${nodes} && test/cluster/exec node bench/create.bench.ts ${nodes}`;
    report({ title: `Creating on ${nodes} node${nodes === 1 ? '' : 's'}`, command }, await measure(nodes));
  }
} finally {
  rmSync(work, { recursive: true });
  await clean();
}
