import { posix } from 'node:path';
import { CaptureError } from '../errors.ts';
import type { Cluster, KubeNode } from '../kube/cluster.ts';
import type { ExpectedFile } from './download.ts';
import { tarballName } from './names.ts';
import { isTarballName } from './node-files.ts';
import { readCaptures } from './observe.ts';
import type { NodePath } from './request.ts';
import { type CaptureSummary, isFinal, type NodeStatus, type PodImage } from './status.ts';

/** A node and a directory on it from which a capture's tarballs can be fetched. */
export type Source = {
  node: string;
  /** On the node; or, where there is a claim, the volume's top. */
  hostPath: NodePath;
  /** The PersistentVolumeClaim that holds the files; undefined for the node's disk. */
  claim?: string;
  /** The one tarball of this capture's pod, as its result tells; undefined when only the node knows. */
  expected: ExpectedFile | undefined;
  /** Its name, where that alone is known; undefined also when all of the capture's files are wanted. */
  tarball: string | undefined;
  /** The image of the capture's pod; undefined when that is unknown or holds another program. */
  image: PodImage | undefined;
  /** Whether it is not known that there is anything. */
  searched: boolean;
};

/** Where a capture's tarballs are, and the nodes that have none, with the reason. */
export type Sources = {
  found: readonly Source[];
  missing: readonly { node: string; why: string }[];
  /** Nodes that may have files and cannot be asked. */
  unreachable: readonly string[];
  known: boolean;
};

/**
 * Finds out where the tarballs of a capture lie: its pods tell, or its Jobs; without any (the capture was deleted), all
 * Linux nodes, or those named, are looked at in `hostPath`.
 */
export async function findSources(
  cluster: Cluster,
  name: string,
  options: { hostPath: NodePath; nodes: readonly string[] | undefined },
): Promise<Sources> {
  const [capture] = await readCaptures(cluster, { namespace: cluster.namespace, name });
  if (capture !== undefined) return knownSources(capture, options.nodes);
  const nodes = options.nodes === undefined ? await linuxNodes(cluster) : { ready: options.nodes, unready: [] };
  const unknown = { expected: undefined, tarball: undefined, image: undefined, searched: true };
  const found = nodes.ready.map((node) => ({ node, hostPath: options.hostPath, ...unknown }));
  return { found, missing: [], unreachable: nodes.unready, known: false };
}

function knownSources(capture: CaptureSummary, only: readonly string[] | undefined): Sources {
  const wanted = capture.nodes.filter((node) => only?.includes(node.node) ?? true);
  const outside = (only ?? []).filter((name) => !capture.nodes.some((node) => node.node === name));
  if (outside.length > 0) {
    throw new CaptureError(`capture ${capture.name} has no node ${outside.join(', ')}`, {
      hint: `Its nodes: ${capture.nodes.map((node) => node.node).join(', ')}`,
    });
  }
  const found: Source[] = [];
  const missing: { node: string; why: string }[] = [];
  for (const node of wanted) {
    const why = whyNot(node);
    if (why === undefined) found.push(knownSource(node));
    else missing.push({ node: node.node, why });
  }
  return { found, missing, unreachable: [], known: true };
}

function whyNot(node: NodeStatus): string | undefined {
  if (!isFinal(node)) return 'still captures: wait for it, or end it with: kubectl retina capture stop';
  if (placeOf(node) === undefined) return notHere(node);
  // Whoever may make pods writes both: what they name becomes a file here.
  const name = node.result?.tarball?.name ?? (node.stem === undefined ? undefined : tarballName(node.stem));
  if (name !== undefined && !isTarballName(name)) return `tells of a file with a name that is none of ours: ${name}`;
  const saved =
    node.result === undefined || node.result.rescued !== undefined || node.result.destinations.some((to) => to.ok);
  if (node.result?.tarball == null && node.phase === 'failed') return `has no tarball: ${node.problem ?? 'it failed'}`;
  return saved ? undefined : `has no whole tarball: ${node.problem ?? 'it could not be saved'}`;
}

/** Where a pod can read the tarball: where the node keeps it, or a volume that took it. */
function placeOf(node: NodeStatus): { hostPath: NodePath; claim?: string } | undefined {
  const { result, hostPath, destinations } = node;
  if (result?.rescued !== undefined) return { hostPath: posix.dirname(result.rescued) as NodePath };
  const took = (kind: string): boolean => result?.destinations.find((to) => to.kind === kind)?.ok ?? true;
  const claim = destinations.find((to) => to.kind === 'pvc')?.claim;
  if (claim !== undefined && took('pvc')) return { hostPath: '/' as NodePath, claim };
  return hostPath === undefined ? undefined : { hostPath: hostPath as NodePath };
}

/** Where the tarball of a capture that left none on a node or volume is. */
function notHere(node: NodeStatus): string {
  const places = node.result?.destinations.flatMap((to) => (to.ok ? [to.location] : [])) ?? [];
  if (places.length === 0) return 'was not asked to keep its tarball on the node';
  return `has its tarball in ${places.join(' and ')}: fetch it from there with --s3-bucket … or --blob-url …`;
}

function knownSource(node: NodeStatus): Source {
  return {
    node: node.node,
    ...(placeOf(node) ?? { hostPath: '/' as NodePath }),
    expected: node.result?.tarball ?? undefined,
    tarball: node.stem === undefined ? undefined : tarballName(node.stem),
    image: node.image,
    searched: false,
  };
}

async function linuxNodes(cluster: Cluster): Promise<{ ready: string[]; unready: string[] }> {
  const nodes = await cluster.list('nodes', { labels: 'kubernetes.io/os=linux' });
  const isReady = (node: KubeNode): boolean =>
    node.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false;
  const names = (some: readonly KubeNode[]): string[] => some.map((node) => node.metadata?.name ?? '').sort();
  return { ready: names(nodes.filter(isReady)), unready: names(nodes.filter((node) => !isReady(node))) };
}
