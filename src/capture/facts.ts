import type { KubeNode, Pod } from '../kube/cluster.ts';

/** What planning needs to know of a node. */
export type NodeFact = {
  name: string;
  os: string;
  ready: boolean;
  cordoned: boolean;
  /** What it runs short of, by the names of its conditions: DiskPressure, MemoryPressure, PIDPressure. */
  pressures: readonly string[];
  /** Images that it has, by all of their names; undefined where the kubelet does not tell all. */
  images: readonly string[] | undefined;
  labels: Readonly<Record<string, string>>;
};

/** Images that a kubelet tells of at most (nodeStatusMaxImages). */
const MAX_IMAGES = 50;

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
  const { conditions = [], images = [] } = node.status ?? {};
  const holds = conditions.filter(({ status }) => status === 'True').map(({ type }) => type);
  return {
    name: node.metadata?.name ?? '',
    os: node.status?.nodeInfo?.operatingSystem || (node.metadata?.labels?.['kubernetes.io/os'] ?? 'linux'),
    ready: holds.includes('Ready'),
    cordoned: node.spec?.unschedulable === true,
    pressures: holds.filter((type) => /^(Disk|Memory|PID)Pressure$/.test(type)),
    images: images.length === 0 || images.length >= MAX_IMAGES ? undefined : images.flatMap(({ names = [] }) => names),
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
