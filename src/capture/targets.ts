import type { PodFact } from './facts.ts';
import { namedNodes, requireNames, selectedNodes, type Targets } from './node-targets.ts';
import { noNode, noPod, noPodAtAll } from './nothing-found.ts';
import { objectTargets } from './object-targets.ts';
import { podTargets } from './pod-targets.ts';
import type { CaptureTarget } from './request.ts';
import type { Snapshot } from './snapshot.ts';

/** The nodes to capture on, sorted by name, with what the user should know. Throws a ClusterError when none is left. */
export function resolveTargets(target: CaptureTarget, snapshot: Snapshot): Targets {
  const { nodes, warnings } = findTargets(target, snapshot);
  return { nodes: nodes.toSorted((a, b) => (a.node < b.node ? -1 : 1)), warnings };
}

function findTargets(target: CaptureTarget, snapshot: Snapshot): Targets {
  const nodes = snapshot.nodes ?? [];
  switch (target.kind) {
    case 'nodes':
      if (nodes.length === 0) throw noNode(target.selector, snapshot);
      return selectedNodes(nodes);
    case 'node-names':
      requireNames(
        'node',
        target.names,
        nodes.map((node) => node.name),
      );
      return namedNodes(target.names, nodes);
    case 'pods':
    case 'pods-anywhere':
      if (snapshot.pods.length === 0) throw noPod(target, snapshot);
      return podTargets(snapshot.pods, snapshot);
    case 'pod-names':
      return podTargets(namedPods(target.names, snapshot), snapshot);
    case 'objects':
      return objectTargets(target.objects, snapshot);
    default:
      return target satisfies never;
  }
}

function namedPods(names: readonly string[], snapshot: Snapshot): readonly PodFact[] {
  const { namespace, pods } = snapshot;
  if (pods.length === 0) throw noPodAtAll(snapshot);
  const known = pods.map((pod) => pod.name);
  requireNames('pod', names, known, namespace);
  return pods.filter((pod) => names.includes(pod.name));
}
