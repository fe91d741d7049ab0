import type { CaptureSummary, NodeStatus } from '../capture/status.ts';

/** Milliseconds after its instant from which on a node is told to have begun late. */
const LATE = 500;

/** A time of day for people: `21:30:00 UTC`; with a fraction of a second where it has one. */
export function clock(at: Date): string {
  return `${at
    .toISOString()
    .slice(11, -1)
    .replace(/\.000$/, '')} UTC`;
}

/** What a node that is ready waits for; undefined where it does not. */
export function waitWords({ phase, ready, begins, problem }: NodeStatus): string | undefined {
  if (phase !== 'waiting' || !ready || begins === undefined || problem !== undefined) return undefined;
  return begins === 'word' ? 'ready, waits for the word to start' : `waits for ${clock(begins)}`;
}

/** Nodes that began later than they were to: their clocks are not the others', or they were not ready in time. */
export function lateLines({ nodes }: Pick<CaptureSummary, 'nodes'>): string[] {
  return nodes.flatMap(({ node, result }) => {
    if (result?.startAt === undefined || result.stopReason === 'not-begun') return [];
    const late = Date.parse(result.startedAt) - Date.parse(result.startAt);
    // A time that is none is late by nothing.
    if (!(late >= LATE)) return [];
    return [`node ${node} began ${(late / 1000).toFixed(1)} s after ${clock(new Date(result.startAt))}`];
  });
}
