import pMap from 'p-map';
import { ClusterError } from '../errors.ts';
import type { Cluster } from '../kube/cluster.ts';
import type { Need } from './needed-rights.ts';

/** Questions in flight: an API server answers each of them in a millisecond or two. */
const IN_FLIGHT = 16;

/** A right that was asked for; undefined where the API server does not say. */
export type Answered = Need & { allowed: boolean | undefined };

/** Asks the API server for each right, in parallel. What it does not answer is unknown; rejects for no failure of its. */
export function askRights(needs: readonly Need[], cluster: Pick<Cluster, 'mayUser'>): Promise<Answered[]> {
  const ask = async (need: Need): Promise<Answered> => {
    const { level: _level, why: _why, ...access } = need;
    try {
      return { ...need, allowed: await cluster.mayUser(access) };
    } catch (error) {
      if (!isUnanswered(error)) throw error;
      return { ...need, allowed: undefined };
    }
  };
  return pMap(needs, ask, { concurrency: IN_FLIGHT });
}

/** Whether a question failed, or took too long: nothing is known then, and nothing is wrong. */
export function isUnanswered(error: unknown): boolean {
  return error instanceof ClusterError || (error instanceof DOMException && error.name === 'TimeoutError');
}
