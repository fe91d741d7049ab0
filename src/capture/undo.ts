import { setTimeout as sleep } from 'node:timers/promises';
import pMap from 'p-map';
import { ClusterError } from '../errors.ts';
import type { Cluster, Job, Pod, Secret } from '../kube/cluster.ts';
import { ANNOTATION_RUN, ANNOTATION_STOP, captureSelector } from './names.ts';
import { nodeOfJob } from './node-of-job.ts';
import type { CapturePlan } from './plan.ts';
import { STOP_DISCARD } from './workload-words.ts';

const IN_FLIGHT = 32;
/** Milliseconds for all of an undo. */
const UNDO_LIMIT = 60_000;
/** Milliseconds in which a creation without an answer shows, if it was done: the server gives it up when its client goes. */
const LATE = 2_000;
/** Objects that are named, each with its command, when they may be left. */
const NAMED = 10;
/** Milliseconds that the pods of a capture have to end without leaving files, before their Jobs are deleted anyway. */
const DISCARD_LIMIT = 10_000;
/** Milliseconds in which a Job's pod appears, if it is not refused. */
const POD_LIMIT = 2_000;
const POLL = 100;
/** Why an object may be left, as far as it is known. */
const UNSEEN = 'it was not looked for';
const GOING = 'its deletion was accepted, but it was still there when last seen';

type Undone = { text: string; hint: string | undefined };

/** What an undo has found out: what may be left, with the reason, and what is gone. */
type Undoing = { left: Map<string, string>; jobs: number; spared: Set<string> };

/**
 * Removes what a run has created, those that it never heard of included, and says in words what is gone, or what may be
 * left and how it is removed. `unsure` tells that a creation had no answer. Takes a minute at most.
 */
export async function undo(plan: CapturePlan, anyTime: Cluster, unsure: boolean): Promise<Undone> {
  const cluster = anyTime.withSignal(AbortSignal.timeout(UNDO_LIMIT));
  const names = plan.nodes.map(({ job }) => `job/${job.metadata?.name}`);
  const secret = plan.secret === undefined ? [] : [`secret/${plan.secret.metadata?.name}`];
  const left = new Map([...names, ...secret].map((name) => [name, UNSEEN]));
  const undoing: Undoing = { left, jobs: 0, spared: new Set() };
  const late = Date.now() + (unsure ? LATE : 0);
  try {
    // Once more, where an answer is missing: what was asked for may be done after it was looked for.
    do await removeRun(plan, cluster, undoing);
    while (Date.now() < late && (await sleep(POLL, true)));
  } catch (error) {
    if (!(error instanceof ClusterError)) throw error;
    for (const name of left.size === 0 ? names : left.keys()) {
      if ((left.get(name) ?? UNSEEN) === UNSEEN) left.set(name, error.message);
    }
  }
  return left.size === 0 ? undoneWords(plan, undoing) : leftWords(plan, undoing);
}

/** Removes what there is of a run. What is neither there nor refused to go is struck off what may be left. */
async function removeRun(plan: CapturePlan, cluster: Cluster, undoing: Undoing): Promise<void> {
  const { left } = undoing;
  const selection = { namespace: plan.namespace, labels: captureSelector(plan.name) };
  // Listed, not remembered: a Job may exist although the answer to its creation was lost.
  const there = (await cluster.list('jobs', selection)).filter(
    (job) => job.metadata?.annotations?.[ANNOTATION_RUN] === plan.runId,
  );
  const listed = new Set(there.map(nameOf));
  for (const name of [...left.keys()].filter((name) => name.startsWith('job/') && !listed.has(name))) left.delete(name);
  const discarding = discarder(there, { selection, cluster, spared: undoing.spared });
  if (there.length > 0) await discarding.untilEnded();
  const removed = await pMap(there, async (job) => ((await removeJob(job, cluster, left)) ? [job] : []), {
    concurrency: IN_FLIGHT,
  });
  // Credentials go even when pods take their time. Without a Job there is no Secret either: it comes after the first.
  const secret = plan.secret;
  if (there.length > 0) await removeSecret(secret, cluster, left);
  else if (undoing.jobs === 0) left.delete(`secret/${secret?.metadata?.name}`);
  const going = removed.flat();
  if (going.length > 0) await untilGone(going, selection, cluster, discarding.look);
  for (const job of going) left.delete(nameOf(job));
  undoing.jobs += going.length;
}

