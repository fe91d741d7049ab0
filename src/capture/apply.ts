import { setTimeout as sleep } from 'node:timers/promises';
import pMap from 'p-map';
import { CaptureError, ClusterError, InterruptedError, messageOf } from '../errors.ts';
import type { Cluster, Job, Pod, Secret } from '../kube/cluster.ts';
import { ANNOTATION_RUN, ANNOTATION_STOP, captureSelector } from './names.ts';
import type { CapturePlan, PlannedNode } from './plan.ts';
import { startTogether } from './start.ts';
import { STOP_DISCARD } from './workload-spec.ts';

/** Requests in flight while creating: one API server takes no more Jobs a second with a larger number. */
const IN_FLIGHT = 32;
/** Milliseconds for all of an undo. */
const UNDO_LIMIT = 60_000;
/** Milliseconds that the pods of a capture have to end without leaving files, before their Jobs are deleted anyway. */
const DISCARD_LIMIT = 10_000;
/** Milliseconds in which a Job's pod appears, if it is not refused. */
const POD_LIMIT = 2_000;
const POLL = 100;

/** The Jobs as created, and the instant at which all begin, where they were told one together. */
export type Applied = { jobs: readonly Job[]; at: Date | undefined };

/** How a plan is applied: milliseconds that all nodes have to get ready to begin together, null where they need not. */
type Applying = { togetherMs: number | null; signal: AbortSignal; now: () => Date };

/**
 * Creates the Secret and the Jobs of a plan, many at a time, and makes the Jobs the Secret's owners; then has them begin
 * together, if they are to. When one is refused or not ready, or the signal is aborted, everything that was created is
 * removed again, and the error says so or names what could not be removed.
 */
export async function applyPlan(plan: CapturePlan, cluster: Cluster, applying: Applying): Promise<Applied> {
  const { signal, togetherMs } = applying;
  // A creation that was sent is waited for even on Ctrl-C: only then is it known what there is to undo.
  const creating = cluster.withSignal(new AbortController().signal);
  const { jobs, refused } = await createAll(plan, creating, signal);
  if (refused === undefined && !signal.aborted) {
    if (togetherMs === null) return { jobs, at: undefined };
    try {
      return { jobs, at: await startTogether(plan, cluster, { ...applying, timeoutMs: togetherMs }) };
    } catch (error) {
      if (!signal.aborted) throw await takenBack(error, plan, cluster);
    }
  }
  const undone = await undo(plan, cluster.withSignal(AbortSignal.timeout(UNDO_LIMIT)));
  if (refused === undefined) {
    throw new InterruptedError(`interrupted while creating capture ${plan.name}: ${undone.text}`, undone.hint);
  }
  const { what, error } = refused;
  if (!(error instanceof ClusterError)) throw error;
  throw new ClusterError(`${what} was refused: ${error.message}\n${undone.text}`, {
    hint: undone.hint ?? error.hint,
    cause: error,
  });
}

/** The error of a start that did not come about, after all that was created was removed. */
async function takenBack(error: unknown, plan: CapturePlan, cluster: Cluster): Promise<unknown> {
  const undone = await undo(plan, cluster.withSignal(AbortSignal.timeout(UNDO_LIMIT)));
  const known = error instanceof CaptureError || error instanceof ClusterError;
  if (!known) return error;
  const hint = [error.hint, undone.hint].filter((text) => text !== undefined).join('\n') || undefined;
  return new CaptureError(`${error.message}\n${undone.text}`, { hint, cause: error });
}

type Refused = { what: string; error: unknown };

/** Creates all, up to the first refusal. */
async function createAll(
  plan: CapturePlan,
  cluster: Cluster,
  signal: AbortSignal,
): Promise<{ jobs: readonly Job[]; refused: Refused | undefined }> {
  const { secret } = plan;
  let refused: Refused | undefined;
  const attempt = async <T>(what: string, action: () => Promise<T>): Promise<T | undefined> => {
    if (refused !== undefined || signal.aborted) return undefined;
    try {
      return await action();
    } catch (error) {
      refused ??= { what, error };
      return undefined;
    }
  };
  // First: a pod whose Secret is not there yet waits for seconds.
  if (secret !== undefined) await attempt('the Secret with the credentials', () => cluster.createSecret(secret));
  const create = ({ node, job }: PlannedNode) => attempt(`the Job for node ${node}`, () => cluster.createJob(job));
  const jobs = await pMap(plan.nodes, create, { concurrency: IN_FLIGHT });
  if (secret !== undefined) await attempt('the ownership of the Secret', () => own(secret, jobs, cluster));
  return { jobs: jobs.filter((job) => job !== undefined), refused };
}

