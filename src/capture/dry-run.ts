import pMap from 'p-map';
import { ClusterError } from '../errors.ts';
import type { Cluster, Job, Pod } from '../kube/cluster.ts';
import type { CapturePlan } from './plan.ts';
import { refusalHint } from './pod-events.ts';

/** Requests in flight. */
const IN_FLIGHT = 32;

/** What the API server says of a plan. */
export type Answer = { jobs: readonly Job[]; warnings: readonly string[] };

/**
 * Has the API server check the Secret and every Job of a plan without creating them, and one pod: quotas and Pod
 * Security hold for pods, which the server would see only after their Jobs were created. What it refuses is a ClusterError in its words.
 */
export async function dryRunPlan(plan: CapturePlan, cluster: Pick<Cluster, 'dryRun'>): Promise<Answer> {
  const { secret } = plan;
  const ofSecret =
    secret === undefined
      ? []
      : [await attempt('the Secret with the credentials', () => cluster.dryRun('secrets', secret))];
  const tried = await pMap(
    plan.nodes,
    ({ node, job }) => attempt(`the Job for node ${node}`, () => cluster.dryRun('jobs', job)),
    { concurrency: IN_FLIGHT },
  );
  const [first] = plan.nodes;
  const ofPod = first === undefined ? [] : await tryPod(first.job, cluster);
  return {
    jobs: tried.map(({ object }) => object),
    warnings: [...new Set([...[...ofSecret, ...tried].flatMap(({ warnings }) => warnings), ...ofPod])],
  };
}

async function attempt<T>(what: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof ClusterError)) throw error;
    throw refused(`${what} would be refused`, error, error.hint);
  }
}

/** The pod of a Job, as the Job's controller would make it. */
export function podOf(job: Job): Pod {
  const template = job.spec?.template;
  const { name, namespace = '' } = job.metadata ?? {};
  const metadata = { ...template?.metadata, generateName: `${name}-`, namespace };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: template?.spec } as Pod;
}

async function tryPod(job: Job, cluster: Pick<Cluster, 'dryRun'>): Promise<readonly string[]> {
  try {
    return (await cluster.dryRun('pods', podOf(job))).warnings;
  } catch (error) {
    if (!(error instanceof ClusterError)) throw error;
    // Pods are made by the Job's controller: a user needs no right to make them.
    if (/^you may not /.test(error.message))
      return [`whether the pods would be admitted is not known: ${error.message}`];
    throw refused('the pods would be refused', error, refusalHint(error.message));
  }
}

function refused(what: string, error: ClusterError, hint: string | undefined): ClusterError {
  return new ClusterError(`${what}: ${error.message}`, { hint, cause: error });
}
