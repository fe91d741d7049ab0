import { ClusterError } from '../errors.ts';
import type { CaptureTarget } from './request.ts';
import type { LabelSelector } from './selector.ts';
import type { NodeFact, PodFact, Snapshot } from './snapshot.ts';
import { type Labelled, listNames, nearest, shellWord, suggestSelector } from './suggest.ts';

/** A node to capture on; `addresses` are those of the target pods there, and empty for the whole node. */
export type NodeTarget = { node: string; addresses: readonly string[]; pods: readonly string[] };

export type Targets = { nodes: readonly NodeTarget[]; warnings: readonly string[] };

/** The nodes to capture on, sorted by name, with what the user should know. Throws a ClusterError when none is left. */
export function resolveTargets(target: CaptureTarget, snapshot: Snapshot): Targets {
  switch (target.kind) {
    case 'nodes':
      return selectedNodes(target.selector, snapshot);
    case 'node-names':
      return namedNodes(target.names, snapshot.nodes ?? []);
    case 'pods':
      if (snapshot.pods.length === 0) throw noPod(target, snapshot);
      return podTargets(snapshot.pods, snapshot);
    case 'pod-names':
      return podTargets(namedPods(target.names, snapshot), snapshot);
    default:
      return target satisfies never;
  }
}

function selectedNodes(selector: LabelSelector, snapshot: Snapshot): Targets {
  const nodes = snapshot.nodes ?? [];
  if (nodes.length === 0) {
    const hint = selectorHint({ selector, flag: '--node-selectors', things: 'Nodes' }, snapshot.others.nodes ?? []);
    throw new ClusterError(`no node has the labels ${selector}`, { hint });
  }
  const warnings: string[] = [];
  const ready = nodes.filter((node) => node.ready);
  const asleep = nodes.filter((node) => !node.ready).map((node) => node.name);
  if (asleep.length > 0) warnings.push(`not Ready, so not captured: ${listNames(asleep)}`);
  return linuxOnly(ready, warnings);
}

function namedNodes(names: readonly string[], nodes: readonly NodeFact[]): Targets {
  const known = nodes.map((node) => node.name);
  requireNames('node', names, known);
  const wanted = nodes.filter((node) => names.includes(node.name));
  const warnings = wanted
    .filter((node) => !node.ready)
    .map((node) => `node ${node.name} is not Ready: its capture begins only when it is back`);
  return linuxOnly(wanted, warnings);
}

/** Throws a ClusterError for the names that are not there; its hint tells which are, and which was probably meant. */
export function requireNames(
  kind: 'node' | 'pod',
  names: readonly string[],
  known: readonly string[],
  namespace?: string,
): void {
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length === 0) return;
  const place = namespace === undefined ? '' : ` in namespace ${namespace}`;
  const meant = unknown.map((name) => nearest(name, known)).filter((name) => name !== undefined);
  const there = known.length > 0 ? `${kind === 'node' ? 'Nodes' : 'Pods there'}: ${listNames(known)}` : undefined;
  const near = meant.length > 0 ? `\nDid you mean: ${meant.join(', ')}` : '';
  throw new ClusterError(`there is no ${kind} ${unknown.join(`, no ${kind} `)}${place}`, {
    hint: there === undefined ? `There are no ${kind}s${place} at all.` : `${there}${near}`,
  });
}

function linuxOnly(nodes: readonly NodeFact[], warnings: string[]): Targets {
  const other = nodes.filter((node) => node.os !== 'linux').map((node) => node.name);
  if (other.length > 0) warnings.push(`only Linux nodes can be captured, so these are left out: ${listNames(other)}`);
  const linux = nodes.filter((node) => node.os === 'linux').map((node) => node.name);
  if (linux.length === 0) throw new ClusterError(`no node is left to capture on: ${warnings.join('; ')}`);
  return { nodes: linux.sort().map((node) => ({ node, addresses: [], pods: [] })), warnings };
}

