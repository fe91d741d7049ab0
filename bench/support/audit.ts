import { closeSync, createReadStream, openSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { STATE } from '../../test/e2e/support/cluster.ts';

const FILE = join(STATE, 'log/audit.log');
const OURS = 'kubectl-retina';
/** Milliseconds in which nothing more was written, after which nothing is missing: a watch is logged when it has ended. */
const QUIET = 1000;
/** No line is longer. */
const LONGEST_LINE = 1 << 20;

type Event = {
  verb: string;
  requestURI: string;
  userAgent?: string;
  objectRef?: { resource: string; subresource?: string };
};

/** How far the API server's audit log has come, up to its last whole line. */
export function mark(): number {
  const { size } = statSync(FILE);
  const tail = Buffer.alloc(Math.min(size, LONGEST_LINE));
  const file = openSync(FILE, 'r');
  readSync(file, tail, 0, tail.length, size - tail.length);
  closeSync(file);
  return size - tail.length + tail.lastIndexOf('\n') + 1;
}

/**
 * The requests that this program has made since a mark, as the API server counts them: `create jobs` and how many. Further
 * pages of a list, and what the server was only to try, are told apart.
 */
export async function requestsSince(from: number): Promise<Map<string, number>> {
  for (let seen = -1; seen !== mark(); ) {
    seen = mark();
    await sleep(QUIET);
  }
  const counts = new Map<string, number>();
  const end = mark();
  const lines = end === from ? '' : await text(createReadStream(FILE, { start: from, end: end - 1 }));
  for (const line of lines.split('\n').filter(Boolean)) {
    const event = JSON.parse(line) as Event;
    if (event.userAgent !== OURS) continue;
    counts.set(nameOf(event), (counts.get(nameOf(event)) ?? 0) + 1);
  }
  return counts;
}

function nameOf({ verb, requestURI, objectRef }: Event): string {
  const asked = new URL(requestURI, 'https://server').searchParams;
  const what = [verb, objectRef?.resource, objectRef?.subresource].filter(Boolean).join(' ');
  if (asked.has('dryRun')) return `${what} (a dry run)`;
  return asked.has('continue') ? `${what} (a further page)` : what;
}
