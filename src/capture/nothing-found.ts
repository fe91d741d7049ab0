import { ClusterError } from '../errors.ts';
import type { CaptureTarget } from './request.ts';
import type { LabelSelector } from './selector.ts';
import type { Snapshot } from './snapshot.ts';
import { type Labelled, listNames, nearest, shellWord, suggestSelector } from './suggest.ts';

type PodTarget = CaptureTarget & { kind: 'pods' | 'pods-anywhere' };

/** Why no node matches. */
export function noNode(selector: LabelSelector, { others }: Snapshot): ClusterError {
  const hint = selectorHint({ selector, flag: '--node-selectors', things: 'Nodes' }, others.nodes ?? []);
  return new ClusterError(`no node has the labels ${selector}`, { hint });
}

/** Why no pod matches: the namespaces are not there, they are empty, or their pods have other labels. */
export function noPod(target: PodTarget, snapshot: Snapshot): ClusterError {
  const { others, searched } = snapshot;
  const namespaces = target.kind === 'pods' ? target.namespaces : undefined;
  if (namespaces !== undefined && searched?.length === 0) {
    const asked = { selector: namespaces, flag: '--namespace-selectors', things: 'Namespaces' };
    const message = `no namespace has the labels ${namespaces}`;
    return new ClusterError(message, { hint: selectorHint(asked, others.namespaces ?? []) });
  }
  if ((others.pods ?? []).length === 0 || target.selector === undefined) return noPodAtAll(snapshot);
  const own = target.kind === 'pods-anywhere' ? '-A' : `-n ${snapshot.namespace}`;
  const scope = namespaces === undefined ? own : `--namespace-selectors ${shellWord(namespaces)}`;
  const asked = { selector: target.selector, flag: '--pod-selectors', things: 'Pods there', scope };
  return new ClusterError(`no pod in ${placeOf(searched)} has the labels ${target.selector}`, {
    hint: selectorHint(asked, others.pods ?? []),
  });
}

/** No pod was found in the namespaces where they were looked for. */
export function noPodAtAll(snapshot: Snapshot): ClusterError {
  return (
    noNamespace(snapshot) ??
    new ClusterError(`there are no pods in ${placeOf(snapshot.searched)}, those of captures aside`, {
      hint: snapshot.searched === undefined ? undefined : 'Is -n right? Where pods are: kubectl get pods -A',
    })
  );
}

/** The error of a namespace that is not there; undefined where it is, or where that is not known. */
export function noNamespace({ namespace, searched, others }: Snapshot): ClusterError | undefined {
  const known = others.namespaces?.map(({ name }) => name) ?? [];
  if (known.length === 0 || searched?.includes(namespace) !== true || known.includes(namespace)) return undefined;
  const meant = nearest(namespace, known);
  return new ClusterError(`there is no namespace ${namespace}`, {
    hint: meant === undefined ? `Namespaces: ${listNames(known)}` : `Did you mean: -n ${meant}`,
  });
}

function placeOf(namespaces: readonly string[] | undefined): string {
  if (namespaces === undefined) return 'any namespace';
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
