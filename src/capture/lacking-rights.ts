import type { Access } from '../kube/cluster.ts';
import type { Answered } from './access.ts';
import { type Level, resourceWords } from './needed-rights.ts';

/** Verbs on one resource that the user lacks. */
export type Lacking = {
  /** Whether only something is not told or done without them. */
  optional: boolean;
  /** `create, watch jobs.batch in namespace shop`. */
  what: string;
  /** The commands that need them; of optional ones, what is not told or done. */
  why: readonly string[];
};

/** The rights that the API server denies, those on one resource together, what is needed first. */
export function lackingRights(answers: readonly Answered[], levels: readonly Level[]): Lacking[] {
  const denied = answers.filter(({ allowed, level }) => allowed === false && levels.includes(level));
  const groups = Map.groupBy(denied, (right) => JSON.stringify([right.level === 'optional', placeOf(right)]));
  const lacking = [...groups.values()].map((rights) => ({
    optional: rights.every(({ level }) => level === 'optional'),
    what: `${[...new Set(rights.map(({ verb }) => verb))].join(', ')} ${rights[0] === undefined ? '' : placeOf(rights[0])}`,
    why: [...new Set(rights.flatMap(({ why }) => why))],
  }));
  return lacking.sort((a, b) => Number(a.optional) - Number(b.optional));
}

function placeOf(access: Access): string {
  const name = access.name === undefined ? '' : ` ${access.name}`;
  const where = access.namespace === undefined ? 'cluster-wide' : `in namespace ${access.namespace}`;
  return `${resourceWords(access)}${name} ${where}`;
}
