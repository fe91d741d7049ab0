import type { CaptureTarget } from '../capture/request.ts';
import type { LabelSelector } from '../capture/selector.ts';
import { DEFAULT_NODE_SELECTOR } from './capture-rows.ts';
import { type Problems, parseNames, parseSelectorFlag } from './flags.ts';
import { parseTargetWords } from './target-words.ts';

/** What a capture is aimed at, as typed; unset flags are undefined. */
export type TargetFlags = {
  /** The arguments: `TYPE/NAME`, or `TYPE NAME…`. */
  targets?: readonly string[];
  nodeSelectors?: string;
  nodeNames?: string;
  podSelectors?: string;
  namespaceSelectors?: string;
  allNamespaces?: boolean;
  podNames?: string;
};

/** The one target of a command line. */
export function toTarget(flags: TargetFlags, problems: Problems): CaptureTarget {
  const { targets = [], allNamespaces = false } = flags;
  const objects = parseTargetWords(targets, problems);
  const nodes = problems.parse('--node-selectors', flags.nodeSelectors, parseSelectorFlag);
  const pods = problems.parse('--pod-selectors', flags.podSelectors, parseSelectorFlag);
  const namespaces = problems.parse('--namespace-selectors', flags.namespaceSelectors, parseSelectorFlag);
  const nodeNames = problems.parse('--node-names', flags.nodeNames, parseNames);
  const podNames = problems.parse('--pod-names', flags.podNames, parseNames);
  const given = [
    targets.length === 0 ? [] : [listWords(targets)],
    nodes === undefined ? [] : ['--node-selectors'],
    nodeNames === undefined ? [] : ['--node-names'],
    pods === undefined && namespaces === undefined ? [] : ['--pod-selectors with --namespace-selectors'],
    podNames === undefined ? [] : ['--pod-names'],
  ].flat();
  if (given.length > 1) problems.found.push(`only one kind of target can be given, not ${given.join(' and ')}`);
  if (allNamespaces)
    refuseBesideAll({ namespaces, others: given.filter((name) => !name.startsWith('--pod-sel')) }, problems);
  if (targets.length > 0) return { kind: 'objects', objects };
  if (podNames !== undefined) return { kind: 'pod-names', names: podNames };
  if (allNamespaces) return { kind: 'pods-anywhere', selector: pods };
  if (pods !== undefined || namespaces !== undefined) return { kind: 'pods', selector: pods, namespaces };
  if (nodeNames !== undefined) return { kind: 'node-names', names: nodeNames };
  if (flags.podSelectors !== undefined && nodes === undefined) {
    problems.warnings.push('--pod-selectors is blank, which counts as not given: whole nodes are captured');
  }
  return { kind: 'nodes', selector: nodes ?? (DEFAULT_NODE_SELECTOR as LabelSelector) };
}

/** `-A` widens the search for pods by their labels: names and nodes are not searched for. */
function refuseBesideAll(
  given: { namespaces: LabelSelector | undefined; others: readonly string[] },
  problems: Problems,
): void {
  if (given.namespaces !== undefined) {
    problems.found.push('-A means all namespaces, and --namespace-selectors some: give one of them');
  }
  for (const other of given.others) {
    problems.found.push(`-A goes with --pod-selectors, or alone for all pods, not with ${other}`);
  }
}

function listWords(words: readonly string[]): string {
  return words.length > 3 ? `${words.slice(0, 3).join(' ')} …` : words.join(' ');
}
