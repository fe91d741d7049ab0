import { setTimeout as sleep } from 'node:timers/promises';
import { ClusterError, messageOf } from '../errors.ts';
import type { Selection } from './cluster.ts';
import type { Query, Rest } from './rest.ts';
import type { Traced } from './trace.ts';

const PAGE = 500;
/** Seconds after which the server ends a watch; it is then renewed from where it was. */
const WATCH_SECONDS = 60;
/** Milliseconds beyond that in which it must have done so: a server that hangs ends nothing. */
const WATCH_MARGIN = 10_000;
/** Milliseconds for which a server that is away is waited for: as long as the upgrade of a control plane takes. */
const PATIENCE = 300_000;
/** Milliseconds before a watch is renewed or all is listed anew: a server in trouble must not be asked in a tight loop. */
const PAUSE = 200;
const LONGEST_PAUSE = 2000;
/** Milliseconds after which a watch has not failed when it ends. */
const LASTING = 10_000;

type List<T> = { metadata?: { resourceVersion?: string; continue?: string }; items?: T[] };
type WatchEvent<T> = { type: string; object: T };
type Item = { metadata?: { uid?: string; resourceVersion?: string } };

/** Objects of one kind: the path of their list, and which of them. */
export type Followed = { path: string; selection: Selection };

type How = { signal: AbortSignal; traced: Traced };

/** Which objects of a kind are meant, as a URL has it. */
export function queryOf({ selection }: Followed): Query {
  return { labelSelector: selection.labels, fieldSelector: selection.fields };
}

/** Lists objects, page by page, and tells the version from which a watch goes on. */
export async function listAll<T>(
  rest: Rest,
  followed: Followed,
  how: { signal: AbortSignal; patienceMs?: number },
): Promise<{ items: T[]; version: string }> {
  const items: T[] = [];
  let next: string | undefined;
  let version = '';
  do {
    const page: List<T> = await rest.json<List<T>>({
      ...{ method: 'GET', path: followed.path, ...how },
      query: { ...queryOf(followed), limit: PAGE, continue: next },
    });
    items.push(...(page.items ?? []));
    next = page.metadata?.continue || undefined;
    version = page.metadata?.resourceVersion ?? '';
  } while (next !== undefined);
  return { items, version };
}

/** The lowest version of objects, each as its creation was answered: a watch from there tells all that came after it. */
function firstVersion(created: readonly Item[]): string {
  const versions = created.map(({ metadata }) => metadata?.resourceVersion ?? '');
  // Whole numbers, which grow: Kubernetes' own storage says so since 1.35, and has done so ever since. Others are listed.
  if (!versions.every((version) => /^[1-9]\d*$/.test(version))) return '';
  return versions.reduce((first, each) => (first !== '' && BigInt(first) < BigInt(each) ? first : each), '');
}

/**
 * Lists, then watches, and calls back with all objects after every change, until the signal is aborted; objects that were just
 * `created`, and are all there are, need no list. A watch that ends or breaks is renewed, one whose version is too old begins
 * anew; rejects when the server refuses, or is away for too long.
 */
export async function follow<T extends Item>(
  rest: Rest,
  followed: Followed,
  { signal, traced, created }: How & { created: readonly T[] },
  changed: (items: readonly T[]) => void,
): Promise<void> {
  const known = new Map<string, T>(created.map((item) => [item.metadata?.uid ?? '', item]));
  let version = firstVersion(created);
  if (version !== '') changed(created);
  let idle = 0;
  while (!signal.aborted) {
    const began = Date.now();
    try {
      if (version === '') {
        const listed = await listAll<T>(rest, followed, { signal, patienceMs: PATIENCE });
        known.clear();
        for (const item of listed.items) known.set(item.metadata?.uid ?? '', item);
        version = listed.version;
        changed([...known.values()]);
      }
      for await (const event of watch<T>(rest, followed, version, { signal, traced })) {
        idle = 0;
        if (event.type === 'ERROR') {
          // Most often 410 Gone: the version is too old to watch from.
          traced(`the watch of ${followed.path} ended; listing anew: ${JSON.stringify(event.object)}`);
          version = '';
          break;
        }
        version = event.object.metadata?.resourceVersion ?? version;
        if (event.type === 'BOOKMARK') continue;
        const uid = event.object.metadata?.uid ?? '';
        if (event.type === 'DELETED') known.delete(uid);
        else known.set(uid, event.object);
        changed([...known.values()]);
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ClusterError) || error.status !== 410) throw error;
      version = '';
    }
    // One that lasted did its work, though there was nothing to tell.
    idle = Date.now() - began > LASTING ? 0 : idle + 1;
    await sleep(Math.min(PAUSE * idle, LONGEST_PAUSE) * (1 + Math.random()), undefined, { signal }).catch(
      () => undefined,
    );
  }
}

/** One watch, until it ends: as the server said, because it broke, or because the server no longer ends it. */
async function* watch<T>(
  rest: Rest,
  followed: Followed,
  version: string,
  { signal, traced }: How,
): AsyncGenerator<WatchEvent<T>> {
  const response = await rest.stream({
    ...{ method: 'GET', path: followed.path, signal, patienceMs: PATIENCE },
    query: {
      ...queryOf(followed),
      ...{ watch: 'true', allowWatchBookmarks: 'true', resourceVersion: version, timeoutSeconds: WATCH_SECONDS },
    },
  });
  const { createInterface } = process.getBuiltinModule('node:readline');
  const lines = createInterface({ input: response, crlfDelay: Number.POSITIVE_INFINITY });
  const end = (why: string): void => {
    if (!signal.aborted) traced(`the watch of ${followed.path} broke off and is renewed: ${why}`);
    lines.close();
    response.destroy();
  };
  // The connection tells its error here, and the line reader once more, or just ends.
  response.on('error', (error) => end(messageOf(error)));
  const hung = setTimeout(end, WATCH_SECONDS * 1000 + WATCH_MARGIN, 'the server did not end it in time');
  try {
    for await (const line of lines) {
      const event = line === '' ? undefined : parseEvent<T>(line);
      if (event !== undefined) yield event;
    }
  } catch (error) {
    if (error !== response.errored) throw error;
  } finally {
    clearTimeout(hung);
    response.destroy();
  }
}

/** Undefined for a line that was cut with its connection: it comes again, whole. */
function parseEvent<T>(line: string): WatchEvent<T> | undefined {
  try {
    return JSON.parse(line) as WatchEvent<T>;
  } catch {
    return undefined;
  }
}
