// One capture on many nodes through its life: create --wait, status, list, delete; its requests, its memory, and how soon it notices
// that the last Job has ended. `scale.bench.ts [NODES]`, 1,000 by default. Needs as many fake nodes (test/cluster/fake-nodes), and
// runs in the cluster: test/cluster/exec node bench/scale.bench.ts
import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { namespace } from '../test/e2e/support/cluster.ts';
import { mark, requestsSince } from './support/audit.ts';

import { peakRss, wallTime } from './support/measure.ts';
import { type Row, report } from './support/results.ts';
import { lastEnd } from './support/watch.ts';

const NS = 'bench-scale';
const NAME = 'bench';
/** Above so many Jobs a round takes the Job controller many minutes. */
const FEW = 2000;
const binary = join(resolve(import.meta.dirname, '..'), 'dist/kubectl-retina');
const nodes = Number(process.argv[2] ?? 1000);
const rounds = nodes > FEW ? 1 : 3;
const names = Array.from({ length: nodes }, (_, index) => `fake-${String(index + 1).padStart(5, '0')}`).join(',');

type Ran = { time: number; endedAt: number; peak: number; requests: Map<string, number> };

/** Runs a command of ours to its end. */
async function run(...args: readonly string[]): Promise<Ran> {
  const before = mark();
  const start = performance.now();
  const child = spawn(binary, ['capture', ...args, '-n', NS], { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise<number | null>((done) => child.on('close', done));
  const said = text(child.stderr);
  let peak = 0;
  for (;;) {
    const code = await Promise.race([ended, sleep(20, 'runs' as const)]);
    if (code === 'runs') {
      peak = Math.max(peak, peakRss(child.pid ?? 0) || 0);
      continue;
    }
    const endedAt = performance.now();
    if (code !== 0) throw new Error(`${args[0]}: exit code ${code}\n${(await said).slice(-2000)}`);
    return { time: endedAt - start, endedAt, peak, requests: await requestsSince(before) };
  }
}

/** Requests that were made, by what was asked, with the most that each may be: a list and a watch of each kind, a write for each object. */
function requestRows(command: string, counts: ReadonlyMap<string, readonly number[]>): Row[] {
  return [...counts].map(([what, ours]): Row => {
    const row = { what: `${command}: ${what}`, unit: 'requests', ours };
    if (/^(list|watch) \w+$/.test(what)) return { ...row, target: { most: 1 } };
    return /^(create|delete|deletecollection) (jobs|pods)$/.test(what) ? { ...row, target: { most: nodes } } : row;
  });
}

const clean = await namespace(NS);
const samples = { lag: [] as number[], delete: [] as number[], status: [] as number[], list: [] as number[] };
const bare: number[] = [];
const peaks: number[] = [];
/** Requests of each round, by command and by what was asked. */
const asked = { 'create --wait': new Map<string, number[]>(), delete: new Map<string, number[]>() };

function tally(command: keyof typeof asked, requests: Map<string, number>): void {
  for (const [what, count] of requests) asked[command].set(what, [...(asked[command].get(what) ?? []), count]);
}

try {
  for (let round = 0; round < rounds; round += 1) {
    const last = lastEnd(NS, nodes);
    const made = await run('create', '--name', NAME, '--node-names', names, '--duration', '1s', '--wait');
    samples.lag.push(made.endedAt - (await last));
    for (const command of ['status', 'list'] as const) {
      samples[command].push((await run(command, ...(command === 'status' ? [NAME] : []))).time);
      bare.push(await wallTime('kubectl', ['get', 'jobs', '-n', NS, '-o', 'json']));
    }
    const deleted = await run('delete', NAME);
    samples.delete.push(deleted.time);
    peaks.push(Math.max(made.peak, deleted.peak));
    tally('create --wait', made.requests);
    tally('delete', deleted.requests);
  }
  const baseline = { name: 'kubectl get jobs -o json', values: bare };
  const of = `${nodes} nodes`;
  const command = `test/cluster/fake-nodes ${nodes} && test/cluster/exec node bench/scale.bench.ts ${nodes}`;
  report({ title: `A capture on ${of}`, command }, [
    { what: `create --wait: after the last Job's end`, unit: 'ms', ours: samples.lag, target: { most: 1000 } },
    { what: 'status', unit: 'ms', ours: samples.status, baseline, target: { times: 1.2 } },
    { what: 'list', unit: 'ms', ours: samples.list, baseline, target: { times: 1.2 } },
    { what: 'delete, until all is gone', unit: 'ms', ours: samples.delete, target: { most: 3000 } },
    { what: 'memory, create --wait or delete', unit: 'MiB', ours: peaks, target: { most: 250 } },
    ...requestRows('create --wait', asked['create --wait']),
    ...requestRows('delete', asked.delete),
  ]);
} finally {
  await clean();
}