/** With the last of its Jobs, the cluster removes the Secret, whoever deletes them. */
function own(secret: Secret, jobs: readonly (Job | undefined)[], cluster: Cluster): Promise<void> {
  const owners = jobs.map((job) => {
    const { name = '', uid = '' } = job?.metadata ?? {};
    return { apiVersion: 'batch/v1', kind: 'Job', name, uid };
  });
  return cluster.ownSecret(secret.metadata?.namespace ?? '', secret.metadata?.name ?? '', owners);
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
    if (jobs.length === 0) {
      const removed = await removeSecret(plan.secret, cluster);
      const text = removed ? 'the Secret created before it removed; nothing is left' : 'nothing was created';
      return { text, hint: undefined };
    }
    const discarding = discarder(jobs, selection, cluster);
    await discarding.untilEnded();
    await pMap(jobs, (job) => removeJob(job, cluster), { concurrency: IN_FLIGHT });
    await untilGone(jobs, selection, cluster, discarding.look);
    await removeSecret(plan.secret, cluster);
    const secret = plan.secret === undefined ? '' : ' and the Secret';
    const removed = `${jobs.length} Job${jobs.length === 1 ? '' : 's'}${secret} created before it removed`;
    const { spared } = discarding;
    if (spared.size === 0) return { text: `${removed}; nothing is left`, hint: undefined };
    return {
      text: `${removed}; a tarball of these seconds may be left on ${[...spared].sort().join(', ')}`,
      hint: `Its name begins with ${plan.name}-. (To leave none takes the right to patch pods.)`,
    };
  } catch (error) {
    return {
      text: `what was created could not all be removed again: ${messageOf(error)}`,
      hint: `Remove what is left: ${byHand}`,
    };
  }
}

type Selected = { namespace: string; labels: string };

/**
 * Tells pods to leave no file, each as soon as it appears, and waits for them. A pod is not deleted while it starts: it
 * would then be ended by a signal, which means that files are wanted.
 */
function discarder(jobs: readonly Job[], selection: Selected, cluster: Cluster) {
  const uids = new Set(jobs.map((job) => job.metadata?.uid));
  const told = new Set<string | undefined>();
  const spared = new Set<string>();
  const look = async (): Promise<Pod[]> => {
    const pods = (await cluster.list('pods', selection)).filter((pod) =>
      pod.metadata?.ownerReferences?.some((o) => uids.has(o.uid)),
    );
    const news = pods.filter((pod) => !told.has(pod.metadata?.uid));
    for (const pod of news) told.add(pod.metadata?.uid);
    const spare = async (pod: Pod): Promise<void> => {
      if (!(await discard(pod, cluster))) spared.add(pod.spec?.nodeName ?? '');
    };
    await pMap(news, spare, { concurrency: IN_FLIGHT });
    return pods;
  };
  const untilEnded = async (): Promise<void> => {
    const start = Date.now();
    for (;;) {
      const pods = await look();
      const waited = Date.now() - start;
      const all = pods.length >= jobs.length || waited > POD_LIMIT;
      const running = pods.filter(mayWrite);
      if (all && running.length === 0) return;
      if (waited > DISCARD_LIMIT) return running.forEach((pod) => void spared.add(pod.spec?.nodeName ?? ''));
      await sleep(POLL);
    }
  };
  return { look, untilEnded, spared };
}

/** Whether a pod runs, or is about to: neither ended, nor kept from starting, nor waiting for a node. */
function mayWrite(pod: Pod): boolean {
  const { phase, containerStatuses = [], conditions = [] } = pod.status ?? {};
  if (phase === 'Succeeded' || phase === 'Failed') return false;
  if (containerStatuses.some((container) => container.state?.terminated !== undefined)) return false;
  if (containerStatuses.some((container) => /^ErrImage|BackOff$/.test(container.state?.waiting?.reason ?? '')))
    return false;
  return !conditions.some((condition) => condition.type === 'PodScheduled' && condition.status === 'False');
}

/** Returns false when the pod could not be told. */
async function discard(pod: Pod, cluster: Cluster): Promise<boolean> {
  try {
    const { namespace = '', name = '' } = pod.metadata ?? {};
    await cluster.annotatePod(namespace, name, { [ANNOTATION_STOP]: STOP_DISCARD });
    return true;
  } catch (error) {
    // Without the right to patch, the pod still ends with its Job; it then leaves the tarball of its few seconds.
    if (!(error instanceof ClusterError)) throw error;
    return error.status === 404;
  }
}

/** By its name, which is this run's alone: it may exist although the answer to its creation was lost. */
async function removeSecret(secret: Secret | undefined, cluster: Cluster): Promise<boolean> {
  if (secret === undefined) return false;
  const { namespace = '', name = '' } = secret.metadata ?? {};
  return cluster.remove('secrets', namespace, name, { propagation: 'Background' });
}

function removeJob(job: Job, cluster: Cluster): Promise<boolean> {
  return cluster.remove('jobs', job.metadata?.namespace ?? '', job.metadata?.name ?? '', {
    propagation: 'Foreground',
    uid: job.metadata?.uid,
  });
}

async function untilGone(
  jobs: readonly Job[],
  selection: Selected,
  cluster: Cluster,
  meanwhile: () => Promise<unknown>,
): Promise<void> {
  const uids = new Set(jobs.map((job) => job.metadata?.uid));
  for (;;) {
    const left = (await cluster.list('jobs', selection)).filter((job) => uids.has(job.metadata?.uid));
    if (left.length === 0) return;
    await meanwhile();
    await sleep(POLL);
  }
}
