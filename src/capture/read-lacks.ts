import { ClusterError } from '../errors.ts';
import type { Cluster } from '../kube/cluster.ts';
import type { JobSettings } from './request.ts';

/** What the pods of a capture are to have, and the cluster does not hold; `instead` are those of its kind that it does. */
export type Lack = { what: 'service account' | 'priority class'; name: string; instead: readonly string[] };

type Reads = Pick<Cluster, 'list' | 'get' | 'namespace'>;

/** Looks for what the settings name: without it, the Jobs would be created, and no pod ever. */
export async function readLacks(settings: JobSettings, cluster: Reads): Promise<Lack[]> {
  const wanted = [
    { what: 'service account', kind: 'serviceaccounts', namespace: cluster.namespace, name: settings.serviceAccount },
    { what: 'priority class', kind: 'priorityclasses', namespace: undefined, name: settings.priorityClass },
  ] as const;
  const lacks = await Promise.all(
    wanted.map(({ name, ...place }) => (name === undefined ? undefined : lackOf({ name, ...place }, cluster))),
  );
  return lacks.filter((lack) => lack !== undefined);
}

type Wanted = {
  what: Lack['what'];
  kind: 'serviceaccounts' | 'priorityclasses';
  namespace: string | undefined;
  name: string;
};

async function lackOf({ what, kind, namespace, name }: Wanted, cluster: Reads): Promise<Lack | undefined> {
  try {
    if ((await cluster.get(kind, namespace, name)) !== undefined) return undefined;
    const others = await cluster.list(kind, { namespace });
    return { what, name, instead: others.map(({ metadata }) => metadata?.name ?? '') };
  } catch (error) {
    // Whoever may not look is told by the event of the pod that is refused.
    if (error instanceof ClusterError && error.status === 403) return undefined;
    throw error;
  }
}