function namedPods(names: readonly string[], snapshot: Snapshot): readonly PodFact[] {
  const { namespace, pods } = snapshot;
  if (pods.length === 0) throw noPodAtAll(snapshot);
  const known = pods.map((pod) => pod.name);
  requireNames('pod', names, known, namespace);
  return pods.filter((pod) => names.includes(pod.name));
}

function podTargets(pods: readonly PodFact[], snapshot: Snapshot): Targets {
  const warnings: string[] = [];
  const usable = pods.filter((pod) => {
    const problem = podProblem(pod, snapshot.nodes);
    if (problem !== undefined) warnings.push(`pod ${pod.namespace}/${pod.name} ${problem}, so it is left out`);
    return problem === undefined;
  });
  if (usable.length === 0) {
    throw new ClusterError(`no pod is left to capture: ${warnings.join('; ')}`, {
      hint: `Their state: kubectl get pods -n ${pods[0]?.namespace ?? snapshot.namespace}`,
    });
  }
  for (const pod of usable.filter((candidate) => candidate.hostNetwork)) {
    const name = `${pod.namespace}/${pod.name}`;
    warnings.push(`pod ${name} uses its node's network: all traffic of node ${pod.node} itself is captured`);
  }
  const byNode = Map.groupBy(usable, (pod) => pod.node ?? '');
  const nodes = [...byNode].map(([node, there]) => ({
    node,
    addresses: [...new Set(there.flatMap((pod) => pod.addresses))].sort(),
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

type PodTarget = CaptureTarget & { kind: 'pods' };

/** Why no pod matches: the namespaces are not there, they are empty, or their pods have other labels. */
function noPod(target: PodTarget, snapshot: Snapshot): ClusterError {
  const { others, searched } = snapshot;
  if (target.namespaces !== undefined && searched.length === 0) {
    const asked = { selector: target.namespaces, flag: '--namespace-selectors', things: 'Namespaces' };
    const message = `no namespace has the labels ${target.namespaces}`;
    return new ClusterError(message, { hint: selectorHint(asked, others.namespaces ?? []) });
  }
  if ((others.pods ?? []).length === 0) return noPodAtAll(snapshot);
  const where = placeOf(searched);
  const scope =
    target.namespaces === undefined
      ? `-n ${snapshot.namespace}`
      : `--namespace-selectors ${shellWord(target.namespaces)}`;
  const message = `no pod in ${where} has the labels ${target.selector ?? ''}`;
  if (target.selector === undefined) return new ClusterError(message);
  const asked = { selector: target.selector, flag: '--pod-selectors', things: 'Pods there', scope };
  return new ClusterError(message, { hint: selectorHint(asked, others.pods ?? []) });
}

function noPodAtAll({ namespace, searched, others }: Snapshot): ClusterError {
  const known = others.namespaces?.map(({ name }) => name) ?? [];
  if (known.length > 0 && searched.includes(namespace) && !known.includes(namespace)) {
    const meant = nearest(namespace, known);
    return new ClusterError(`there is no namespace ${namespace}`, {
      hint: meant === undefined ? `Namespaces: ${listNames(known)}` : `Did you mean: -n ${meant}`,
    });
  }
  return new ClusterError(`there are no pods in ${placeOf(searched)}`, {
    hint: 'Is -n right? Where pods are: kubectl get pods -A',
  });
}

function placeOf(namespaces: readonly string[]): string {
  return `${namespaces.length === 1 ? 'namespace' : 'the namespaces'} ${listNames(namespaces)}`;
}

/** What is there instead, and the command that was probably meant. */
function selectorHint(
  asked: { selector: LabelSelector; flag: string; things: string; scope?: string },
  candidates: readonly Labelled[],
): string {
  const { there, meant } = suggestSelector(asked.selector, candidates);
  const facts = `${asked.things} have ${there}.`;
  if (meant === undefined) return facts;
  const scope = asked.scope === undefined ? '' : ` ${asked.scope}`;
  return `${facts}\nDid you mean: kubectl retina capture create ${asked.flag} ${shellWord(meant)}${scope}`;
}
