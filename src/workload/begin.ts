import { setTimeout as sleep } from 'node:timers/promises';
import type { StartSpec, WorkloadSpec } from '../capture/workload-spec.ts';
import { rehearse } from './rehearse.ts';
import type { WorkloadOptions } from './session.ts';
import type { End } from './tool.ts';
import { stopRequested, stopRequestOf } from './watch.ts';

/** Milliseconds between looks for the word to start. */
const POLL_MS = 100;
/** At most so long is slept at once: a clock that is set meanwhile counts. */
const NAP_MS = 500;

/** When a capture begins, or was to; with what ended it before, if something has. */
export type Begun = { startAt?: Date | undefined; end?: End };

/**
 * Returns at the instant at which a capture begins. tcpdump is tried out before, so that what is wrong is told while there
 * is time, but started only then: packets that came in before would count towards the limits.
 */
export async function awaitBegin(spec: WorkloadSpec, options: WorkloadOptions): Promise<Begun> {
  const { start } = spec;
  if (start === undefined) return {};
  const { stop } = options;
  const stopped = stopRequested(stop);
  const error = await Promise.race([rehearse(spec, stop), stopped]);
  if (typeof error === 'string') return { end: { reason: 'error', error } };
  if (!stop.aborted) await options.ready?.();
  const startAt = await instantOf(start, options);
  if (startAt !== undefined) await untilThen(startAt, options);
  if (stop.aborted) return { startAt, end: calledOff(stop, startAt) };
  if (startAt !== undefined) return { startAt };
  const limit = start.kind === 'word' ? start.withinMs / 1000 : 0;
  return {
    end: { reason: 'not-begun', error: `nobody gave the word to start within ${limit} s: nothing was captured` },
  };
}

/** Undefined when it was not told in time, or the capture was called off. */
async function instantOf(start: StartSpec, { stop, log, word }: WorkloadOptions): Promise<Date | undefined> {
  if (start.kind === 'at') return new Date(start.at);
  log('ready; waits for the word to start');
  const deadline = performance.now() + start.withinMs;
  while (!stop.aborted && performance.now() < deadline) {
    const at = await word?.();
    if (at !== undefined) return at;
    await sleep(POLL_MS, undefined, { signal: stop }).catch(() => undefined);
  }
  return undefined;
}

async function untilThen(at: Date, { stop, now, log }: WorkloadOptions): Promise<void> {
  log(`begins at ${at.toISOString()}`);
  for (;;) {
    const left = at.getTime() - now().getTime();
    if (left <= 0 || stop.aborted) return;
    await sleep(Math.min(left, NAP_MS), undefined, { signal: stop }).catch(() => undefined);
  }
}

function calledOff(stop: AbortSignal, startAt: Date | undefined): End {
  if (stopRequestOf(stop) === 'discard') return { reason: 'discard' };
  const when = startAt === undefined ? '' : `, which was to be at ${startAt.toISOString()}`;
  return { reason: 'not-begun', error: `it was ended before it began${when}: nothing was captured` };
}
