import { ClusterError } from '../errors.ts';
import { addressFilter } from './filter.ts';
import type { CaptureTarget } from './request.ts';
import type { NodeFact, PodFact, Snapshot } from './snapshot.ts';

/** A node to capture on; `filter` narrows the capture to the target pods there and is empty for the whole node. */
export type NodeTarget = { node: string; filter: string; pods: readonly string[] };

export type Targets = { nodes: readonly NodeTarget[]; warnings: readonly string[] };

/** The nodes to capture on, sorted by name, with what the user should know. Throws a ClusterError when none is left. */
export function resolveTargets(target: CaptureTarget, snapshot: Snapshot): Targets {
  switch (target.kind) {
    case 'nodes':
      return selectedNodes(target.selector, snapshot.nodes ?? []);
    case 'node-names':
      return namedNodes(target.names, snapshot.nodes ?? []);
    case 'pods':
      return podTargets(snapshot.pods, snapshot, noPodHint(target, snapshot));
    case 'pod-names': {
      const unknown = target.names.filter((name) => !snapshot.pods.some((pod) => pod.name === name));
      if (unknown.length > 0) {
        const known = snapshot.pods.map((pod) => pod.name);
        throw new ClusterError(`there is no pod ${unknown.join(', no pod ')} in namespace ${snapshot.namespace}`, {
          hint: known.length > 0 ? `Pods there: ${summarize(known)}` : 'There are no pods at all. Is -n right?',
        });
      }
      const wanted = snapshot.pods.filter((pod) => target.names.includes(pod.name));
      return podTargets(wanted, snapshot, 'None of the named pods can be captured.');
    }
    default:
      return target satisfies never;
  }
}

function selectedNodes(selector: string, nodes: readonly NodeFact[]): Targets {
  if (nodes.length === 0) {
    throw new ClusterError(`no node has the labels ${selector}`, {
      hint: 'The labels of the nodes: kubectl get nodes --show-labels',
    });
  }
  const warnings: string[] = [];
  const ready = nodes.filter((node) => node.ready);
  const asleep = nodes.filter((node) => !node.ready).map((node) => node.name);
  if (asleep.length > 0) warnings.push(`not Ready, so not captured: ${summarize(asleep)}`);
  return linuxOnly(ready, warnings);
}

function namedNodes(names: readonly string[], nodes: readonly NodeFact[]): Targets {
  const unknown = names.filter((name) => !nodes.some((node) => node.name === name));
  if (unknown.length > 0) {
    throw new ClusterError(`there is no node ${unknown.join(', no node ')}`, {
      hint: `Nodes: ${summarize(nodes.map((node) => node.name))}`,
    });
  }
  const wanted = nodes.filter((node) => names.includes(node.name));
  const warnings = wanted
    .filter((node) => !node.ready)
    .map((node) => `node ${node.name} is not Ready: its capture begins only when it is back`);
  return linuxOnly(wanted, warnings);
}

function linuxOnly(nodes: readonly NodeFact[], warnings: string[]): Targets {
  const other = nodes.filter((node) => node.os !== 'linux').map((node) => node.name);
  if (other.length > 0) warnings.push(`only Linux nodes can be captured, so these are left out: ${summarize(other)}`);
  const linux = nodes.filter((node) => node.os === 'linux').map((node) => node.name);
  if (linux.length === 0) throw new ClusterError(`no node is left to capture on: ${warnings.join('; ')}`);
  return { nodes: linux.sort().map((node) => ({ node, filter: '', pods: [] })), warnings };
}

function podTargets(pods: readonly PodFact[], snapshot: Snapshot, hint: string): Targets {
  const warnings: string[] = [];
  const usable = pods.filter((pod) => {
    const problem = podProblem(pod, snapshot.nodes);
    if (problem !== undefined) warnings.push(`pod ${pod.namespace}/${pod.name} ${problem}, so it is left out`);
    return problem === undefined;
  });
  if (usable.length === 0) {
    const why =
      pods.length === 0 ? `no pod matches in namespace ${snapshot.searched.join(', ') || '(none)'}` : undefined;
    throw new ClusterError(why ?? `no pod is left to capture: ${warnings.join('; ')}`, { hint });
  }
  for (const pod of usable.filter((candidate) => candidate.hostNetwork)) {
    const name = `${pod.namespace}/${pod.name}`;
    warnings.push(`pod ${name} uses its node's network: all traffic of node ${pod.node} itself is captured`);
  }
  const byNode = Map.groupBy(usable, (pod) => pod.node ?? '');
  const nodes = [...byNode].map(([node, there]) => ({
    node,
    filter: addressFilter(there.flatMap((pod) => pod.addresses)),
    pods: there.map((pod) => `${pod.namespace}/${pod.name}`).sort(),
  }));
  return { nodes: nodes.sort((a, b) => (a.node < b.node ? -1 : 1)), warnings };
}

function podProblem(pod: PodFact, nodes: readonly NodeFact[] | undefined): string | undefined {
  if (pod.phase === 'Succeeded' || pod.phase === 'Failed') return `has ended (${pod.phase})`;
  if (pod.node === undefined) return 'has no node yet';
  if (pod.addresses.length === 0) return 'has no address yet';
  const os = nodes?.find((node) => node.name === pod.node)?.os ?? 'linux';
  return os === 'linux' ? undefined : `is on node ${pod.node}, which is not a Linux node`;
}

function noPodHint(target: CaptureTarget & { kind: 'pods' }, snapshot: Snapshot): string {
  if (target.namespaces !== undefined && snapshot.searched.length === 0) {
    return `No namespace has the labels ${target.namespaces}: kubectl get namespaces --show-labels`;
  }
  return `Asked for: ${target.selector ?? 'all pods'}. The labels there: kubectl get pods -n ${snapshot.searched[0] ?? snapshot.namespace} --show-labels`;
}

function summarize(names: readonly string[]): string {
  const sorted = [...names].sort();
  return sorted.length <= 8 ? sorted.join(', ') : `${sorted.slice(0, 8).join(', ')} and ${sorted.length - 8} more`;
}
