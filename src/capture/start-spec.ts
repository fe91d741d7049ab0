import type { Cluster } from '../kube/cluster.ts';
import type { Start } from './request.ts';
import type { StartSpec } from './workload-spec.ts';

/** What the pods are told of their start. What begins some time from now goes by the server's clock. */
export function toStartSpec(start: Start | null, cluster: Pick<Cluster, 'serverTime'>): StartSpec | undefined {
  if (start === null) return undefined;
  switch (start.kind) {
    case 'at':
      return { kind: 'at', at: start.at.toISOString() };
    case 'in':
      return { kind: 'at', at: new Date(cluster.serverTime().getTime() + start.ms).toISOString() };
    case 'together':
      return { kind: 'word', withinMs: start.timeoutMs };
    default:
      return start satisfies never;
  }
}
