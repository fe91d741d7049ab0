import { ClusterError } from '../errors.ts';
import { namedNodes, type Targets } from './node-targets.ts';
import { noNamespace } from './nothing-found.ts';
import { usablePods } from './pod-targets.ts';
import type { FoundObject } from './read-objects.ts';
import type { Snapshot } from './snapshot.ts';
import { listNames, nearest } from './suggest.ts';
import { TARGET_KINDS, type TargetKind, type TargetObject } from './target-kinds.ts';

/**
 * The nodes of objects that were named. A node that is a target is captured whole, whatever pods of other targets are
 * on it. Throws a ClusterError for objects that are not there, and when nothing is left.
 */
export function objectTargets(objects: readonly TargetObject[], snapshot: Snapshot): Targets {
  requireObjects(objects, snapshot);
  const nodes = snapshot.nodes ?? [];
  const names = objects.filter(({ kind }) => kind === 'node').map(({ name }) => name);
  const whole = names.length > 0 ? namedNodes(names, nodes) : { nodes: [], warnings: [] };
  const found = snapshot.objects.filter(({ object }) => object.kind !== 'node');
  const all = new Map(found.flatMap(({ pods }) => pods).map((pod) => [pod.name, pod]));
  const elsewhere = [...all.values()].filter(({ node }) => node === undefined || !names.includes(node));
  const some = usablePods(elsewhere, snapshot.nodes);
  const warnings = [...whole.warnings, ...found.flatMap(shortcomings), ...some.warnings];
  const targets = { nodes: [...whole.nodes, ...some.nodes], warnings };
  if (targets.nodes.length > 0) return targets;
  throw new ClusterError(`no pod is left to capture: ${warnings.join('; ')}`, {
    hint: `Their state: kubectl get pods -n ${snapshot.namespace}`,
  });
}

function shortcomings({ object, pods, strangers }: FoundObject): string[] {
  const name = `${object.kind}/${object.name}`;
  const outside = `${name}: no pod of its namespace has the address ${listNames(strangers)}, so it is left out`;
  if (strangers.length > 0) return [outside];
  if (pods.length > 0) return [];
  return [object.kind === 'cronjob' ? `${name} has no Job that runs now` : `${name} has no pods`];
}

type Missing = { object: TargetObject; instead: readonly string[] | undefined };

function requireObjects(objects: readonly TargetObject[], snapshot: Snapshot): void {
  const known = snapshot.nodes?.map((node) => node.name) ?? [];
  const absent = objects.filter(({ kind, name }) => kind === 'node' && !known.includes(name));
  const inNamespace = snapshot.objects.flatMap(({ object, instead }) =>
    instead === null ? [] : [{ object, instead }],
  );
  const nodes = absent.map((object) => ({ object, instead: known }));
  if (inNamespace.length + nodes.length === 0) return;
  const lost = noNamespace(snapshot);
  if (lost !== undefined) throw lost;
  const words = (some: readonly Missing[]): string =>
    some.map(({ object }) => `no ${object.kind} ${object.name}`).join(', ');
  const there = inNamespace.length > 0 ? [`${words(inNamespace)} in namespace ${snapshot.namespace}`] : [];
  const message = `there is ${[...there, ...(nodes.length > 0 ? [words(nodes)] : [])].join('; and ')}`;
  const missing = [...inNamespace, ...nodes];
  throw new ClusterError(message, { hint: [...factsOf(missing, snapshot.namespace), ...meantBy(missing)].join('\n') });
}

/** For each kind of which one is missing, those that are there. */
function factsOf(missing: readonly Missing[], namespace: string): string[] {
  const kinds = new Map(missing.map(({ object, instead }) => [object.kind, instead]));
  return [...kinds].map(([kind, names]) => {
    const { plural } = TARGET_KINDS[kind];
    const where = kind === 'node' ? '' : ` in namespace ${namespace}`;
    if (names === undefined) return `To see what is there takes the right to list ${plural}${where}.`;
    if (names.length > 0) return `${heading(kind)}: ${listNames(names)}`;
    return `There are no ${plural}${where}${kind === 'pod' ? ', those of captures aside' : ' at all'}.`;
  });
}

function heading(kind: TargetKind): string {
  const { plural } = TARGET_KINDS[kind];
  return `${plural.charAt(0).toUpperCase()}${plural.slice(1)}${kind === 'node' ? '' : ' there'}`;
}

function meantBy(missing: readonly Missing[]): string[] {
  const meant = missing.flatMap(({ object, instead }) => {
    const near = nearest(object.name, instead ?? []);
    return near === undefined ? [] : [`${object.kind}/${near}`];
  });
  return meant.length > 0 ? [`Did you mean: ${meant.join(' ')}`] : [];
}
