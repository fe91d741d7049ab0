import { followCaptures, readCaptures } from '../capture/observe.ts';
import type { CaptureSummary } from '../capture/status.ts';
import { listNames, nearest } from '../capture/suggest.ts';
import type { Deps } from '../deps.ts';
import { ClusterError } from '../errors.ts';
import type { Cluster, ConnectionOptions } from '../kube/cluster.ts';
import type { ShownCapture } from './capture-document.ts';
import { Problems, throwProblems } from './flags.ts';
import { parseOrder } from './list-order.ts';
import { clusterOnly, listStore } from './list-store.ts';
import { createView, type View } from './list-view.ts';
import { captureNames } from './name-argument.ts';
import { parseFormat } from './output-format.ts';
import { namesStore, openStore, type StoreFlags } from './store-flags.ts';

export type ListFlags = ConnectionOptions &
  StoreFlags & {
    allNamespaces?: boolean;
    output?: string;
    watch?: boolean;
    noHeaders?: boolean;
    showLabels?: boolean;
    sortBy?: string;
  };

const FORMATS = ['wide', 'json', 'yaml', 'name', 'custom-columns', 'jsonpath'] as const;
/** The exit code of a watch that was ended by Ctrl-C; its other end is that nobody reads it any more. */
const INTERRUPTED = 130;

/** `capture list`: the captures of a namespace, of all or of a store, or those named; with --watch also each change. */
export async function list(deps: Deps, args: readonly string[], flags: ListFlags): Promise<number> {
  const problems = new Problems();
  const format = problems.parse('--output', flags.output, parseFormat(FORMATS)) ?? { kind: 'table' };
  const order = problems.parse('--sort-by', flags.sortBy, parseOrder);
  const names = args.length === 0 ? undefined : new Set(captureNames(args, undefined));
  const stored = namesStore(flags);
  if (stored) problems.found.push(...clusterOnly(flags));
  const store = stored ? await openStore(deps, flags, problems, 'listed') : undefined;
  throwProblems(problems, 'listed');
  const viewAt = (now: () => Date): Promise<View> =>
    createView(deps, format, {
      allNamespaces: flags.allNamespaces === true,
      headers: flags.noHeaders !== true,
      labels: flags.showLabels === true,
      now,
    });
  const pick = (captures: readonly CaptureSummary[]): readonly CaptureSummary[] => {
    const wanted = captures.filter(({ name }) => names?.has(name) ?? true);
    return order === undefined ? wanted : wanted.toSorted(order);
  };
  if (store !== undefined) return await listStore(deps, store, { names, pick, view: await viewAt(deps.now) });
  const cluster = await deps.connect(flags);
  const view = await viewAt(() => cluster.now());
  const namespace = flags.allNamespaces === true ? undefined : cluster.namespace;
  if (flags.watch === true) return await watch(deps, cluster, { namespace, pick, view });
  const all = await readCaptures(cluster, { namespace });
  const picked = pick(all);
  await view.all(picked);
  if (picked.length === 0 && names === undefined) deps.ui.note(`There are no captures${within(namespace)}.`);
  requireNamed(all, names, namespace);
  return 0;
}

function within(namespace: string | undefined): string {
  return namespace === undefined ? '' : ` in namespace ${namespace}`;
}

/** Throws a ClusterError for names that no capture has. */
function requireNamed(all: readonly CaptureSummary[], names: Iterable<string> = [], namespace?: string): void {
  const known = all.map(({ name }) => name);
  const missing = [...names].filter((name) => !known.includes(name));
  if (missing.length === 0) return;
  const meant = nearest(missing[0] ?? '', known);
  const there =
    known.length === 0 ? 'There are none' : `There ${known.length === 1 ? 'is' : 'are'} ${listNames(known)}`;
  throw new ClusterError(`there is no capture ${missing.join(', ')}${within(namespace)}`, {
    hint:
      meant === undefined ? `${there}. In all namespaces: kubectl retina capture list -A` : `Did you mean ${meant}?`,
  });
}

type Watching = {
  namespace: string | undefined;
  pick: (captures: readonly CaptureSummary[]) => readonly CaptureSummary[];
  view: View;
};

/** Prints every capture once, and again whenever it looks different; the last time as Deleted. */
async function watch(deps: Deps, cluster: Cluster, { namespace, pick, view }: Watching): Promise<number> {
  let known: Map<string, ShownCapture> | undefined;
  const looks = new Map<string, string>();
  // Pieces are printed one after the other, though some take time.
  let printed = Promise.resolve();
  const tell = (capture: ShownCapture): void => {
    for (const { key, look, print } of view.pieces(capture)) {
      if (looks.get(key) === look) continue;
      looks.set(key, look);
      printed = printed.then(print);
    }
  };
  const until = AbortSignal.any([deps.signal, deps.unread]);
  await followCaptures(cluster, { namespace }, until, (all) => {
    const captures = pick(all);
    const keyOf = ({ namespace: place, name }: CaptureSummary): string => `${place}/${name}`;
    const now = new Map(
      captures.map((capture) => [keyOf(capture), capture.ending ? (known?.get(keyOf(capture)) ?? capture) : capture]),
    );
    if (known === undefined && captures.length === 0) deps.ui.note(`There are no captures${within(namespace)} yet.`);
    // Of one that is being deleted, what was told last still holds, until it is gone.
    for (const capture of captures) if (!capture.ending) tell(capture);
    for (const [key, capture] of known ?? []) if (!now.has(key)) tell({ ...capture, state: 'Deleted' });
    known = now;
    return false;
  });
  await printed;
  return deps.signal.aborted ? INTERRUPTED : 0;
}
