import type { Cluster } from '../../../src/kube/cluster.ts';

/** A cluster of which only these members are there: a test that needs another fails by calling what is not. */
export function clusterPart(members: Partial<Record<keyof Cluster, unknown>>): Cluster {
  // Members are simpler than the real ones: one list for all kinds is nothing that a generic method's type lets through.
  return members as unknown as Cluster;
}
