import type { Pod } from '../kube/cluster.ts';
import { ANNOTATION_START, CONTAINER_CAPTURE } from './names.ts';
import type { StartSpec, WorkloadSpec } from './workload-spec.ts';

/** Milliseconds that a pod waits for the word beyond the time that nodes have to get ready, and more for each of them. */
const SLACK = 60_000;
const SLACK_EACH = 50;

/** The instant at which a node begins, or was to; `word` while nobody has named one; undefined for at once. */
export type Begins = Date | 'word' | undefined;

/** When a capture begins on a node, by its order and by what its pod was told. */
export function beginsOf(order: WorkloadSpec | undefined, pod: Pod | undefined): Begins {
  const start = order?.start;
  if (start === undefined) return undefined;
  if (start.kind === 'at') return new Date(start.at);
  const told = new Date(pod?.metadata?.annotations?.[ANNOTATION_START] ?? '');
  return Number.isNaN(told.getTime()) ? 'word' : told;
}

/** The same for so many nodes: whoever gives the word creates all the pods first, and tells one after the other. */
export function startOf(start: StartSpec | undefined, nodes: number): StartSpec | undefined {
  return start?.kind === 'word' ? { ...start, withinMs: start.withinMs + SLACK + SLACK_EACH * nodes } : start;
}

/** Milliseconds from a run's begin to that of its captures, at most. */
export function startsWithin(start: StartSpec | undefined, startedAt: Date): number {
  if (start === undefined) return 0;
  return start.kind === 'word' ? start.withinMs : Math.max(0, Date.parse(start.at) - startedAt.getTime());
}

/** Whether an instant is still to come. */
export function isAhead(begins: Begins, now: Date): boolean {
  return begins === 'word' || (begins !== undefined && begins > now);
}

/** Whether a pod's container runs, and has made ready: where there is no probe that could tell, what runs is. */
export function isReady(pod: Pod | undefined): boolean {
  const container = pod?.status?.containerStatuses?.find(({ name }) => name === CONTAINER_CAPTURE);
  return container?.state?.running !== undefined && container.started !== false;
}
