import type { Start } from '../capture/request.ts';
import { type Problems, parseDuration } from './flags.ts';
import { DEFAULT_SYNC_TIMEOUT } from './run-rows.ts';

const DAY = 86_400_000;
/** What a pod needs at least until its container runs. */
const LEAST_TIMEOUT = 1_000;
const FORMS = 'write it as 21:30, 21:30:05, 2026-11-21T21:30:00Z or +30s';

/** When a capture begins, as typed; unset flags are undefined. */
export type StartFlags = { startAt?: string; sync?: boolean; syncTimeout?: string };

/** When a capture begins; null for at once. */
export function toStart(flags: StartFlags, problems: Problems, now: Date): Start | null {
  const at = problems.parse('--start-at', flags.startAt, parseStartAt(now)) ?? null;
  const timeoutMs = problems.parse('--sync-timeout', flags.syncTimeout ?? DEFAULT_SYNC_TIMEOUT, parseTimeout) ?? 0;
  if (flags.sync !== true) {
    if (flags.syncTimeout !== undefined) problems.found.push('--sync-timeout: is for --sync, which is not given');
    return at;
  }
  if (flags.startAt !== undefined) {
    problems.found.push('--sync: chooses the instant itself: give either it or --start-at');
  }
  return { kind: 'together', timeoutMs };
}

/** Milliseconds at most from now to the start. */
export function patienceFor(start: Start | null, now: Date): number {
  if (start === null) return 0;
  switch (start.kind) {
    case 'at':
      return start.at.getTime() - now.getTime();
    case 'in':
      return start.ms;
    case 'together':
      // The time to get ready is over before anybody waits for the capture's end.
      return 0;
    default:
      return start satisfies never;
  }
}

function parseTimeout(text: string): number | Error {
  const ms = parseDuration(text);
  return ms instanceof Error || ms >= LEAST_TIMEOUT ? ms : new Error(`"${text}" is too short: at least 1s`);
}

/** An instant from now to a day ahead: beyond it, pods would hold their place on the nodes for nothing. */
export function parseStartAt(now: Date): (text: string) => Start | Error {
  return (typed) => {
    const text = typed.trim();
    if (text.startsWith('+')) {
      const ms = parseDuration(text.slice(1));
      if (ms instanceof Error) return ms;
      return ms > DAY ? new Error(`"${typed}" is more than a day away`) : { kind: 'in', ms };
    }
    const at = timeOfDay(text, now) ?? dateAndTime(text);
    if (at === undefined) return new Error(`"${typed}" is not a time: ${FORMS}`);
    if (at < now) return new Error(`"${typed}" has passed: ${tomorrow(at, now)}`);
    return at.getTime() - now.getTime() > DAY ? new Error(`"${typed}" is more than a day away`) : { kind: 'at', at };
  };
}

/** `21:30` and `21:30:05`, of today in the time zone of this machine. */
function timeOfDay(text: string, now: Date): Date | undefined {
  const [, hours, minutes, seconds = '0'] = /^([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?$/.exec(text) ?? [];
  if (hours === undefined || minutes === undefined) return undefined;
  const at = new Date(now);
  at.setHours(Number(hours), Number(minutes), Number(seconds), 0);
  return at;
}

const RFC_3339 = /^(\d{4}-\d\d-\d\d)[Tt ]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;

function dateAndTime(text: string): Date | undefined {
  const date = RFC_3339.exec(text)?.[1];
  // A day that its month does not have would be read as one of the next.
  if (date === undefined || new Date(`${date}T00:00:00Z`).toJSON()?.slice(0, 10) !== date) return undefined;
  const at = new Date(text.toUpperCase().replace(' ', 'T'));
  return Number.isNaN(at.getTime()) ? undefined : at;
}

/** What to type instead of a time of day that is over; of other times, what time it is. */
function tomorrow(at: Date, now: Date): string {
  const next = new Date(at.getTime() + DAY);
  const iso = (time: Date): string => `${time.toISOString().slice(0, 19)}Z`;
  return next > now ? `tomorrow's is ${iso(next)}` : `it is ${iso(now)} now`;
}
