import { join } from 'node:path';
import pMap from 'p-map';
import { digestOnNode, type ExpectedFile, fetchFile, findOnNode, type Place } from '../capture/download.ts';
import { NoDirectoryError, withDownloadPod } from '../capture/download-pod.ts';
import { isComplete, type LocalPath, openPart } from '../capture/part-file.ts';
import type { NodePath } from '../capture/request.ts';
import { findSources, type Source } from '../capture/sources.ts';
import type { Deps } from '../deps.ts';
import { CaptureError, InterruptedError, messageOf } from '../errors.ts';
import type { Cluster, ConnectionOptions } from '../kube/cluster.ts';
import { type ImageFlags, throwProblems, toImage } from './capture-flags.ts';
import { Problems, parseNames, parseNodePath } from './flags.ts';
import { captureNames } from './name-argument.ts';
import { DEFAULT_HOST_PATH, DEFAULT_HOST_PATH_BASE } from './options.ts';
import { plural, size } from './render.ts';

/** Nodes that are fetched from at once. */
const NODES_AT_ONCE = 4;

export type DownloadFlags = ConnectionOptions &
  ImageFlags & { name?: string; output?: string; hostPath?: string; nodeNames?: string };

type Order = {
  capture: string;
  directory: LocalPath;
  hostPath: NodePath;
  nodes: readonly string[] | undefined;
  image: ReturnType<typeof toImage>;
};

/** What one node yielded; nothing it has is thrown away because another node fails. */
type Yield = { node: string; files: { path: string; bytes: number }[]; error: unknown };

/** `capture download`: fetches the tarballs of captures and verifies them. Exit code 1 when one is missing. */
export async function download(deps: Deps, args: readonly string[], flags: DownloadFlags): Promise<number> {
  const problems = new Problems();
  const hostPath = problems.parse(
    '--host-path',
    flags.hostPath ?? DEFAULT_HOST_PATH,
    parseNodePath(DEFAULT_HOST_PATH_BASE),
  );
  const nodes = problems.parse('--node-names', flags.nodeNames, parseNames);
  const image = toImage(flags, problems, deps.env);
  throwProblems(problems);
  const names = captureNames(args, flags.name);
  const cluster = await deps.connect(flags);
  let failed = false;
  for (const capture of names) {
    const directory = join(flags.output ?? '.', capture) as LocalPath;
    const order = { capture, directory, hostPath: hostPath ?? (DEFAULT_HOST_PATH as NodePath), nodes, image };
    failed = !(await downloadCapture(deps, cluster, order)) || failed;
  }
  return failed ? 1 : 0;
}

async function downloadCapture(deps: Deps, cluster: Cluster, order: Order): Promise<boolean> {
  const { ui } = deps;
  const sources = await findSources(cluster, order.capture, order);
  if (!sources.known) {
    const where = `${order.hostPath} on ${plural(sources.found.length, 'node')}`;
    ui.note(
      `There is no capture ${order.capture} in namespace ${cluster.namespace}; looking for its files in ${where}`,
    );
  }
  const id = deps.newId();
  const yields = await pMap(sources.found, (source) => fromNode(deps, cluster, order, { source, id }), {
    concurrency: NODES_AT_ONCE,
  });
  if (deps.signal.aborted) {
    throw new InterruptedError(
      'download interrupted; its pods are removed',
      'The same command goes on from where it was.',
    );
  }
  const files = yields.flatMap((got) => got.files.map((file) => ({ node: got.node, ...file })));
  const failures = [
    ...sources.missing.map(({ node, why }) => `node ${node} ${why}`),
    ...yields.flatMap((got) => (got.error === undefined ? [] : [failureText(got.error)])),
  ];
  if (files.length > 0) ui.printTable(files.map((file) => [file.node, file.path, size(file.bytes)]));
  if (files.length === 0 && failures.length === 0) {
    throw new CaptureError(`no file of a capture ${order.capture} was found in ${order.hostPath} on any node`, {
      hint: 'Was it written elsewhere? Name the directory with --host-path, or the namespace of the capture with -n.',
    });
  }
  const good = failures.length === 0;
  ui.outcome(
    good,
    `${plural(files.length, 'tarball')} downloaded and verified${good ? '' : `, ${failures.length} not`}`,
  );
  for (const failure of failures) ui.note(`  ${failure}`);
  return good;
}

function failureText(error: unknown): string {
  const hint = error instanceof CaptureError && error.hint !== undefined ? `\n    ${error.hint}` : '';
  return `${messageOf(error)}${hint}`;
}

async function fromNode(
  deps: Deps,
  cluster: Cluster,
  order: Order,
  from: { source: Source; id: string },
): Promise<Yield> {
  const { node, hostPath, expected } = from.source;
  const files: Yield['files'] = [];
  const { signal } = deps;
  try {
    if (expected !== undefined && (await isComplete(order.directory, expected))) {
      deps.ui.note(`${node}: ${expected.name} is already here, and whole`);
      return { node, files: [{ path: join(order.directory, expected.name), bytes: expected.bytes }], error: undefined };
    }
    const job = { ...order.image, capture: order.capture, namespace: cluster.namespace, node, hostPath, id: from.id };
    await withDownloadPod(cluster, job, signal, async (pod) => {
      const place: Place = { cluster, pod, node, signal };
      for (const file of expected === undefined ? await findExpected(place, order.capture) : [expected]) {
        files.push({ path: await fetchOne(deps, place, order, file), bytes: file.bytes });
      }
    });
    return { node, files, error: undefined };
  } catch (error) {
    // A node that has never captured is no failure when all nodes are searched for a deleted capture.
    const searched = expected === undefined && error instanceof NoDirectoryError;
    return { node, files, error: searched ? undefined : error };
  }
}

async function findExpected(place: Place, capture: string): Promise<ExpectedFile[]> {
  const found = await findOnNode(place, capture);
  return Promise.all(
    found.map(({ name, bytes, sha256 }) => (sha256 === null ? digestOnNode(place, name) : { name, bytes, sha256 })),
  );
}

async function fetchOne(deps: Deps, place: Place, order: Order, file: ExpectedFile): Promise<LocalPath> {
  const part = await openPart(order.directory, file.name);
  try {
    const start = part.size();
    deps.ui.note(
      `${place.node}: ${file.name}, ${size(file.bytes)}${start > 0 ? `, going on from ${size(start)}` : ''}`,
    );
    await fetchFile(place, file, part, () => undefined);
    return await part.finish();
  } finally {
    await part.close();
  }
}
