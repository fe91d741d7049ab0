import { setTimeout as sleep } from 'node:timers/promises';
import pMap from 'p-map';
import { CaptureError, ClusterError, messageOf } from '../errors.ts';
import type { Cluster, Job, KubeEvent, Pod, Secret } from '../kube/cluster.ts';
import { createJobs, startGrace } from './create-jobs.ts';
import { removeWithPods } from './download-pod.ts';
import { startProblem } from './image-problem.ts';
import { CONTAINER_UPLOAD, LABEL_UPLOAD_OF } from './names.ts';
import { oneLine, plainText } from './plain-text.ts';
import { buildUploadJob, type UploadOrder } from './upload-job.ts';
import type { UploadPlan } from './upload-plan.ts';
import { decodeUploadResult, type UploadResult } from './upload-spec.ts';

const IN_FLIGHT = 32;
/** Milliseconds until an upload pod must run. */
const START_LIMIT = 90_000;
/** Milliseconds beyond the time for the upload in which its pod must have ended. */
const MARGIN = 150_000;
/** Milliseconds for removing everything: pods that are interrupted first take their unfinished uploads back. */
const REMOVE_LIMIT = 60_000;

/** What became of a node's upload: the pod's own result, or why there is none. */
export type UploadOutcome =
  | { order: UploadOrder; result: UploadResult }
  | { order: UploadOrder; problem: CaptureError };

type Running = { order: UploadOrder; job: Job; ownSecret: string | undefined };

/**
 * Runs the uploads of a plan, each in a pod on its node. What was created for them (Jobs, pods, the Secret) is gone
 * afterwards, whatever happened; where it could not be removed, the error names it.
 */
export async function runUploads(plan: UploadPlan, cluster: Cluster, signal: AbortSignal): Promise<UploadOutcome[]> {
  signal.throwIfAborted();
  const { secret, orders } = plan;
  // Waited for even on Ctrl-C: only what is known can be removed.
  const grace = startGrace(signal);
  const running: Running[] = [];
  let failure: unknown;
  let outcomes: UploadOutcome[] = [];
  try {
    const jobs = orders.map((order) => ({ node: order.spec.result.node, job: buildUploadJob(order) }));
    // Their names are this run's alone, and they may be there although the answers were lost.
    for (const [index, order] of orders.entries()) {
      const job = jobs[index]?.job;
      if (job !== undefined) running.push({ order, job, ownSecret: secret?.metadata?.name });
    }
    const { made, refused } = await createJobs({ jobs, secret }, cluster.withSignal(grace.signal), { signal, grace });
    for (const [index, one] of running.entries()) one.job = made[index] ?? one.job;
    if (refused !== undefined) throw refused.error;
    outcomes = await untilEnded(cluster, running, signal);
  } catch (error) {
    failure = error;
  }
  grace.end();
  await removeAll({ running, secret }, cluster.withSignal(AbortSignal.timeout(REMOVE_LIMIT)), failure);
  signal.throwIfAborted();
  if (failure !== undefined) throw failure;
  return outcomes;
}

async function removeAll(
  { running, secret }: { running: readonly Running[]; secret: Secret | undefined },
  cluster: Cluster,
  failure: unknown,
): Promise<void> {
  const { namespace = '', name = '' } = secret?.metadata ?? {};
  try {
    await pMap(running, ({ job }) => removeWithPods(cluster, job), { concurrency: IN_FLIGHT });
    if (secret !== undefined) await cluster.remove('secrets', namespace, name, { propagation: 'Background' });
  } catch (error) {
    const before = failure === undefined ? '' : `${messageOf(failure)}; and `;
    const jobs = running.map(({ job }) => `job/${job.metadata?.name}`);
    const left = [...jobs, ...(secret === undefined ? [] : [`secret/${name}`])].join(' ');
    throw new CaptureError(`${before}the upload pods could not all be removed: ${messageOf(error)}`, {
      hint: `kubectl delete ${left} -n ${running[0]?.order.namespace ?? namespace} --ignore-not-found`,
      cause: error,
    });
  }
}

