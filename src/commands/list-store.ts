import { resultProblem } from '../capture/result-words.ts';
import type { CaptureSummary, NodeStatus } from '../capture/status.ts';
import { listNames, nearest } from '../capture/suggest.ts';
import type { Deps } from '../deps.ts';
import { CaptureError } from '../errors.ts';
import type { Store } from '../upload/store.ts';
import type { ListFlags } from './list.ts';
import type { View } from './list-view.ts';
import { plural } from './render.ts';
import { findTarballs, type StoredTarball } from './store-tarballs.ts';

/** What is wrong with flags that only a cluster can follow. */
export function clusterOnly(flags: ListFlags): string[] {
  return [
    ...(flags.watch === true ? ['--watch is of a cluster: a store tells nothing by itself'] : []),
    ...(flags.allNamespaces === true ? ['-A is of a cluster: a store has no namespaces'] : []),
  ];
}

type Showing = {
  names: ReadonlySet<string> | undefined;
  pick: (captures: readonly CaptureSummary[]) => readonly CaptureSummary[];
  view: View;
};

/** `capture list` of a store: each capture once, as the results beside its tarballs tell. */
export async function listStore(deps: Deps, store: Store, { names, pick, view }: Showing): Promise<number> {
  const [only] = names?.size === 1 ? names : [];
  const { found, unknown } = await findTarballs(store, only, deps.signal);
  const all = toSummaries(store, found);
  const picked = pick(all);
  await view.all(picked);
  if (picked.length === 0 && names === undefined) deps.ui.note(`There are no captures in ${store.place}.`);
  if (unknown.length > 0) {
    const files = plural(unknown.length, 'tarball');
    deps.ui.note(`Without a result beside ${unknown.length === 1 ? 'it' : 'them'}: ${files}, ${listNames(unknown)}`);
  }
  const known = all.map(({ name }) => name);
  const missing = [...(names ?? [])].filter((name) => !known.includes(name));
  if (missing.length === 0) return 0;
  const meant = nearest(missing[0] ?? '', known);
  throw new CaptureError(`there is no capture ${missing.join(', ')} in ${store.place}`, {
    hint: meant === undefined ? 'All that there are: the same command without a name' : `Did you mean ${meant}?`,
  });
}

type StoreName = Pick<Store, 'kind' | 'place'>;

/** The captures of which a store has tarballs; of one name, those of different times are different captures. */
export function toSummaries(store: StoreName, tarballs: readonly StoredTarball[]): CaptureSummary[] {
  const captures = Map.groupBy(tarballs, ({ name, result }) => `${result.capture} ${timeIn(name)}`);
  const summaries = [...captures.values()].map((of): CaptureSummary => {
    const nodes = of.map((tarball) => toNode(store, tarball));
    return {
      name: of[0]?.result.capture ?? '',
      namespace: '',
      createdAt: new Date(Math.min(...of.map(({ result }) => Date.parse(result.startedAt)))),
      state: nodes.some(({ phase }) => phase === 'failed') ? 'Failed' : 'Completed',
      ending: false,
      labels: {},
      nodes: nodes.sort((a, b) => (a.node < b.node ? -1 : 1)),
    };
  });
  const key = ({ name, createdAt }: CaptureSummary): string => `${name} ${createdAt.toISOString()}`;
  return summaries.sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

/** All nodes of a capture have one time in the names of their tarballs. */
function timeIn(name: string): string {
  return /-(\d{14}UTC)\.tar\.gz$/.exec(name)?.[1] ?? '';
}

function toNode(store: StoreName, { name, stored, result }: StoredTarball): NodeStatus {
  const { bytes } = result.tarball;
  const cut =
    stored === bytes ? undefined : `${store.place}/${name} has ${stored} bytes, and had ${bytes} when it was captured`;
  const problem = cut ?? (result.errors.length === 0 ? undefined : resultProblem(result));
  const { rescued: _elsewhere, ...told } = result;
  return {
    ...{ node: result.node, job: '', pod: undefined, hint: undefined, mayStart: false, serviceAccount: undefined },
    ...{ begins: result.startAt === undefined ? undefined : new Date(result.startAt), ready: false },
    ...{ endedBy: undefined, scratchPlaces: [], clockOffsetMs: undefined },
    ...{ hostPath: undefined, filter: undefined, image: undefined, destinations: [] },
    phase: problem === undefined ? 'completed' : 'failed',
    problem,
    result: { ...told, destinations: [{ kind: store.kind, location: `${store.place}/${name}`, ok: true }] },
    stem: name.replace(/\.tar\.gz$/, ''),
  };
}
