// One capture on many nodes through its life: create --wait, status, list, delete; its requests, its memory, and how soon it notices
// that the last Job has ended. `scale.bench.ts [NODES]`, 1,000 by default. Needs as many fake nodes (test/cluster/fake-nodes), and
// runs in the cluster: test/cluster/exec node bench/scale.bench.ts
import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '../src/kube/client-node.ts';
import { namespace } from '../test/e2e/support/cluster.ts';
import { peakRss, say, wallTime } from './support/measure.ts';
import { report } from './support/results.ts';

const NS = 'bench-scale';
const NAME = 'bench';
const ROUNDS = 3;
/** Requests as -v tells them: the method, and the path up to what is named or asked. */
const REQUEST = /\b(GET|POST|PATCH|DELETE) (\/\S+)/g;
const binary = join(resolve(import.meta.dirname, '..'), 'dist/kubectl-retina');
const nodes = Number(process.argv[2] ?? 1000);
const names = Array.from({ length: nodes }, (_, index) => `fake-${String(index + 1).padStart(5, '0')}`).join(',');

type Ran = { time: number; endedAt: number; peak: number; requests: Map<string, number> };

/** Runs a command of ours with -v to its end. */
async function run(...args: readonly string[]): Promise<Ran> {
  const start = performance.now();
  const child = spawn(binary, ['capture', ...args, '-n', NS, '-v'], { stdio: ['ignore', 'ignore', 'pipe'] });
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
    return { time: endedAt - start, endedAt, peak, requests: counted(await said) };
  }
}

function counted(log: string): Map<string, number> {
  const requests = [...log.matchAll(REQUEST)].map(([, method, path = '']) => {
    const kind = path
      .split('?')[0]
      ?.split('/')
      .slice(0, 8)
      .filter((part) => /^[a-z]+$/.test(part))
      .at(-1);
    return `${method} ${kind}`;
  });
  return new Map([...Map.groupBy(requests, (each) => each)].map(([what, all]) => [what, all.length]));
}

/** When the last Job ended, as whoever watches them sees it. */
function lastEnd(signal: AbortSignal): Promise<number> {
  const cluster = connect({ namespace: NS }, process.env, {
    ...{ signal, traced: () => undefined, troubled: () => undefined },
  });
  return new Promise((done, failed) => {
    const isOver = (job: { status?: { conditions?: { type: string; status: string }[] } }): boolean =>
      job.status?.conditions?.some(({ type, status }) => type === 'Complete' && status === 'True') ?? false;
    cluster
      .follow('jobs', { namespace: NS }, signal, (jobs) => {
        if (jobs.length === nodes && jobs.every(isOver)) done(performance.now());
      })
      .catch(failed);
  });
}

const clean = await namespace(NS);
const samples = { lag: [] as number[], delete: [] as number[], status: [] as number[], list: [] as number[] };
const bare: number[] = [];
const peaks: number[] = [];
try {
  for (let round = 0; round < ROUNDS; round += 1) {
    const over = new AbortController();
    const last = lastEnd(over.signal);
    const made = await run('create', '--name', NAME, '--node-names', names, '--duration', '1s', '--wait');
    samples.lag.push(made.endedAt - (await last));
    over.abort();
    for (const command of ['status', 'list'] as const) {
      samples[command].push((await run(command, ...(command === 'status' ? [NAME] : []))).time);
      bare.push(await wallTime('kubectl', ['get', 'jobs', '-n', NS, '-o', 'json']));
    }
    const deleted = await run('delete', NAME);
    samples.delete.push(deleted.time);
    peaks.push(Math.max(made.peak, deleted.peak));
    for (const [what, { requests }] of Object.entries({ create: made, delete: deleted }))
      say(`${what}: ${[...requests].map(([each, number]) => `${number} × ${each}`).join(', ')}`);
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
  ]);
} finally {
  await clean();
}
