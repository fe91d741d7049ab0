import type { KubeNode, Pod } from '../kube/cluster.ts';

/** What planning needs to know of a node. */
export type NodeFact = { name: string; os: string; ready: boolean; labels: Readonly<Record<string, string>> };

/** What planning needs to know of a pod. */
export type PodFact = {
  namespace: string;
  name: string;
  node: string | undefined;
  /** As the pod itself tells it; undefined where it does not. */
  os: string | undefined;
  phase: string;
  /** Whether it was deleted, and is about to end. */
  ending: boolean;
  addresses: readonly string[];
  hostNetwork: boolean;
  labels: Readonly<Record<string, string>>;
};

/** A node, as planning sees it. */
export function nodeFact(node: KubeNode): NodeFact {
  return {
    name: node.metadata?.name ?? '',
    os: node.status?.nodeInfo?.operatingSystem || (node.metadata?.labels?.['kubernetes.io/os'] ?? 'linux'),
    ready: (node.status?.conditions ?? []).some((c) => c.type === 'Ready' && c.status === 'True'),
    labels: node.metadata?.labels ?? {},
  };
}

/** A pod, as planning sees it. */
export function podFact(pod: Pod): PodFact {
  const listed = (pod.status?.podIPs ?? []).map((entry) => entry.ip ?? '').filter((ip) => ip !== '');
  return {
    namespace: pod.metadata?.namespace ?? '',
    name: pod.metadata?.name ?? '',
    node: pod.spec?.nodeName,
    os: pod.spec?.os?.name ?? pod.spec?.nodeSelector?.['kubernetes.io/os'],
    phase: pod.status?.phase ?? 'Pending',
    ending: pod.metadata?.deletionTimestamp !== undefined,
    addresses: listed.length > 0 ? listed : pod.status?.podIP ? [pod.status.podIP] : [],
    hostNetwork: pod.spec?.hostNetwork ?? false,
    labels: pod.metadata?.labels ?? {},
  };
}
