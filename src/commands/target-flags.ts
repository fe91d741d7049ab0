import type { CaptureTarget } from '../capture/request.ts';
import type { LabelSelector } from '../capture/selector.ts';
import { DEFAULT_NODE_SELECTOR } from './capture-rows.ts';
import { type Problems, parseNames, parseSelectorFlag } from './flags.ts';

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
  const nodes = problems.parse('--node-selectors', flags.nodeSelectors, parseSelectorFlag);
  const pods = problems.parse('--pod-selectors', flags.podSelectors, parseSelectorFlag);
  const namespaces = problems.parse('--namespace-selectors', flags.namespaceSelectors, parseSelectorFlag);
  const nodeNames = problems.parse('--node-names', flags.nodeNames, parseNames);
  const podNames = problems.parse('--pod-names', flags.podNames, parseNames);
  const given = [
    nodes === undefined ? [] : ['--node-selectors'],
    nodeNames === undefined ? [] : ['--node-names'],
    pods === undefined && namespaces === undefined ? [] : ['--pod-selectors with --namespace-selectors'],
    podNames === undefined ? [] : ['--pod-names'],
  ].flat();
  if (given.length > 1) problems.found.push(`only one kind of target can be given, not ${given.join(' and ')}`);
  if (podNames !== undefined) return { kind: 'pod-names', names: podNames };
  if (pods !== undefined || namespaces !== undefined) return { kind: 'pods', selector: pods, namespaces };
  if (nodeNames !== undefined) return { kind: 'node-names', names: nodeNames };
  return { kind: 'nodes', selector: nodes ?? (DEFAULT_NODE_SELECTOR as LabelSelector) };
}
