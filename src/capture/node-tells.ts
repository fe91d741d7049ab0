import type { Job, Pod } from '../kube/cluster.ts';
import { isReady } from './begins.ts';
import { startProblem, waitingWords } from './image-problem.ts';
import { CONTAINER_CAPTURE } from './names.ts';
import { nodeOfJob } from './node-of-job.ts';
import { deletedWords, disruptionWords, jobFailureWords, killedWords } from './pod-end.ts';
import { refusal, startEvent } from './pod-events.ts';
import { resultProblem } from './result-words.ts';
import { schedulingHint } from './scheduling.ts';
import { isSilent } from './stuck.ts';
import type { Seen, Told } from './told.ts';
import { decodeResult, type WorkloadResult } from './workload-spec.ts';

/** Tells how a capture on one node is: its pod knows first, then its Job, then what is told of both. */
export function tellNode(seen: Seen): Told {
  const { job, pod } = seen;
  return (pod === undefined ? undefined : podTells(pod, job)) ?? jobTells(seen);
}

/** What the pod's own status tells for good; undefined where only the Job can. */
function podTells(pod: Pod, job: Job): Told | undefined {
  const container = pod.status?.containerStatuses?.find((status) => status.name === CONTAINER_CAPTURE);
  const endedBy = outsideWords(pod, job);
  const terminated = container?.state?.terminated;
  if (terminated !== undefined) return terminatedTells(terminated, endedBy);
  if (pod.status?.phase === 'Failed') {
    return { phase: 'failed', problem: endedBy ?? pod.status.message ?? pod.status.reason ?? 'the pod failed' };
  }
  const running = container?.state?.running !== undefined;
  if (endedBy !== undefined && !running)
    return { phase: 'failed', problem: `${endedBy} before it began`, began: false };
  const problem = startProblem(container, pod.metadata);
  return problem === undefined ? undefined : { phase: 'failed', mayStart: true, ...problem };
}

function outsideWords(pod: Pod, job: Job): string | undefined {
  return disruptionWords(pod) ?? deletedWords(pod, job);
}

type Terminated = { exitCode: number; reason?: string; message?: string };

function terminatedTells(terminated: Terminated, endedBy: string | undefined): Told {
  let result: WorkloadResult;
  try {
    result = decodeResult(terminated.message ?? '');
  } catch {
    // Another tool's pod, or one that died before it could tell: its exit code and last words are what there is.
    if (terminated.exitCode === 0) return { phase: 'completed', endedBy };
    const { problem, ...more } = killedWords(terminated);
    return { phase: 'failed', problem: endedBy === undefined ? problem : `${endedBy}; ${problem}`, ...more };
  }
  const failed = terminated.exitCode !== 0;
  const problem = failed ? resultProblem(result) : undefined;
  // Whoever has stopped it, or it itself, came first.
  const outside = result.stopReason === 'terminated' || result.stopReason === 'not-begun';
  const by = outside ? endedBy : undefined;
  return { phase: failed ? 'failed' : 'completed', result, problem, endedBy: by };
}

function jobTells(seen: Seen): Told {
  const { job, pod, events } = seen;
  const condition = (type: string) => job.status?.conditions?.find((c) => c.type === type && c.status === 'True');
  // The Job's end may be seen before its pod's, which has the result: it is on its way.
  const ended = job.status?.conditions?.some((c) => c.status === 'True') ?? false;
  if (ended && pod?.status?.phase === 'Running') return capturing(seen, pod);
  const failed = condition('Failed');
  if (failed !== undefined) return { phase: 'failed', ...jobFailureWords(failed, events) };
  if (condition('Complete') !== undefined) return { phase: 'completed' };
  if (job.spec?.suspend === true) {
    const { name, namespace } = job.metadata ?? {};
    const go = `kubectl patch job ${name} -n ${namespace} -p '{"spec":{"suspend":false}}'`;
    return { phase: 'waiting', problem: 'its Job is suspended', hint: `To let it begin: ${go}` };
  }
  if (pod === undefined) return { phase: 'waiting', problem: 'its pod is not there yet', ...refusal(job, events) };
  return isReady(pod) ? capturing(seen, pod) : starting(seen, pod);
}

/** What a pod tells that captures, or waits for the instant at which it will. */
function capturing({ job, nodes, early }: Seen, pod: Pod): Told {
  const node = pod.spec?.nodeName ?? '';
  if (nodes?.get(node) === 'gone') return { ...nodeGone(node), began: !early };
  const phase = early ? 'waiting' : 'capturing';
  if (isSilent(pod, nodes?.get(node)))
    return {
      phase,
      problem: `node ${node} does not answer`,
      hint: `It ${early ? 'begins' : 'goes on capturing'} if the node itself is alive. See: kubectl describe node ${node}`,
    };
  const endedBy = outsideWords(pod, job);
  const what = early ? 'before it began' : 'it delivers what it has';
  return { phase, problem: endedBy === undefined ? undefined : `${endedBy}; ${what}` };
}

function nodeGone(node: string): Told {
  return {
    phase: 'failed',
    problem: `node ${node} is not in the cluster any more`,
    hint: `There are: kubectl get nodes`,
  };
}

/** What a pod waits for that has not begun; its container may run. */
function starting({ job, events, nodes }: Seen, pod: Pod): Told {
  const node = pod.spec?.nodeName ?? nodeOfJob(job) ?? '';
  const health = nodes?.get(node);
  if (health === 'gone') return { ...nodeGone(node), mayStart: true };
  const endedBy = outsideWords(pod, job);
  if (endedBy !== undefined) return { phase: 'waiting', problem: endedBy };
  const scheduled = pod.status?.conditions?.find((c) => c.type === 'PodScheduled');
  if (scheduled?.status === 'False') {
    const words = scheduled.message ?? scheduled.reason ?? '';
    return { phase: 'waiting', problem: `cannot be scheduled: ${words}`, hint: schedulingHint(words, pod, node) };
  }
  if (health !== undefined && health.unready !== null) {
    return {
      phase: 'waiting',
      problem: `node ${node} is not Ready: ${health.unready}`,
      hint: `See: kubectl describe node ${node}`,
    };
  }
  const [container] = pod.status?.containerStatuses ?? [];
  // Whatever kept it from starting is over: a Secret that follows its Job may not have been there at first.
  if (container?.state?.running !== undefined) return { phase: 'waiting', problem: 'starting' };
  return startEvent(events, pod) ?? { phase: 'waiting', ...(waitingWords(container) ?? { problem: 'starting' }) };
}
