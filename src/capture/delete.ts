import { ClusterError } from '../errors.ts';
import type { Cluster } from '../kube/cluster.ts';
import { captureSelector } from './names.ts';
import { captureOf, findObjects, type Removed, removeObjects, toRemoved } from './remove.ts';

/**
 * Removes the Jobs, pods and Secrets of captures (undefined: of all in the namespace) and waits until they are gone: a
 * pod that still captures first bundles what it has, and its file stays on the node. Returns what was removed, sorted.
 */
export async function deleteCaptures(
  cluster: Cluster,
  names: readonly string[] | undefined,
  options: { timeoutMs: number; signal: AbortSignal },
): Promise<Removed[]> {
  const { namespace } = cluster;
  const labels = names === undefined ? [captureSelector()] : names.map((name) => captureSelector(name));
  const selections = labels.map((each) => ({ namespace, labels: each }));
  const objects = (await Promise.all(selections.map((selection) => findObjects(cluster, selection)))).flat();
  const found = new Set(objects.map(({ object }) => captureOf(object)));
  const missing = (names ?? []).filter((name) => !found.has(name));
  if (missing.length > 0) {
    throw new ClusterError(`there is no capture ${missing.join(', no capture ')} in namespace ${namespace}`, {
      hint: 'Nothing was deleted. In all namespaces: kubectl retina capture list -A',
    });
  }
  const again = `kubectl retina capture delete ${names?.join(' ') ?? '--all'} -n ${namespace}`;
  await removeObjects(cluster, objects, { ...options, selections, again, whole: true });
  return toRemoved(objects);
}
