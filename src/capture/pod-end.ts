import type { Job, KubeEvent, Pod } from '../kube/cluster.ts';
import { newest } from './pod-events.ts';

/** What ended a pod from outside, by the reasons of its condition DisruptionTarget. */
const DISRUPTIONS: Readonly<Record<string, string>> = {
  EvictionByEvictionAPI: 'evicted, as kubectl drain does',
  PreemptionByScheduler: 'preempted by a pod of higher priority',
  DeletionByTaintManager: 'evicted by a taint of its node',
  DeletionByPodGC: 'its node is not in the cluster any more',
  TerminationByKubelet: 'ended by the kubelet of its node',
};

/** Who ended a pod from outside, in words, with those of the cluster; undefined where nobody is known to have. */
export function disruptionWords({ status }: Pod): string | undefined {
  const { reason, message } = status ?? {};
  if (reason === 'Evicted') return told('evicted by the kubelet of its node', message);
  if (reason === 'DeadlineExceeded') return told('its deadline has passed', message);
  if (reason === 'Preempting') return told('preempted on its node', message);
  if (reason === 'NodeShutdown' || reason === 'Terminated') return told('its node was shut down', message);
  const target = status?.conditions?.find((c) => c.type === 'DisruptionTarget' && c.status === 'True');
  if (target === undefined) return undefined;
  return told(DISRUPTIONS[target.reason ?? ''] ?? `ended by the cluster (${target.reason})`, target.message);
}

/** Who deletes a pod, as far as that can be known; undefined where nobody does. */
export function deletedWords({ metadata }: Pod, job: Job): string | undefined {
  if (metadata?.deletionTimestamp === undefined) return undefined;
  const ended = job.status?.conditions?.find((c) => c.reason === 'DeadlineExceeded' && c.status === 'True');
  if (ended !== undefined) return told('its deadline has passed', ended.message);
  return job.metadata?.deletionTimestamp === undefined ? 'its pod was deleted' : 'its Job was deleted';
}

function told(what: string, words: string | undefined): string {
  return words === undefined || words === '' ? what : `${what}: ${words.trim()}`;
}

type Terminated = { exitCode: number; reason?: string; message?: string };
type Words = { problem: string; hint?: string | undefined; began?: boolean };

const SIGNAL = 128;
const SIGKILL = 9;

/** How a container ended that could not tell it itself. */
export function killedWords({ exitCode, reason = 'Error', message }: Terminated): Words {
  const last = message?.trim().split('\n').slice(-3).join(' ').slice(0, 500);
  const words = last ? `: ${last}` : '';
  const code = `${reason} (exit code ${exitCode})`;
  switch (reason) {
    case 'OOMKilled':
      return {
        problem: `killed, out of memory: ${code}${words}`,
        hint: 'Raise --memory-limit, or leave it out; without one, the node itself had no memory left.',
      };
    case 'StartError':
    case 'ContainerCannotRun':
      return {
        problem: `can't start: ${code}${words}`,
        hint: 'Is --image one of this program? kubectl retina version tells which one captures run.',
        began: false,
      };
    case 'ContainerStatusUnknown':
      return { problem: `its container was lost, as when its node restarts: ${code}${words}` };
    default:
      if (exitCode === SIGNAL + SIGKILL) return { problem: `killed (SIGKILL): ${code}${words}` };
      return { problem: `${code}${words}` };
  }
}

/** How a Job failed whose pod has gone: by its condition, and by what events still tell of the pod. */
export function jobFailureWords(
  { reason, message }: { reason?: string; message?: string },
  events: readonly KubeEvent[],
): Words {
  const why = reason === 'PodFailurePolicy' ? policyWords(message ?? '') : (message ?? reason ?? 'the Job failed');
  const evicted = newest(events.filter((event) => event.reason === 'Evicted'))?.message;
  const words = evicted === undefined ? why : `evicted by the kubelet of its node: ${evicted.trim()}`;
  return { problem: `${words}; its pod is gone` };
}

/** What the rules of our Jobs leave in their condition (see job.ts). */
function policyWords(message: string): string {
  const code = Number(/failed with exit code (\d+)/.exec(message)?.[1] ?? Number.NaN);
  if (code === SIGNAL + SIGKILL) return `killed (SIGKILL, as where memory runs out): ${message}`;
  if (/DisruptionTarget/.test(message))
    return `ended by the cluster (evicted, preempted, or its node gone): ${message}`;
  return message;
}
