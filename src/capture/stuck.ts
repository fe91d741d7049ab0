import type { Job, Pod } from '../kube/cluster.ts';
import { nodeOfJob } from './node-of-job.ts';
import type { NodeHealth } from './told.ts';

/** What of captures is worth a further look: the namespaces whose events may tell why, and the nodes that may be to blame. */
export type Stuck = { namespaces: readonly string[]; nodes: readonly string[] };

/** Finds the Jobs that have no pod (any more), the pods that have not begun, and those whose node does not answer. */
export function findStuck(jobs: readonly Job[], pods: readonly Pod[]): Stuck {
  const podsOf = Map.groupBy(pods, (pod) => pod.metadata?.ownerReferences?.find(({ kind }) => kind === 'Job')?.uid);
  const namespaces = new Set<string>();
  const nodes = new Set<string>();
  for (const job of jobs) {
    const own = podsOf.get(job.metadata?.uid) ?? [];
    const held = own.filter(hasNotBegun);
    if (own.length > 0 && held.length === 0) continue;
    // One that is done, and whose pod has gone, has nothing to tell.
    if (own.length === 0 && has(job.status?.conditions, 'Complete')) continue;
    namespaces.add(job.metadata?.namespace ?? '');
    for (const pod of held) nodes.add(pod.spec?.nodeName ?? nodeOfJob(job) ?? '');
  }
  for (const pod of pods) {
    const isReady = pod.status?.conditions?.find(({ type }) => type === 'Ready')?.status !== 'False';
    if (pod.status?.phase === 'Running' && !isReady) nodes.add(pod.spec?.nodeName ?? '');
  }
  return { namespaces: [...namespaces].sort(), nodes: [...nodes].filter((node) => node !== '').sort() };
}

/**
 * Whether the control plane has lost touch with the node of a pod that runs: it then takes Ready away, and gives no reason.
 * Where the kubelet's last word was that containers are not ready, which starting ones are not either, the node tells.
 */
export function isSilent({ status }: Pod, node: NodeHealth | undefined): boolean {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  if (ready?.status !== 'False') return false;
  return (ready.reason ?? '') === '' || (node !== undefined && node !== 'gone' && node.unready !== null);
}

function hasNotBegun({ status }: Pod): boolean {
  const { phase, containerStatuses = [] } = status ?? {};
  if (phase === 'Succeeded' || phase === 'Failed') return false;
  return containerStatuses.every(({ state }) => state?.running === undefined && state?.terminated === undefined);
}

function has(conditions: readonly { type: string; status: string }[] | undefined, type: string): boolean {
  return conditions?.some((c) => c.type === type && c.status === 'True') ?? false;
}
