import { ClusterError } from '../errors.ts';
import type { NodeFact } from './facts.ts';
import { listNames, nearest } from './suggest.ts';

/** A node to capture on; `addresses` are those of the target pods there, and empty for the whole node. */
export type NodeTarget = {
  node: string;
  os: 'linux' | 'windows';
  addresses: readonly string[];
  pods: readonly string[];
};

export type Targets = { nodes: readonly NodeTarget[]; warnings: readonly string[] };

/** The whole of each node that a selector found; those that are not Ready are left out, and told of. */
export function selectedNodes(nodes: readonly NodeFact[]): Targets {
  const asleep = nodes.filter((node) => !node.ready).map((node) => node.name);
  const warnings = asleep.length > 0 ? [`not Ready, so not captured: ${listNames(asleep)}`] : [];
  const ready = nodes.filter((node) => node.ready);
  return wholeNodes(ready, warnings);
}

/** The whole of each node that was named. */
export function namedNodes(names: readonly string[], nodes: readonly NodeFact[]): Targets {
  const wanted = nodes.filter((node) => names.includes(node.name));
  const warnings = wanted
    .filter((node) => !node.ready)
    .map((node) => `node ${node.name} is not Ready: its capture begins only when it is back`);
  return wholeNodes(wanted, warnings);
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

/** The system of a node, if it is one that can be captured. */
export function captureOs(os: string): NodeTarget['os'] | undefined {
  return os === 'linux' || os === 'windows' ? os : undefined;
}

function wholeNodes(nodes: readonly NodeFact[], warnings: readonly string[]): Targets {
  const other = nodes.filter((node) => captureOs(node.os) === undefined).map((node) => node.name);
  const left = `only Linux and Windows nodes can be captured, so these are left out: ${listNames(other)}`;
  const told = other.length > 0 ? [...warnings, left] : warnings;
  const targets = nodes.flatMap(({ name, os }) => {
    const known = captureOs(os);
    return known === undefined ? [] : [{ node: name, os: known, addresses: [], pods: [] }];
  });
  if (targets.length === 0) throw new ClusterError(`no node is left to capture on: ${told.join('; ')}`);
  return { nodes: targets, warnings: told };
}