function undoneWords(plan: CapturePlan, undoing: Undoing): Undone {
  const { spared } = undoing;
  const removed = removedWords(plan, undoing);
  if (removed === undefined) return { text: 'nothing was created', hint: undefined };
  if (spared.size === 0) return { text: `${removed}; nothing is left`, hint: undefined };
  return {
    text: `${removed}; a tarball of these seconds may be left on ${[...spared].sort().join(', ')}`,
    hint: `Its name begins with ${plan.name}-. (To leave none takes the right to patch pods.)`,
  };
}

function removedWords({ secret }: CapturePlan, { jobs, left }: Undoing): string | undefined {
  if (jobs === 0) return undefined;
  const withSecret = secret !== undefined && !left.has(`secret/${secret.metadata?.name}`);
  return `${jobs} Job${jobs === 1 ? '' : 's'}${withSecret ? ' and the Secret' : ''} created before it removed`;
}

/** Each object that may be left, why, and the command that removes it. */
function leftWords(plan: CapturePlan, undoing: Undoing): Undone {
  const removed = removedWords(plan, undoing);
  const left = [...undoing.left].sort();
  const lines = left.slice(0, NAMED).map(([name, why]) => `${name}: ${why}`);
  const rest = left.length > NAMED ? [`and ${left.length - NAMED} more`] : [];
  const text = [`${removed === undefined ? '' : `${removed}; `}this may be left:`, ...lines, ...rest].join('\n');
  const commands = left
    .slice(0, NAMED)
    .map(([name]) => `kubectl delete ${name} -n ${plan.namespace} --ignore-not-found`);
  const all = `kubectl retina capture delete ${plan.name} -n ${plan.namespace}`;
  return {
    text,
    hint: ['To remove it, once the server and the nodes answer:', ...commands, `All at once: ${all}`].join('\n'),
  };
}

function nameOf(job: Job): string {
  return `job/${job.metadata?.name}`;
}

type Selected = { namespace: string; labels: string };

/**
 * Tells pods to leave no file, each as soon as it appears, and waits for them. A pod is not deleted while it starts: it
 * would then be ended by a signal, which means that files are wanted.
 */
function discarder(
  jobs: readonly Job[],
  { selection, cluster, spared }: { selection: Selected; cluster: Cluster; spared: Set<string> },
) {
  const uids = new Set(jobs.map((job) => job.metadata?.uid));
  const told = new Set<string | undefined>();
  const look = async (): Promise<Pod[]> => {
    const all = await cluster.list('pods', selection).catch((error: unknown) => {
      // Without the right to see them, they cannot be told; they end with their Jobs.
      if (!(error instanceof ClusterError && error.status === 403)) throw error;
      for (const job of jobs) spared.add(nodeOfJob(job) ?? '');
      return [];
    });
    const pods = all.filter((pod) => pod.metadata?.ownerReferences?.some((o) => uids.has(o.uid)));
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
  return { look, untilEnded };
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
async function removeSecret(secret: Secret | undefined, cluster: Cluster, left: Map<string, string>): Promise<void> {
  if (secret === undefined) return;
  const { namespace = '', name = '' } = secret.metadata ?? {};
  await orLeft(`secret/${name}`, left, async () => {
    await cluster.remove('secrets', namespace, name, { propagation: 'Background' });
    left.delete(`secret/${name}`);
    return true;
  });
}

/** Returns false when the Job may not be removed. */
function removeJob(job: Job, cluster: Cluster, left: Map<string, string>): Promise<boolean> {
  const { namespace = '', name = '', uid } = job.metadata ?? {};
  return orLeft(nameOf(job), left, async () => {
    await cluster.remove('jobs', namespace, name, { propagation: 'Foreground', uid });
    left.set(nameOf(job), GOING);
    return true;
  });
}

/** What cannot be removed is no reason to leave the rest where it is. */
async function orLeft(name: string, left: Map<string, string>, remove: () => Promise<boolean>): Promise<boolean> {
  try {
    return await remove();
  } catch (error) {
    if (!(error instanceof ClusterError)) throw error;
    left.set(name, error.message);
    return false;
  }
}

async function untilGone(
  jobs: readonly Job[],
  selection: Selected,
  cluster: Cluster,
  pods: () => Promise<readonly Pod[]>,
): Promise<void> {
  const uids = new Set(jobs.map((job) => job.metadata?.uid));
  for (;;) {
    const left = (await cluster.list('jobs', selection)).filter((job) => uids.has(job.metadata?.uid));
    // A pod that was made while its Job was deleted goes after it.
    if ((await pods()).length + left.length === 0) return;
    await sleep(POLL);
  }
}
