import pMap from 'p-map';
import { type DownloadOrder, downloadFromNode, type Fetched, type Yield } from '../capture/download-node.ts';
import { PodLeftError } from '../capture/download-pod.ts';
import type { LocalPath } from '../capture/part-file.ts';
import type { NodePath } from '../capture/request.ts';
import { findSources, type Sources } from '../capture/sources.ts';
import type { PodImage } from '../capture/status.ts';
import type { Deps } from '../deps.ts';
import { CaptureError, ClusterError, InterruptedError, messageOf } from '../errors.ts';
import type { Cluster, ConnectionOptions } from '../kube/cluster.ts';
import { downloadNames, type NameFlags, type Wanted, wantedCaptures } from './download-names.ts';
import { Problems, parseNames, parseNodePath, throwProblems } from './flags.ts';
import { type ImageFlags, toOwnImage } from './job-flags.ts';
import { capturesThere, requireNodes } from './name-argument.ts';
import { count, plural, size } from './render.ts';
import { DEFAULT_HOST_PATH, DEFAULT_HOST_PATH_BASE } from './run-rows.ts';
import { namesStore, type StoreFlags } from './store-flags.ts';

/** Nodes that are fetched from at once. */
const NODES_AT_ONCE = 4;

export type DownloadFlags = ConnectionOptions &
  ImageFlags &
  StoreFlags &
  NameFlags & { output?: string; hostPath?: string; nodeNames?: string; partial?: boolean };

type Settings = {
  hostPath: NodePath;
  /** Whether each capture is told by its name. */
  several: boolean;
  /** Whether what unfinished captures have left is wanted. */
  partial: boolean;
  /** The image for a capture's pod that has this one; undefined where that is unknown. */
  image: (own: PodImage | undefined) => PodImage;
};

/** `capture download`: fetches the tarballs of captures and verifies them. Exit code 1 when one is missing. */
export async function download(deps: Deps, args: readonly string[], flags: DownloadFlags): Promise<number> {
  const problems = new Problems();
  if (namesStore(flags)) {
    if (flags.partial === true) problems.found.push('--partial is of what nodes have: it does not go with a store');
    throwProblems(problems, 'downloaded');
    return (await import('./download-store.ts')).downloadFromStore(deps, args, flags);
  }
  const hostPath = problems.parse(
    '--host-path',
    flags.hostPath ?? DEFAULT_HOST_PATH,
    parseNodePath(DEFAULT_HOST_PATH_BASE),
  );
  const nodes = problems.parse('--node-names', flags.nodeNames, parseNames);
  const image = toOwnImage(flags, problems, deps.env);
  throwProblems(problems, 'downloaded');
  const names = downloadNames(args, flags);
  const cluster = await deps.connect(flags);
  const wanted = await wantedCaptures(cluster, flags, { names, output: flags.output ?? '.', nodes });
  if (wanted.length === 0) {
    deps.ui.note(`There are no captures${flags.allNamespaces === true ? '' : ` in namespace ${cluster.namespace}`}.`);
  }
  const several = names === undefined || names.length > 1;
  const settings = {
    hostPath: hostPath ?? (DEFAULT_HOST_PATH as NodePath),
    image,
    several,
    partial: flags.partial === true,
  };
  return await downloadEach(deps, wanted, settings);
}

/** Goes on to the next capture when one fails; one alone tells its failure as the command's. */
async function downloadEach(deps: Deps, wanted: readonly Wanted[], settings: Settings): Promise<number> {
  let whole = 0;
  for (const one of wanted) {
    try {
      if (await downloadCapture(deps, one, settings)) whole += 1;
    } catch (error) {
      const known = error instanceof CaptureError || error instanceof ClusterError;
      if (!settings.several || !known) throw error;
      deps.ui.outcome(false, `${one.label}: ${failureText(error)}`);
    }
  }
  const good = whole === wanted.length;
  if (wanted.length > 1) deps.ui.outcome(good, `${whole} of ${plural(wanted.length, 'capture')} downloaded whole`);
  return good ? 0 : 1;
}

