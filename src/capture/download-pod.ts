import { setTimeout as sleep } from 'node:timers/promises';
import { CaptureError, ClusterError, isUnsure, messageOf } from '../errors.ts';
import type { Cluster, Job, KubeEvent, Pod } from '../kube/cluster.ts';
import { buildDownloadJob, type DownloadJob } from './download-job.ts';
import { startProblem } from './image-problem.ts';
import { nodeHealth } from './inquire.ts';
import { CONTAINER_DOWNLOAD } from './names.ts';
import { nodeOfJob } from './node-of-job.ts';
import { oneLine } from './plain-text.ts';

/** Milliseconds until a download pod must run. */
const START_LIMIT = 90_000;
/** Milliseconds for its removal: an API server that restarts is waited for. */
const REMOVE_LIMIT = 60_000;
/** Milliseconds between looks at the node of a pod that does not start, or does not go. */
const LOOK = 2000;

/** Runs an action beside a download pod on a node; the pod is gone afterwards, whatever happened. */
export async function withDownloadPod<T>(
  cluster: Cluster,
  order: DownloadJob,
  signal: AbortSignal,
  action: (pod: string) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const unable = await nodeProblem(cluster, order.node);
  if (unable !== undefined) throw unable;
  // Its name is this run's alone: one whose creation was not confirmed is removed by it.
  let job = buildDownloadJob(order);
  const outcome = await settle(async () => {
    // Waited for even on Ctrl-C: a Job that comes after its removal would stay.
    job = await cluster.withSignal(new AbortController().signal).createJob(job);
    return action(await untilRunning(cluster, order, job, signal));
  });
  if (!outcome.ok && job.metadata?.uid === undefined && !isUnsure(outcome.error)) throw outcome.error;
  try {
    await removeWithPods(cluster.withSignal(AbortSignal.timeout(REMOVE_LIMIT)), job);
  } catch (error) {
    throw new PodLeftError(order, job, { error, failure: outcome.ok ? undefined : outcome.error });
  }
  if (!outcome.ok) throw outcome.error;
  return outcome.value;
}

/**
 * Why a node would neither start a pod nor let it go; undefined where it is Ready. Whoever may not look at nodes finds that
 * out late.
 */
async function nodeProblem(cluster: Cluster, node: string): Promise<CaptureError | undefined> {
  const health = await nodeHealth(cluster, node).catch((error: unknown) => {
    if (error instanceof ClusterError && error.status === 403) return { unready: null };
    throw error;
  });
  if (health === 'gone') {
    const hint = 'What lay on its disk has gone with it. There are: kubectl get nodes';
    return new CaptureError(`node ${node} is not in the cluster any more`, { hint });
  }
  if (health.unready === null) return undefined;
  const hint = `What lies on its disk can be fetched once it is Ready again: kubectl describe node ${node}`;
  return new CaptureError(`node ${node} is not Ready: ${health.unready}`, { hint });
}

type Outcome<T> = { ok: true; value: T } | { ok: false; error: unknown };

async function settle<T>(action: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { ok: true, value: await action() };
  } catch (error) {
    return { ok: false, error };
  }
}

/** A download pod could not be removed; this also tells what had failed before. */
export class PodLeftError extends CaptureError {
  constructor(order: DownloadJob, job: Job, { error, failure }: { error: unknown; failure: unknown }) {
    const [why, before] = [messageOf(error), failure === undefined ? undefined : messageOf(failure)];
    const same = before === undefined || before === why;
    super(`${same ? '' : `${before}; and `}the download pod on node ${order.node} could not be removed: ${why}`, {
      hint:
        error instanceof StaysError
          ? error.hint
          : `It ends by itself after a minute, or: kubectl delete job/${job.metadata?.name} -n ${order.namespace}`,
      cause: failure ?? error,
    });
  }
}

async function untilRunning(cluster: Cluster, order: DownloadJob, job: Job, signal: AbortSignal): Promise<string> {
  const done = new AbortController();
  const limit = AbortSignal.timeout(START_LIMIT);
  const until = AbortSignal.any([signal, done.signal, limit]);
  let running: string | undefined;
  let problem: CaptureError | undefined;
  const look = (next: { running?: string | undefined; problem?: CaptureError | undefined }): void => {
    running ??= next.running;
    problem ??= next.problem;
    if (running !== undefined || problem !== undefined) done.abort();
  };
  const { namespace } = order;
  const name = job.metadata?.name ?? '';
  await Promise.all([
    cluster.follow('pods', { namespace, labels: `batch.kubernetes.io/job-name=${name}` }, until, (pods) =>
      look(podTells(pods[0], order)),
    ),
    cluster
      .follow('events', { namespace, fields: 'type=Warning' }, until, (events) =>
        look({ problem: eventTells(events, name, order) }),
      )
      .catch((error) => {
        if (!(error instanceof ClusterError && error.status === 403)) throw error;
      }),
    whenUnable(cluster, order.node, until).then((unable) => look({ problem: unable })),
  ]).finally(() => done.abort());
  signal.throwIfAborted();
  if (problem !== undefined) throw problem;
  if (running !== undefined) return running;
  throw new CaptureError(`the download pod on node ${order.node} did not start within ${START_LIMIT / 1000} s`, {
    hint: `Is the node Ready? kubectl get node ${order.node}`,
  });
}

