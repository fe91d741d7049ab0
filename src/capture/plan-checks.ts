import { ClusterError } from '../errors.ts';
import { isShortened } from './filter.ts';
import type { NodeTarget } from './node-targets.ts';
import type { Snapshot } from './snapshot.ts';
import { listNames, nearest } from './suggest.ts';

/** What to know of filters that are kept within what the kernel takes. */
export function shortenedWarning(nodes: readonly NodeTarget[]): string[] {
  const shortened = nodes.filter(({ addresses }) => isShortened(addresses)).map(({ node }) => node);
  if (shortened.length === 0) return [];
  return [`many pods on ${listNames(shortened)}: ARP and neighbour discovery of all addresses there are captured`];
}

/** Throws a ClusterError for what the settings of the Jobs name and is not there. */
export function requireNoLack({ lacks, namespace }: Snapshot): void {
  const [lack] = lacks;
  if (lack === undefined) return;
  const { what, name, instead } = lack;
  const place = what === 'service account' ? ` in namespace ${namespace}` : '';
  const meant = nearest(name, instead);
  throw new ClusterError(`there is no ${what} ${name}${place}: no pod of the capture could be created`, {
    hint: `There: ${listNames(instead) || 'none'}${meant === undefined ? '' : `\nDid you mean: ${meant}`}`,
  });
}

/** Throws a ClusterError where more Jobs are needed than the user allows (null: any number). */
export function requireFewJobs(needed: number, limit: number | null): void {
  if (limit === null || needed <= limit) return;
  throw new ClusterError(`this capture needs ${needed} Jobs, one for each node; --job-num-limit allows ${limit}`, {
    hint: 'Aim at fewer nodes or pods, or raise the limit: nothing was created.',
  });
}