/** Follows the pods until each has ended, cannot start, or has had its time. */
async function untilEnded(
  cluster: Cluster,
  running: readonly Running[],
  signal: AbortSignal,
): Promise<UploadOutcome[]> {
  const ended = new Map<Running, UploadOutcome>();
  const started = new Set<Running>();
  const all = new AbortController();
  const until = AbortSignal.any([signal, all.signal]);
  const end = (one: Running, told: UploadResult | CaptureError | undefined): void => {
    if (told === undefined || ended.has(one)) return;
    const { order } = one;
    ended.set(one, told instanceof CaptureError ? { order, problem: told } : { order, result: told });
    if (ended.size === running.length) all.abort();
  };
  const lookAt = (pods: readonly Pod[]): void => {
    for (const one of running) {
      const pod = pods.find(({ metadata }) =>
        metadata?.ownerReferences?.some(({ uid }) => uid === one.job.metadata?.uid),
      );
      if (pod === undefined && started.has(one)) end(one, new CaptureError(`${podOn(one)} is gone`));
      if (pod !== undefined) end(one, podTells(pod, one));
      if (pod?.status?.phase === 'Running') started.add(one);
    }
  };
  const { namespace, spec } = running[0]?.order ?? { namespace: '', spec: undefined };
  const labels = `${LABEL_UPLOAD_OF}=${spec?.result.capture}`;
  const giveUp = async (after: number, which: (one: Running) => boolean, why: string): Promise<void> => {
    await sleep(after, undefined, { signal: until }).catch(() => undefined);
    if (!until.aborted)
      for (const one of running.filter(which))
        end(one, new CaptureError(`${podOn(one)} ${why}`, { hint: `Is it Ready? kubectl get node ${nodeOf(one)}` }));
  };
  await Promise.all([
    cluster.follow('pods', { namespace, labels }, until, lookAt),
    cluster
      .follow('events', { namespace, fields: 'type=Warning' }, until, (events) => {
        for (const one of running) end(one, eventTells(events, one));
      })
      .catch((error: unknown) => {
        // Whoever may not read events goes without their explanations.
        if (!(error instanceof ClusterError && error.status === 403)) throw error;
      }),
    giveUp(START_LIMIT, (one) => !started.has(one), `did not start within ${START_LIMIT / 1000} s`),
    giveUp((spec?.timeoutMs ?? 0) + MARGIN, () => true, 'did not end in time'),
  ]).finally(() => all.abort());
  return running.flatMap((one) => ended.get(one) ?? []);
}

function nodeOf({ order }: Running): string {
  return order.spec.result.node;
}

function podOn(one: Running): string {
  return `the upload pod on node ${nodeOf(one)}`;
}

/** How a pod has ended, or why it will not start; undefined while it may. */
function podTells(pod: Pod, one: Running): UploadResult | CaptureError | undefined {
  const here = podOn(one);
  const container = pod.status?.containerStatuses?.find(({ name }) => name === CONTAINER_UPLOAD);
  const terminated = container?.state?.terminated;
  if (terminated !== undefined) {
    try {
      return plainText(decodeUploadResult(terminated.message ?? ''));
    } catch (cause) {
      const last = terminated.message?.trim().split('\n').slice(-3).join(' ') || terminated.reason;
      const words = oneLine(last ?? 'no reason told').slice(0, 500);
      return new CaptureError(
        `${here} ended without telling what it did (exit code ${terminated.exitCode}): ${words}`,
        {
          hint: 'Is its image one of this program, and not much older? Choose another with --image.',
          cause,
        },
      );
    }
  }
  if (pod.status?.phase === 'Failed') {
    return new CaptureError(
      `${here} was ended: ${oneLine(pod.status.message ?? pod.status.reason ?? 'no reason told')}`,
    );
  }
  const stuck = startProblem(container, pod.metadata);
  if (stuck !== undefined) return new CaptureError(`${here} ${oneLine(stuck.problem)}`, { hint: stuck.hint });
  const place = pod.status?.conditions?.find(({ type, status }) => type === 'PodScheduled' && status === 'False');
  if (place === undefined) return undefined;
  return new CaptureError(
    `${here} cannot be scheduled: ${oneLine(place.message ?? place.reason ?? 'no reason told')}`,
    {
      hint: `Is there such a node? kubectl get node ${nodeOf(one)}`,
    },
  );
}

/** A directory or a Secret that is not there, or a refused pod, shows in events only. */
function eventTells(events: readonly KubeEvent[], one: Running): CaptureError | undefined {
  const { name = '', namespace = '' } = one.job.metadata ?? {};
  const about = events.filter(({ involvedObject }) => involvedObject?.name?.startsWith(name));
  const refused = about.find(({ reason }) => reason === 'FailedCreate');
  if (refused !== undefined)
    return new CaptureError(`${podOn(one)} was refused: ${oneLine(refused.message ?? 'no reason told')}`, {
      hint: 'It needs hostNetwork and a hostPath volume: use a namespace that admits privileged pods.',
    });
  const mount = about.find(({ reason }) => reason === 'FailedMount')?.message ?? '';
  if (/hostPath type check failed/.test(mount))
    return new CaptureError(`there is no directory ${one.order.spec.place.path} on node ${nodeOf(one)} any more`);
  const secret = /secret "([^"]+)" not found/.exec(mount)?.[1];
  // That of this run comes after its first Job: a kubelet that was faster asks again.
  if (secret === undefined || secret === one.ownSecret) return undefined;
  return new CaptureError(`Secret ${secret}, which has the credentials, is not there any more in ${namespace}`, {
    hint: 'Give the destination with its credentials: --s3-secret, --s3-access-key-id …, --blob-upload or --blob-secret.',
  });
}
