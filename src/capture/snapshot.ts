import { ClusterError } from '../errors.ts';
import type { Cluster, Job, KubeNode, Pod } from '../kube/cluster.ts';
import { captureSelector } from './names.ts';
import type { CaptureRequest, CaptureTarget } from './request.ts';
import { readStorage, type StorageFacts } from './storage.ts';
import type { Labelled } from './suggest.ts';

/** What planning needs to know of a node. */
export type NodeFact = { name: string; os: string; ready: boolean; labels: Readonly<Record<string, string>> };

/** What planning needs to know of a pod. */
export type PodFact = {
  namespace: string;
  name: string;
  node: string | undefined;
  phase: string;
  addresses: readonly string[];
  hostNetwork: boolean;
  labels: Readonly<Record<string, string>>;
};

/** What is there instead of what a selector asked for; undefined where it was not looked at or may not be. */
export type Others = {
  nodes?: readonly Labelled[];
  pods?: readonly Labelled[];
  namespaces?: readonly Labelled[];
};

/** The cluster as it was when a capture was planned. */
export type Snapshot = {
  readonly namespace: string;
  /** The nodes that the target can mean; undefined where the user may not read nodes. */
  readonly nodes: readonly NodeFact[] | undefined;
  /** The pods that the target can mean; empty where nodes are the target. */
  readonly pods: readonly PodFact[];
  /** The namespaces in which pods were looked for. */
  readonly searched: readonly string[];
  /** Where the target's selector matches nothing, what it could have meant; empty otherwise. For the error's hint. */
  readonly others: Others;
  /** Jobs of captures with the name that was asked for. */
  readonly sameName: readonly Job[];
  readonly storage: StorageFacts;
};

/** Reads everything that planning a capture needs, once, in parallel. */
export async function readSnapshot(request: CaptureRequest, cluster: Cluster): Promise<Snapshot> {
  const [nodes, found, sameName, storage] = await Promise.all([
    readNodes(request.target, cluster),
    readPods(request.target, cluster),
    cluster.list('jobs', { namespace: cluster.namespace, labels: captureSelector(request.name) }),
    readStorage(request.destinations, cluster),
  ]);
  const others = await readOthers(request.target, cluster, { nodes, ...found });
  const { pods, searched } = found;
  return { namespace: cluster.namespace, nodes, pods, searched, others, sameName, storage };
}

type Found = { nodes: readonly NodeFact[] | undefined; pods: readonly PodFact[]; searched: readonly string[] };

/** Reads what a selector that matched nothing could have meant; nothing otherwise. */
async function readOthers(target: CaptureTarget, cluster: Cluster, found: Found): Promise<Others> {
  if (target.kind === 'nodes') return found.nodes?.length === 0 ? { nodes: await labelled(cluster, 'nodes') } : {};
  if (target.kind === 'node-names' || found.pods.length > 0) return {};
  const namespaces = await labelled(cluster, 'namespaces').catch(forbiddenIsUnknown);
  const lists = await Promise.all(found.searched.map((namespace) => labelled(cluster, 'pods', namespace)));
  return { pods: lists.flat(), ...(namespaces === undefined ? {} : { namespaces }) };
}

async function labelled(
  cluster: Pick<Cluster, 'list'>,
  kind: 'nodes' | 'pods' | 'namespaces',
  namespace?: string,
): Promise<Labelled[]> {
  const objects = await cluster.list(kind, { namespace });
  return objects.map(({ metadata }) => ({ name: metadata?.name ?? '', labels: metadata?.labels ?? {} }));
}

/** Hints are told to those who may read what they need. */
function forbiddenIsUnknown(error: unknown): undefined {
  if (error instanceof ClusterError && error.status === 403) return undefined;
  throw error;
}

async function readNodes(target: CaptureTarget, cluster: Cluster): Promise<NodeFact[] | undefined> {
  const labels = target.kind === 'nodes' ? target.selector : undefined;
  try {
    return (await cluster.list('nodes', { labels })).map(nodeFact);
  } catch (error) {
    // Whoever has rights in one namespace only can still capture its pods: their nodes are named in them.
    const forbidden = error instanceof ClusterError && error.status === 403;
    if (forbidden && (target.kind === 'pods' || target.kind === 'pod-names')) return undefined;
    throw error;
  }
}

async function readPods(target: CaptureTarget, cluster: Cluster): Promise<{ pods: PodFact[]; searched: string[] }> {
  switch (target.kind) {
    case 'nodes':
    case 'node-names':
      return { pods: [], searched: [] };
    case 'pod-names':
      return { pods: await podsOf(cluster, [cluster.namespace], undefined), searched: [cluster.namespace] };
    case 'pods': {
      const searched =
        target.namespaces === undefined
          ? [cluster.namespace]
          : (await cluster.list('namespaces', { labels: target.namespaces })).map((n) => n.metadata?.name ?? '');
      return { pods: await podsOf(cluster, searched, target.selector), searched };
    }
    default:
      return target satisfies never;
  }
}

async function podsOf(cluster: Cluster, namespaces: readonly string[], labels: string | undefined): Promise<PodFact[]> {
  const lists = await Promise.all(namespaces.map((namespace) => cluster.list('pods', { namespace, labels })));
  return lists.flat().map(podFact);
}

function nodeFact(node: KubeNode): NodeFact {
  return {
    name: node.metadata?.name ?? '',
    os: node.status?.nodeInfo?.operatingSystem ?? node.metadata?.labels?.['kubernetes.io/os'] ?? 'linux',
    ready: (node.status?.conditions ?? []).some((c) => c.type === 'Ready' && c.status === 'True'),
    labels: node.metadata?.labels ?? {},
  };
}

function podFact(pod: Pod): PodFact {
  const listed = (pod.status?.podIPs ?? []).map((entry) => entry.ip ?? '').filter((ip) => ip !== '');
  return {
    namespace: pod.metadata?.namespace ?? '',
    name: pod.metadata?.name ?? '',
    node: pod.spec?.nodeName,
    phase: pod.status?.phase ?? 'Pending',
    addresses: listed.length > 0 ? listed : pod.status?.podIP ? [pod.status.podIP] : [],
    hostNetwork: pod.spec?.hostNetwork ?? false,
    labels: pod.metadata?.labels ?? {},
  };
}
