import { CaptureError } from '../errors.ts';
import type { Cluster } from '../kube/cluster.ts';
import type { ExpectedFile } from './download.ts';
import { readCaptures } from './observe.ts';
import type { NodePath } from './request.ts';
import { type CaptureSummary, isFinal, type NodeStatus } from './status.ts';

/** A node and a directory on it from which a capture's tarballs can be fetched. */
export type Source = {
  node: string;
  hostPath: NodePath;
  /** The one tarball of this capture's pod, as its result tells; undefined when only the node knows. */
  expected: ExpectedFile | undefined;
};

/** Where a capture's tarballs are, and the nodes that have none, with the reason. */
export type Sources = { found: readonly Source[]; missing: readonly { node: string; why: string }[]; known: boolean };

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
  const nodes = options.nodes ?? (await linuxNodes(cluster));
  const found = nodes.map((node) => ({ node, hostPath: options.hostPath, expected: undefined }));
  return { found, missing: [], known: false };
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
    if (why === undefined)
      found.push({ node: node.node, hostPath: node.hostPath as NodePath, expected: expectedOf(node) });
    else missing.push({ node: node.node, why });
  }
  return { found, missing, known: true };
}

function whyNot(node: NodeStatus): string | undefined {
  if (!isFinal(node)) return 'still captures: wait for it, or end it with: kubectl retina capture stop';
  if (node.hostPath === undefined) return 'was not asked to keep its tarball on the node';
  const saved = node.result?.destinations.some((to) => to.ok) ?? true;
  if (node.result?.tarball == null && node.phase === 'failed') return `has no tarball: ${node.problem ?? 'it failed'}`;
  return saved ? undefined : `has no whole tarball: ${node.problem ?? 'it could not be saved'}`;
}

function expectedOf(node: NodeStatus): ExpectedFile | undefined {
  return node.result?.tarball ?? undefined;
}

async function linuxNodes(cluster: Cluster): Promise<string[]> {
  const nodes = await cluster.list('nodes', { labels: 'kubernetes.io/os=linux' });
  const ready = nodes.filter((node) => node.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True'));
  return ready.map((node) => node.metadata?.name ?? '').sort();
}
