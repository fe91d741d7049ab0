import { dump } from 'js-yaml';
import { neededRights } from '../capture/needed-rights.ts';
import { type Grant, grantsFor } from '../capture/rbac.ts';
import { readSearched } from '../capture/snapshot.ts';
import { ClusterError } from '../errors.ts';
import type { Cluster } from '../kube/cluster.ts';
import type { Order } from './orders.ts';

/** The namespaces in which the target's pods are looked for; undefined where that cannot be known, which takes all. */
export async function searchedNamespaces(
  { request: { target } }: Pick<Order, 'request'>,
  cluster: Pick<Cluster, 'list' | 'namespace'>,
): Promise<readonly string[] | undefined> {
  if (target.kind !== 'pods') return [];
  try {
    return await readSearched(target, cluster);
  } catch (error) {
    if (error instanceof ClusterError && error.status === 403) return undefined;
    throw error;
  }
}

/** What `kubectl apply` takes to give the user the rights of a command line; what one can do without is a comment. */
export async function renderRbac(order: Order, cluster: Cluster): Promise<string> {
  const { namespace } = cluster;
  const [user, searched] = await Promise.all([cluster.userName(), searchedNamespaces(order, cluster)]);
  const needs = neededRights(order.request, { namespace, wait: order.flags.wait === true, searched });
  return grantsFor(needs, { user, namespace }).map(renderGrant).join('---\n');
}

function renderGrant({ role, binding, optional }: Grant): string {
  const comments = optional.map(({ rule, why }) => {
    const lines = dump([rule], { ...FORMAT, flowLevel: 2 })
      .trimEnd()
      .split('\n');
    return [`# without it, ${why.join('; ')}:`, ...lines.map((line) => `#  ${line}`)].join('\n');
  });
  return [dump(role, { ...FORMAT, flowLevel: 3 }).trimEnd(), ...comments, '---', dump(binding, FORMAT)].join('\n');
}

const FORMAT = { lineWidth: -1, noRefs: true } as const;
