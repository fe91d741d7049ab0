import { ClusterError } from '../errors.ts';
import type { NodeFact, PodFact } from './facts.ts';
import { captureOs, type NodeTarget, type Targets } from './node-targets.ts';
import type { Snapshot } from './snapshot.ts';
import { listNames } from './suggest.ts';

/** The nodes of pods, each with the addresses of those there. Throws a ClusterError when no pod can be captured. */
export function podTargets(pods: readonly PodFact[], snapshot: Snapshot): Targets {
  const targets = usablePods(pods, snapshot.nodes);
  if (targets.nodes.length > 0) return targets;
  throw new ClusterError(`no pod is left to capture: ${targets.warnings.join('; ')}`, {
    hint: `Their state: kubectl get pods -n ${pods[0]?.namespace ?? snapshot.namespace}`,
  });
}

/** The same; nothing when no pod can be captured. Pods that are left out, or special, are told of. */
export function usablePods(pods: readonly PodFact[], nodes: readonly NodeFact[] | undefined): Targets {
  const facts = pods.map((pod) => ({ pod, os: captureOs(osOf(pod, nodes)), name: `${pod.namespace}/${pod.name}` }));
  const told = facts.map((fact) => ({ ...fact, problem: podProblem(fact.pod, fact.os) }));
  const byNode = new Map<string, NodeTarget>();
  for (const { pod, os, name, problem } of told) {
    if (problem !== undefined || pod.node === undefined || os === undefined) continue;
    const before = byNode.get(pod.node);
    byNode.set(pod.node, {
      node: pod.node,
      os,
      addresses: [...new Set([...(before?.addresses ?? []), ...pod.addresses])].sort(),
      pods: [...(before?.pods ?? []), name].sort(),
    });
  }
  const texts = told.flatMap(({ pod, name, problem }) =>
    (problem === undefined ? peculiarities(pod) : [`left out, ${problem}`]).map((text) => ({ name, text })),
  );
  // Thousands of pods that have ended are one line.
  const warnings = [...Map.groupBy(texts, ({ text }) => text)].map(([text, some]) => {
    const names = some.map(({ name }) => name);
    return `${text}: ${names.length === 1 ? 'pod' : 'pods'} ${listNames(names)}`;
  });
  return { nodes: [...byNode.values()], warnings };
}

function podProblem(pod: PodFact, os: NodeTarget['os'] | undefined): string | undefined {
  if (pod.phase === 'Succeeded' || pod.phase === 'Failed') return `already ended (${pod.phase})`;
  if (pod.node === undefined) return 'without a node yet';
  if (pod.addresses.length === 0) return 'without an address yet';
  return os === undefined ? `on node ${pod.node}, which is neither Linux nor Windows` : undefined;
}

/** What should be known of a pod that is captured. */
function peculiarities(pod: PodFact): string[] {
  return [
    pod.hostNetwork ? [`on the network of node ${pod.node}, so all traffic of its own address is captured`] : [],
    pod.ending ? ['being deleted, captured for as long as it is there'] : [],
  ].flat();
}

/** Whoever may not read nodes is told by the pod. */
function osOf(pod: PodFact, nodes: readonly NodeFact[] | undefined): string {
  return nodes?.find((node) => node.name === pod.node)?.os ?? pod.os ?? 'linux';
}
