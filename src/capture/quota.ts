import { ClusterError } from '../errors.ts';
import type { Cluster, Quota } from '../kube/cluster.ts';
import { isUnanswered } from './access.ts';
import { type Admission, tryAdmission } from './admission.ts';
import type { PlannedNode } from './plan.ts';
import { refusalHint } from './pod-events.ts';

/** What a capture creates: a Job and a pod for each node, and Secrets. */
type Creation = { nodes: readonly Pick<PlannedNode, 'job'>[]; secrets: number };

/** The resources of quotas that count what a capture creates for each node, and its Secret. */
const PER_NODE = ['count/jobs.batch', 'pods', 'count/pods'];
const SECRETS = ['secrets', 'count/secrets'];

/**
 * Whether the cluster would take all of a capture: one Job and one pod are tried, and quotas are asked whether they have room
 * for the others. Rejects for no failure of the API server's; quotas that may not be read are met later.
 */
export async function tryCreation(
  creation: Creation,
  cluster: Pick<Cluster, 'dryRun' | 'get' | 'list' | 'namespace'>,
): Promise<Admission[]> {
  const [first] = creation.nodes;
  if (first === undefined) return [];
  const reading = cluster.list('resourcequotas', { namespace: cluster.namespace }).catch((error: unknown) => {
    if (!isUnanswered(error)) throw error;
    return [];
  });
  const [tried, quotas] = await Promise.all([tryAdmission(first, cluster), reading]);
  // What is refused to the first needs no counting.
  if (tried.some(({ kind }) => kind === 'refused')) return tried;
  const full = quotas.flatMap((quota) => refusals(quota, creation));
  return full.length === 0 ? tried : [...full, ...tried.filter(({ kind }) => kind !== 'admitted')];
}

function refusals({ metadata, spec, status }: Quota, { nodes, secrets }: Creation): Admission[] {
  // A scope may leave out the pods of captures.
  if ((spec?.scopes ?? []).length > 0 || spec?.scopeSelector !== undefined) return [];
  return Object.entries(status?.hard ?? {}).flatMap(([resource, hard]): Admission[] => {
    const needed = PER_NODE.includes(resource) ? nodes.length : SECRETS.includes(resource) ? secrets : 0;
    // What is no plain number is left to the API server.
    const room = Math.max(Number(hard) - Number(status?.used?.[resource] ?? 0), 0);
    if (needed === 0 || !(needed > room)) return [];
    const message = `quota ${metadata?.name} has room for ${room} more ${resource}, and this capture makes ${needed}`;
    return [{ kind: 'refused', error: new ClusterError(message, { hint: refusalHint('exceeded quota') }) }];
  });
}
