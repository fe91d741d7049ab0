import type { Job, Pod } from '../kube/cluster.ts';
import { CONTAINER_CAPTURE } from './names.ts';
import type { WorkloadResult } from './workload-spec.ts';

/** Milliseconds that clocks may differ by: times of the API are whole seconds, and kubelets tell late on a loaded node. */
const TOLERANCE = 45_000;

/** The least and the most that a clock can be ahead by, in milliseconds. */
type Bounds = { least: number; most: number };

/**
 * How far a node's clock is ahead of the control plane's, in milliseconds; undefined while both agree, or nothing is
 * known. A pod is created and scheduled before anything of it happens on its node, and all that its kubelet tells had
 * happened when the API server wrote it down: between these, each time that the node gives must lie.
 */
export function clockOffset(job: Job, pod: Pod | undefined, result: WorkloadResult | undefined): number | undefined {
  if (pod === undefined) return undefined;
  const since = latest([job.metadata?.creationTimestamp, pod.metadata?.creationTimestamp, scheduledAt(pod)]);
  const until = earliest([job.status?.completionTime, writtenByKubelet(pod)]);
  if (since === undefined || until === undefined || until < since) return undefined;
  const all = { since, until };
  // The workload's clock is the node's, and its times are those of the packets.
  return offOf(boundsOf([result?.startedAt, result?.endedAt], all)) ?? offOf(boundsOf(kubeletTimes(pod), all));
}

function offOf(bounds: Bounds | undefined): number | undefined {
  if (bounds === undefined) return undefined;
  const { least, most } = bounds;
  return least > TOLERANCE || most < -TOLERANCE ? Math.round((least + most) / 2) : undefined;
}

function boundsOf(
  times: readonly (string | undefined)[],
  { since, until }: { since: number; until: number },
): Bounds | undefined {
  const [first, last] = [earliest(times), latest(times)];
  if (first === undefined || last === undefined) return undefined;
  return { least: last - until, most: first - since };
}

function scheduledAt({ status }: Pod): string | undefined {
  return status?.conditions?.find(({ type, status: is }) => type === 'PodScheduled' && is === 'True')
    ?.lastTransitionTime;
}

function kubeletTimes({ status }: Pod): (string | undefined)[] {
  const state = status?.containerStatuses?.find(({ name }) => name === CONTAINER_CAPTURE)?.state;
  const { startedAt, finishedAt } = state?.terminated ?? {};
  return [status?.startTime, state?.running?.startedAt, startedAt, finishedAt];
}

/** When the API server took the kubelet's last word of a pod, by its own clock. */
function writtenByKubelet({ metadata }: Pod): string | undefined {
  return metadata?.managedFields?.find(({ manager, subresource }) => manager === 'kubelet' && subresource === 'status')
    ?.time;
}

function timesOf(texts: readonly (string | undefined)[]): number[] {
  return texts.flatMap((text) => (text === undefined ? [] : [Date.parse(text)])).filter((time) => time > 0);
}

function latest(texts: readonly (string | undefined)[]): number | undefined {
  return timesOf(texts).toSorted((a, b) => b - a)[0];
}

function earliest(texts: readonly (string | undefined)[]): number | undefined {
  return timesOf(texts).toSorted((a, b) => a - b)[0];
}