/** Looks at a node until it cannot start pods any more, or until the signal. */
async function whenUnable(cluster: Cluster, node: string, until: AbortSignal): Promise<CaptureError | undefined> {
  while (await sleep(LOOK, true, { signal: until }).catch(() => false)) {
    const unable = await nodeProblem(cluster.withSignal(until), node).catch((error: unknown) => {
      if (!until.aborted && !(error instanceof ClusterError)) throw error;
    });
    if (unable !== undefined) return unable;
  }
  return undefined;
}

function podTells(pod: Pod | undefined, order: DownloadJob): { running?: string; problem?: CaptureError } {
  const container = pod?.status?.containerStatuses?.find((status) => status.name === CONTAINER_DOWNLOAD);
  const { running, terminated } = container?.state ?? {};
  if (running !== undefined) return { running: pod?.metadata?.name ?? '' };
  const here = `the download pod on node ${order.node}`;
  const stuck = startProblem(container, pod?.metadata);
  if (stuck !== undefined)
    return { problem: new CaptureError(`${here} ${oneLine(stuck.problem)}`, { hint: stuck.hint }) };
  const place = pod?.status?.conditions?.find((c) => c.type === 'PodScheduled' && c.status === 'False');
  if (place !== undefined) {
    return {
      problem: new CaptureError(
        `${here} cannot be scheduled: ${oneLine(place.message ?? place.reason ?? 'no reason told')}`,
        {
          hint: `Is there such a node? kubectl get node ${order.node}`,
        },
      ),
    };
  }
  if (terminated === undefined && pod?.status?.phase !== 'Failed') return {};
  const words = terminated?.message ?? pod?.status?.message ?? pod?.status?.reason ?? 'no reason told';
  return { problem: new CaptureError(`${here} ended at once: ${oneLine(words).slice(0, 300)}`) };
}

/** A directory that is not there, or a refused pod, shows in events only. */
function eventTells(events: readonly KubeEvent[], jobName: string, order: DownloadJob): CaptureError | undefined {
  const about = events.filter((event) => event.involvedObject?.name?.startsWith(jobName));
  const mount = about.find(
    (event) => event.reason === 'FailedMount' && /hostPath type check failed/.test(event.message ?? ''),
  );
  if (mount !== undefined) return new NoDirectoryError(order.hostPath, order.node);
  const refused = about.find((event) => event.reason === 'FailedCreate');
  if (refused === undefined) return undefined;
  return new CaptureError(
    `the download pod for node ${order.node} was refused: ${oneLine(refused.message ?? 'no reason told')}`,
    {
      hint: 'It needs a hostPath volume: use a namespace that admits privileged pods.',
    },
  );
}

/** The directory to download from does not exist on a node. */
export class NoDirectoryError extends CaptureError {
  constructor(directory: string, node: string) {
    super(`there is no directory ${directory} on node ${node}`, { hint: 'Name another with --host-path.' });
  }
}

/** A pod stays although its Job is deleted, until its node is back. */
class StaysError extends CaptureError {}

/**
 * Removes a Job and waits until it and its pods are gone. Throws a CaptureError where its node will not let them go: one that
 * does not answer keeps its pods.
 */
export async function removeWithPods(cluster: Cluster, job: Job): Promise<void> {
  const { namespace = '', name = '', uid } = job.metadata ?? {};
  await cluster.remove('jobs', namespace, name, { propagation: 'Foreground', uid });
  const selection = { namespace, labels: `batch.kubernetes.io/job-name=${name}` };
  const left = async (): Promise<number> =>
    (await cluster.list('jobs', { namespace, fields: `metadata.name=${name}` })).length +
    (await cluster.list('pods', selection)).length;
  const node = nodeOfJob(job);
  for (let looked = Date.now(); (await left()) > 0; await sleep(100)) {
    if (node === undefined || Date.now() - looked < LOOK) continue;
    looked = Date.now();
    const unable = await nodeProblem(cluster, node);
    const hint = `It is deleted, and goes once the node is Ready again, or removed: kubectl describe node ${node}`;
    if (unable !== undefined) throw new StaysError(unable.message, { hint });
  }
}
