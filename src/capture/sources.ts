import { posix } from 'node:path';
import { CaptureError } from '../errors.ts';
import type { Cluster, KubeNode } from '../kube/cluster.ts';
import type { ExpectedFile } from './download.ts';
import { NODE_DIRECTORY } from './mounts.ts';
import { tarballName } from './names.ts';
import { isTarballName } from './node-files.ts';
import { readCaptures } from './observe.ts';
import type { StoreSpec } from './places.ts';
import type { NodePath } from './request.ts';
import { type CaptureSummary, isFinal, type NodeStatus, type PodImage } from './status.ts';

/** A directory of a node; or, where there is a claim, of that volume. */
export type DirectoryWay = { kind: 'directory'; hostPath: NodePath; claim?: string };
/** A place from which a node's tarballs can be fetched. */
export type Way = DirectoryWay | { kind: 'store'; at: StoreSpec };

/** A node, and the places from which a capture's tarballs of it can be fetched. */
export type Source = {
  node: string;
  /** The first that works will do. */
  ways: readonly Way[];
  /** The one tarball of this capture's pod, as its result tells; undefined when only the node knows. */
  expected: ExpectedFile | undefined;
  /** Its name, where that alone is known; undefined also when all of the capture's files are wanted. */
  tarball: string | undefined;
  /** The image of the capture's pod; undefined when that is unknown or holds another program. */
  image: PodImage | undefined;
  /** Whether it is not known that there is anything. */
  searched: boolean;
  /** Directories of the node where packets may lie of a capture that did not come to its end. */
  scratchPlaces: readonly string[];
  /** Why there is no whole tarball, where that is known. */
  lacking: string | undefined;
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
  options: { hostPath: NodePath; nodes: readonly string[] | undefined; partial: boolean },
): Promise<Sources> {
  const [capture] = await readCaptures(cluster, { namespace: cluster.namespace, name });
  if (capture !== undefined) return knownSources(capture, options);
  const nodes = options.nodes === undefined ? await linuxNodes(cluster) : { ready: options.nodes, unready: [] };
  const scratchPlaces = [...new Set([options.hostPath, NODE_DIRECTORY])];
  const none = { expected: undefined, tarball: undefined, image: undefined, lacking: undefined };
  const unknown = { ...none, scratchPlaces, searched: true };
  const ways: Way[] = [{ kind: 'directory', hostPath: options.hostPath }];
  const found = nodes.ready.map((node) => ({ node, ways, ...unknown }));
  return { found, missing: [], unreachable: nodes.unready, known: false };
}

/** The nodes of a capture, or those of them that are named; throws a CaptureError where it has no such node. */
export function nodesOf(capture: CaptureSummary, only: readonly string[] | undefined): readonly NodeStatus[] {
  const outside = (only ?? []).filter((name) => !capture.nodes.some((node) => node.node === name));
  if (outside.length > 0) {
    throw new CaptureError(`capture ${capture.name} has no node ${outside.join(', ')}`, {
      hint: `Its nodes: ${capture.nodes.map((node) => node.node).join(', ')}`,
    });
  }
  return capture.nodes.filter((node) => only?.includes(node.node) ?? true);
}

function knownSources(
  capture: CaptureSummary,
  { nodes, partial }: { nodes: readonly string[] | undefined; partial: boolean },
): Sources {
  const found: Source[] = [];
  const missing: { node: string; why: string }[] = [];
  for (const node of nodesOf(capture, nodes)) {
    const why = whyNot(node);
    const left = isFinal(node) && !node.mayStart && node.scratchPlaces.length > 0;
    if (why === undefined) found.push(knownSource(node, waysOf(node)));
    else if (partial && left) found.push({ ...knownSource(node, []), lacking: why });
    else missing.push({ node: node.node, why });
  }
  return { found, missing, unreachable: [], known: true };
}

function whyNot(node: NodeStatus): string | undefined {
  if (node.phase === 'waiting') return `has not begun: ${node.problem ?? 'starting'}`;
  if (!isFinal(node)) return 'still captures: wait for it, or end it with: kubectl retina capture stop';
  // Whoever may make pods writes both: what they name becomes a file here.
  const name = node.result?.tarball?.name ?? (node.stem === undefined ? undefined : tarballName(node.stem));
  if (name !== undefined && !isTarballName(name)) return `tells of a file with a name that is none of ours: ${name}`;
  const saved =
    node.result === undefined || node.result.rescued !== undefined || node.result.destinations.some((to) => to.ok);
  // With its pod, its result has gone, too: what it delivered before that can only be looked for.
  const lost = node.result === undefined && node.pod === undefined && !node.mayStart && waysOf(node).length > 0;
  if (node.result?.tarball == null && node.phase === 'failed' && !lost)
    return `has no tarball: ${node.problem ?? 'it failed'}`;
  if (!saved) return `has no whole tarball: ${node.problem ?? 'it could not be saved'}`;
  if (waysOf(node).length > 0) return undefined;
  return 'was not asked to keep its tarball on the node: is it in a store? Name it with --s3-bucket … or --blob-url …';
}

/** Where the tarball was not refused: first what the cluster itself can reach, in whatever order it was asked for. */
function waysOf({ result, hostPath, destinations }: NodeStatus): Way[] {
  const took = (kind: string): boolean => {
    const told = result?.destinations.find((to) => to.kind === kind);
    return told === undefined || (told.ok && told.removed !== true);
  };
  const directory = (path: string): Way => ({ kind: 'directory', hostPath: path as NodePath });
  return [
    ...(result?.rescued === undefined ? [] : [directory(posix.dirname(result.rescued))]),
    ...destinations.flatMap((to): Way[] =>
      to.kind === 'pvc' && took('pvc') ? [{ kind: 'directory', hostPath: '/' as NodePath, claim: to.claim }] : [],
    ),
    ...(hostPath !== undefined && took('host-path') ? [directory(hostPath)] : []),
    ...destinations.flatMap((to): Way[] =>
      (to.kind === 'blob' || to.kind === 's3') && took(to.kind) ? [{ kind: 'store', at: to }] : [],
    ),
  ];
}

function knownSource(node: NodeStatus, ways: readonly Way[]): Source {
  return {
    node: node.node,
    ways,
    expected: node.result?.tarball ?? undefined,
    tarball: node.stem === undefined ? undefined : tarballName(node.stem),
    image: node.image,
    searched: false,
    scratchPlaces: node.scratchPlaces,
    lacking: undefined,
  };
}

async function linuxNodes(cluster: Cluster): Promise<{ ready: string[]; unready: string[] }> {
  const nodes = await cluster.list('nodes', { labels: 'kubernetes.io/os=linux' });
  const isReady = (node: KubeNode): boolean =>
    node.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false;
  const names = (some: readonly KubeNode[]): string[] => some.map((node) => node.metadata?.name ?? '').sort();
  return { ready: names(nodes.filter(isReady)), unready: names(nodes.filter((node) => !isReady(node))) };
}
