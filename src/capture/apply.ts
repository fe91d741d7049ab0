import { setTimeout as sleep } from 'node:timers/promises';
import pMap from 'p-map';
import { ClusterError, InterruptedError, messageOf } from '../errors.ts';
import type { Cluster, Job, Pod } from '../kube/cluster.ts';
import { ANNOTATION_RUN, ANNOTATION_STOP, captureSelector } from './names.ts';
import type { CapturePlan } from './plan.ts';
import { STOP_DISCARD } from './workload-spec.ts';

/** Requests in flight while creating: one API server takes no more Jobs a second with a larger number. */
const IN_FLIGHT = 32;
/** Milliseconds for all of an undo. */
const UNDO_LIMIT = 60_000;
/** Milliseconds that a running capture has to end without leaving files, before its Job is deleted anyway. */
const DISCARD_LIMIT = 5_000;

/**
 * Creates the Jobs of a plan, many at a time. When one is refused, or the signal is aborted, everything that was
 * created is removed again, and the error says so or names what could not be removed.
 */
export async function applyPlan(plan: CapturePlan, cluster: Cluster, signal: AbortSignal): Promise<void> {
  // A creation that was sent is waited for even on Ctrl-C: only then is it known what there is to undo.
  const creating = cluster.withSignal(new AbortController().signal);
  let refused: { node: string; error: unknown } | undefined;
  await pMap(
    plan.nodes,
    async ({ node, job }) => {
      if (refused !== undefined || signal.aborted) return;
      try {
        await creating.createJob(job);
      } catch (error) {
        refused ??= { node, error };
      }
    },
    { concurrency: IN_FLIGHT },
  );
  if (refused === undefined && !signal.aborted) return;
  const undone = await undo(plan, cluster.withSignal(AbortSignal.timeout(UNDO_LIMIT)));
  if (refused === undefined) {
    throw new InterruptedError(`interrupted while creating capture ${plan.name}: ${undone.text}`, undone.hint);
  }
  const { node, error } = refused;
  if (!(error instanceof ClusterError)) throw error;
  throw new ClusterError(`the Job for node ${node} was refused: ${error.message}\n${undone.text}`, {
    hint: undone.hint ?? error.hint,
    cause: error,
  });
}

type Undone = { text: string; hint: string | undefined };

async function undo(plan: CapturePlan, cluster: Cluster): Promise<Undone> {
  const byHand = `kubectl retina capture delete ${plan.name} -n ${plan.namespace}`;
  const selection = { namespace: plan.namespace, labels: captureSelector(plan.name) };
  try {
    // Listed, not remembered: a Job may exist although the answer to its creation was lost.
    const jobs = (await cluster.list('jobs', selection)).filter(
      (job) => job.metadata?.annotations?.[ANNOTATION_RUN] === plan.runId,
    );
    await discardPods(jobs, selection, cluster);
    await pMap(jobs, (job) => removeJob(job, cluster), { concurrency: IN_FLIGHT });
    await untilGone(jobs, selection, cluster);
    return {
      text: `${jobs.length} Job${jobs.length === 1 ? '' : 's'} created before it removed; nothing is left`,
      hint: undefined,
    };
  } catch (error) {
    return {
      text: `what was created could not all be removed again: ${messageOf(error)}`,
      hint: `Remove what is left: ${byHand}`,
    };
  }
}

/** Tells the pods that already capture to leave no file, and waits a moment for them. */
async function discardPods(
  jobs: readonly Job[],
  selection: { namespace: string; labels: string },
  cluster: Cluster,
): Promise<void> {
  const uids = new Set(jobs.map((job) => job.metadata?.uid));
  const ours = async (): Promise<Pod[]> =>
    (await cluster.list('pods', selection)).filter((pod) =>
      pod.metadata?.ownerReferences?.some((o) => uids.has(o.uid)),
    );
  await pMap(await ours(), (pod) => discard(pod, cluster), { concurrency: IN_FLIGHT });
  const deadline = Date.now() + DISCARD_LIMIT;
  while ((await ours()).some((pod) => pod.status?.phase === 'Running') && Date.now() < deadline) await sleep(200);
}

async function discard(pod: Pod, cluster: Cluster): Promise<void> {
  try {
    await cluster.annotatePod(pod.metadata?.namespace ?? '', pod.metadata?.name ?? '', {
      [ANNOTATION_STOP]: STOP_DISCARD,
    });
  } catch (error) {
    // Without the right to patch, the pod still ends with its Job; it then leaves the tarball of its few seconds.
    if (!(error instanceof ClusterError)) throw error;
  }
}

function removeJob(job: Job, cluster: Cluster): Promise<boolean> {
  return cluster.remove('jobs', job.metadata?.namespace ?? '', job.metadata?.name ?? '', {
    propagation: 'Foreground',
    uid: job.metadata?.uid,
  });
}

async function untilGone(
  jobs: readonly Job[],
  selection: { namespace: string; labels: string },
  cluster: Cluster,
): Promise<void> {
  const uids = new Set(jobs.map((job) => job.metadata?.uid));
  for (;;) {
    const left = (await cluster.list('jobs', selection)).filter((job) => uids.has(job.metadata?.uid));
    if (left.length === 0) return;
    await sleep(200);
  }
}
