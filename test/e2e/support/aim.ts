import { isIP } from 'node:net';
import { decodeSpec, type WorkloadSpec } from '../../../src/capture/workload-spec.ts';
import type { Job } from '../../../src/kube/cluster.ts';
import { retinaOk } from './cli.ts';
import { items } from './cluster.ts';

/** An image that no node has and none may pull: the Jobs are real, and their pods do nothing. */
const IDLE = ['--image', 'localhost/none:0', '--image-pull-policy', 'Never'];

/** What a capture was aimed at: its Jobs, and what each node is told. */
export type Aimed = { stdout: string; stderr: string; jobs: readonly Job[]; specs: ReadonlyMap<string, WorkloadSpec> };

let made = 0;

/** Creates a capture that does not run, and reads back what was created. */
export async function aim(namespace: string, args: readonly string[]): Promise<Aimed> {
  made += 1;
  const name = `aim-${made}`;
  const { stdout, stderr } = await retinaOk(['capture', 'create', ...args, '-n', namespace, '--name', name, ...IDLE]);
  const jobs = await items<Job>('jobs', '-n', namespace, '-l', `capture-name=${name}`);
  const specs = jobs.map((job) => decodeSpec(job.spec?.template?.metadata?.annotations?.['retina.sh/workload'] ?? ''));
  return { stdout, stderr, jobs, specs: new Map(specs.map((spec) => [spec.node, spec])) };
}

/** The addresses of pods that a filter lets through, sorted; where neighbours ask for them is left out. */
export function addressesIn(filter: string): string[] {
  const words = filter.split(/[^0-9a-f.:]+/).filter((word) => isIP(word) > 0 && !word.startsWith('ff02:'));
  return [...new Set(words)].sort();
}