async function downloadCapture(deps: Deps, wanted: Wanted, settings: Settings): Promise<boolean> {
  const { ui, signal } = deps;
  const { cluster, capture, nodes } = wanted;
  const sources = await findSources(cluster, capture, { ...settings, nodes });
  if (!sources.known && nodes !== undefined) await requireNodes(cluster, nodes);
  if (!sources.known) tellSearch(deps, cluster, { capture, settings, sources });
  const order: DownloadOrder = {
    ...{ cluster, signal, capture, size, image: settings.image, partial: settings.partial },
    directory: wanted.directory as LocalPath,
    id: deps.newId(),
    note: ui.note,
    fromStore: async (at, source) =>
      (await import('./download-remote.ts')).fetchFromStore(deps, wanted, { at, source }),
  };
  const left = 'its pods may be left, and go by themselves after a minute; the same command goes on from where it was';
  const yields = await deps.mayLeave(left, () =>
    pMap(sources.found, (source) => downloadFromNode(order, source), { concurrency: NODES_AT_ONCE }),
  );
  const files = yields.flatMap((got) => got.files.map((file) => ({ node: got.node, ...file })));
  if (files.length > 0) await ui.printTable(files.map(fileRow));
  if (signal.aborted) throw interrupted(yields);
  const failures = [
    ...sources.missing.map(({ node, why }) => `node ${node} ${why}`),
    ...yields.flatMap((got) => (got.error === undefined ? [] : [failureText(got.error)])),
  ];
  if (files.length === 0 && failures.length === 0) {
    throw new CaptureError(`no file of a capture ${capture} was found in ${settings.hostPath} on any node`, {
      hint: `${await capturesThere(cluster)}\nWas it written elsewhere? Name its directory with --host-path, its namespace with -n, or its store with --s3-bucket … or --blob-url ….`,
    });
  }
  const good = failures.length === 0;
  const rest = good ? '' : `, ${count(failures.length)} not`;
  const whose = settings.several ? `${wanted.label}: ` : '';
  const partial = files.filter(({ packets }) => packets !== undefined).length;
  const unfinished = partial === 0 ? '' : `, ${count(partial)} partial`;
  ui.outcome(good, `${whose}${plural(files.length - partial, 'tarball')} downloaded and verified${unfinished}${rest}`);
  for (const failure of failures) ui.note(`  ${failure}`);
  return good;
}

function fileRow({ node, path, bytes, packets }: Fetched & { node: string }): string[] {
  const row = [node, path, size(bytes)];
  return packets === undefined ? row : [...row, `partial: ${plural(packets, 'packet')}`];
}

type Search = { capture: string; settings: Settings; sources: Sources };

function tellSearch({ ui }: Deps, cluster: Cluster, { capture, settings, sources }: Search): void {
  const where = `${settings.hostPath} on ${plural(sources.found.length, 'node')}`;
  ui.note(`There is no capture ${capture} in namespace ${cluster.namespace}; looking for its files in ${where}`);
  const { unreachable } = sources;
  if (unreachable.length > 0) ui.warn(`not looked for on nodes that are not Ready: ${unreachable.join(', ')}`);
}

/** What is kept, and what could not be removed. */
function interrupted(yields: readonly Yield[]): InterruptedError {
  const left = yields.flatMap(({ error }) => (error instanceof PodLeftError ? [failureText(error)] : []));
  const pods = left.length === 0 ? 'its pods are removed' : left.join('\n  ');
  return new InterruptedError(`download interrupted; ${pods}`, 'The same command goes on from where it was.');
}

function failureText(error: unknown): string {
  const known = error instanceof CaptureError || error instanceof ClusterError;
  return `${messageOf(error)}${known && error.hint !== undefined ? `\n    ${error.hint.replaceAll('\n', '\n    ')}` : ''}`;
}
