import { setTimeout as sleep } from 'node:timers/promises';
import { ClusterError } from '../errors.ts';
import type { Cluster, KubeEvent, KubeNode } from '../kube/cluster.ts';
import type { Observed } from './status.ts';
import { findStuck } from './stuck.ts';
import type { Health, NodeHealth } from './told.ts';

/** Milliseconds that a pod may take to begin before anybody asks why it does not. */
const PATIENCE = 1000;
/** Milliseconds between looks at nodes: no right to watch them is asked for. */
const PAUSE = 1500;
/** Namespaces and nodes that are asked about at most: what holds hundreds up is one thing. */
const MAX_ASKED = 5;

type Reads = Pick<Cluster, 'list'>;
type Aside = Required<Pick<Observed, 'events' | 'nodes'>>;

/** Asks once what events and nodes tell of captures that are stuck; whoever may not read them goes without. */
export async function inquire(cluster: Reads, { jobs, pods }: Pick<Observed, 'jobs' | 'pods'>): Promise<Aside> {
  const { namespaces, nodes } = findStuck(jobs, pods);
  const [events, health] = await Promise.all([
    Promise.all(namespaces.slice(0, MAX_ASKED).map((namespace) => warnings(cluster, namespace))),
    healthOf(cluster, nodes),
  ]);
  return { events: events.flat(), nodes: health };
}

/**
 * Goes on asking while something is stuck, until the signal is aborted, and calls back with what there is to tell: one
 * watch of events, begun when it is first needed, and a look at each node that may be to blame.
 */
export async function keepInquiring(
  cluster: Pick<Cluster, 'list' | 'follow' | 'withSignal'>,
  namespace: string | undefined,
  options: { signal: AbortSignal; current: () => Pick<Observed, 'jobs' | 'pods'>; told: (aside: Aside) => void },
): Promise<void> {
  const { signal, current, told } = options;
  const asking = cluster.withSignal(signal);
  let aside: Aside = { events: [], nodes: undefined };
  let watching: Promise<void> | undefined;
  let asked = 0;
  const tell = (news: Partial<Aside>): void => {
    aside = { ...aside, ...news };
    told(aside);
  };
  for (let pause = PATIENCE; await sleep(pause, true, { signal }).catch(() => false); pause = PAUSE) {
    const { jobs, pods } = current();
    const { namespaces, nodes } = findStuck(jobs, pods);
    if (namespaces.length > 0) {
      watching ??= cluster
        .follow('events', { namespace, fields: WARNING }, signal, (events) => tell({ events }))
        .catch(unexplained)
        .then(() => undefined);
    }
    if (nodes.length + asked > 0) {
      const health = await healthOf(asking, nodes, signal);
      if (!signal.aborted) tell({ nodes: health });
    }
    asked = nodes.length;
  }
  await watching;
}

const WARNING = 'type=Warning';

function warnings(cluster: Reads, namespace: string): Promise<KubeEvent[]> {
  return cluster.list('events', { namespace, fields: WARNING }).catch(unexplained);
}

async function healthOf(cluster: Reads, names: readonly string[], signal?: AbortSignal): Promise<Health | undefined> {
  const asked = names.slice(0, MAX_ASKED);
  try {
    return new Map(await Promise.all(asked.map(async (name) => [name, await nodeHealth(cluster, name)] as const)));
  } catch (error) {
    if (error instanceof ClusterError || signal?.aborted === true) return undefined;
    throw error;
  }
}

/** How a node is; throws a ClusterError where that cannot be asked. A list, for which `create` needs the right anyway. */
export async function nodeHealth(cluster: Reads, name: string): Promise<NodeHealth> {
  const [node] = await cluster.list('nodes', { fields: `metadata.name=${name}` });
  return node === undefined ? 'gone' : { unready: unready(node) };
}

function unready({ status }: KubeNode): string | null {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  if (ready?.status === 'True') return null;
  return ready?.message || ready?.reason || 'it has not told how it is';
}

/** Whoever may not read events, or cannot now, goes without their explanations. */
function unexplained(error: unknown): never[] {
  if (error instanceof ClusterError) return [];
  throw error;
}
