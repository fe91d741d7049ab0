import type { Cluster, Selection } from '../kube/cluster.ts';
import { ALL_SELECTOR } from './names.ts';
import { type PruneLimits, type PrunePlan, planPrune } from './prune-plan.ts';
import { dryRunRemoval, findObjects, type Removed, removeObjects, toRemoved } from './remove.ts';

/** Reads what this program has left in a namespace (undefined: in all), and decides what of it goes. */
export async function readPrunePlan(
  cluster: Pick<Cluster, 'list'>,
  namespace: string | undefined,
  limits: PruneLimits,
): Promise<PrunePlan> {
  return planPrune(await findObjects(cluster, selectionIn(namespace)), limits);
}

/**
 * Removes what a plan names and waits until it is gone, or with `dryRun` asks the server alone (`server`) or nobody
 * (`client`). Returns what was, or would be, removed, sorted.
 */
export async function applyPrunePlan(
  { objects }: PrunePlan,
  cluster: Cluster,
  options: {
    namespace: string | undefined;
    dryRun: 'none' | 'client' | 'server';
    timeoutMs: number;
    signal: AbortSignal;
  },
): Promise<Removed[]> {
  const { namespace, dryRun, timeoutMs, signal } = options;
  if (dryRun === 'server') await dryRunRemoval(cluster, objects);
  if (dryRun === 'none') {
    const where = namespace === undefined ? '-A' : `-n ${namespace}`;
    const again = `kubectl retina capture prune ${where}`;
    await removeObjects(cluster, objects, { selections: [selectionIn(namespace)], timeoutMs, signal, again });
  }
  return toRemoved(objects);
}

function selectionIn(namespace: string | undefined): Selection {
  return { namespace, labels: ALL_SELECTOR };
}
