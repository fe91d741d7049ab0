import { join } from 'node:path';
import { CaptureError, ClusterError } from '../errors.ts';
import type { Cluster } from '../kube/cluster.ts';
import {
  digestOnNode,
  type ExpectedFile,
  fetchFile,
  findOnNode,
  findPartialsOnNode,
  type Place,
  PodLostError,
} from './download.ts';
import { NoDirectoryError, PodLeftError, withDownloadPod } from './download-pod.ts';
import { isComplete, type LocalPath, openPart } from './part-file.ts';
import type { StoreSpec } from './places.ts';
import type { NodePath } from './request.ts';
import type { DirectoryWay, Source } from './sources.ts';
import type { PodImage } from './status.ts';

/** Pods that are started on one node, one after the other, before its download is given up. */
const MAX_PODS = 3;

/** What is fetched, and to where. */
export type DownloadOrder = {
  cluster: Cluster;
  signal: AbortSignal;
  capture: string;
  directory: LocalPath;
  /** The image to run on a node whose capture ran this one; undefined where that is unknown. */
  image: (own: PodImage | undefined) => PodImage;
  /** Fetches a source's tarball from a store, without a pod. */
  fromStore: (at: StoreSpec, source: Source) => Promise<[path: string, file: ExpectedFile]>;
  /** Whether what unfinished captures have left is wanted, where there is no whole tarball. */
  partial: boolean;
  /** Tells this run's Jobs from those of another. */
  id: string;
  /** Takes what happens, a line each. */
  note: (line: string) => void;
  size: (bytes: number) => string;
};

/** What one node yielded; nothing it has is thrown away because another node fails. */
export type Yield = { node: string; files: Fetched[]; error: unknown };
/** A file that is here now; one that is partial is told with its packets. */
export type Fetched = { path: string; bytes: number; packets: number | undefined };

/**
 * Fetches the tarballs of a capture from one node, each verified; where one is missing and that is wanted, what it has left
 * unfinished. Never rejects: what failed is in the answer, and a capture that is unfinished has failed.
 */
export async function downloadFromNode(order: DownloadOrder, source: Source): Promise<Yield> {
  const files = new Map<string, Fetched>();
  const take: Take = (path, file) =>
    void files.set(file.name, { path, bytes: file.bytes, packets: file.partial?.packets });
  const error = await failureOf(() => fetchWhole(order, source, take));
  const isLacking = error !== undefined || source.searched;
  if (!order.partial || !isLacking || order.signal.aborted)
    return { node: source.node, files: [...files.values()], error };
  const unfinished = await failureOf(() => fetchPartials(order, source, { whole: new Set(files.keys()), take }));
  return { node: source.node, files: [...files.values()], error: joined(error, unfinished) };
}

async function failureOf(action: () => Promise<void>): Promise<unknown> {
  try {
    await action();
    return undefined;
  } catch (error) {
    return error;
  }
}

function joined(first: unknown, second: unknown): unknown {
  const known = (error: unknown) => error instanceof CaptureError || error instanceof ClusterError;
  return known(first) && known(second) ? asOne([first, second]) : (first ?? second);
}

async function fetchWhole(order: DownloadOrder, source: Source, take: Take): Promise<void> {
  const { node, expected, lacking, searched } = source;
  if (lacking !== undefined) throw new CaptureError(`node ${node} ${lacking}`);
  if (expected !== undefined && (await isComplete(order.directory, expected))) {
    order.note(`${node}: ${expected.name} is already here, and whole`);
    return take(join(order.directory, expected.name), expected);
  }
  try {
    await fetchAnyWay(order, source, take);
  } catch (error) {
    // A node that has never captured is no failure when all nodes are searched for a deleted capture.
    if (!(searched && error instanceof NoDirectoryError)) throw error;
  }
}

/** Fetches what the node has of the capture that is no whole tarball; throws a CaptureError that tells what there was. */
async function fetchPartials(
  order: DownloadOrder,
  source: Source,
  { whole, take }: { whole: ReadonlySet<string>; take: Take },
): Promise<void> {
  const { node, scratchPlaces, ways, tarball, searched } = source;
  let found = 0;
  const action = async (place: Place): Promise<void> => {
    for (const file of await findPartialsOnNode(place, order.capture)) {
      const name = file.name.replace(/\.partial\.tar\.gz$/, '.tar.gz');
      // Killed after it had delivered, or another run of the same name.
      if (whole.has(name) || (tarball !== undefined && !name.startsWith(tarball.replace(/\.tar\.gz$/, '')))) continue;
      take(await fetchOne(order, place, file), file);
      found += 1;
    }
  };
  for (const [index, hostPath] of scratchPlaces.entries()) {
    const way: DirectoryWay = { kind: 'directory', hostPath: hostPath as NodePath };
    try {
      await withPods(order, source, { way, index: ways.length + index, action });
    } catch (error) {
      if (!(error instanceof NoDirectoryError)) throw error;
    }
  }
  if (found > 0)
    throw new CaptureError(`node ${node} had not ended its capture: what it had written is fetched, and no more`);
  if (!searched) throw new CaptureError(`nothing of it lies on node ${node} in ${scratchPlaces.join(' or ')}`);
}

type Take = (path: string, file: ExpectedFile) => void;

/** Takes the first way that works; where none does, the failure tells of all. */
async function fetchAnyWay(order: DownloadOrder, source: Source, take: Take): Promise<void> {
  const failures: (CaptureError | ClusterError)[] = [];
  for (const [index, way] of source.ways.entries()) {
    try {
      if (way.kind === 'store') return take(...(await order.fromStore(way.at, source)));
      return await withPods(order, source, { way, index, action: (place) => fetchAll(order, source, { place, take }) });
    } catch (error) {
      const known = error instanceof CaptureError || error instanceof ClusterError;
      if (!known || error instanceof PodLeftError || order.signal.aborted) throw error;
      if (index < source.ways.length - 1) order.note(`${source.node}: ${error.message}; trying the next destination`);
      failures.push(error);
    }
  }
  throw asOne(failures);
}

/** Several failures as one, with every hint once. */
function asOne(failures: readonly (CaptureError | ClusterError)[]): Error {
  const [first, ...more] = failures;
  if (first === undefined || more.length === 0) return first ?? new CaptureError('there is no place to fetch from');
  const hints = new Set(failures.flatMap(({ hint }) => hint ?? []));
  const message = failures.map((failure) => failure.message).join('; ');
  return new CaptureError(message, { hint: hints.size === 0 ? undefined : [...hints].join('\n'), cause: first });
}

type Visit = { way: DirectoryWay; index: number; action: (place: Place) => Promise<void> };

/** Runs an action beside a download pod, and again beside another one when the pod was lost. */
async function withPods(order: DownloadOrder, source: Source, { way, index, action }: Visit): Promise<void> {
  const { cluster, signal } = order;
  const { node } = source;
  const { hostPath, claim } = way;
  const image = order.image(source.image);
  for (let pods = 1; ; pods += 1) {
    const id = `${order.id}${pods === 1 ? '' : pods}${index === 0 ? '' : `-${index}`}`;
    const job = { capture: order.capture, namespace: cluster.namespace, node, hostPath, claim, image, id };
    try {
      return await withDownloadPod(cluster, job, signal, (pod) => action({ cluster, pod, node, signal }));
    } catch (error) {
      if (!(error instanceof PodLostError) || pods === MAX_PODS) throw error;
      order.note(`${node}: the download pod ended too early; going on with another`);
    }
  }
}

type Fetching = { place: Place; take: Take };

async function fetchAll(order: DownloadOrder, source: Source, { place, take }: Fetching): Promise<void> {
  const failures: CaptureError[] = [];
  for (const file of await filesOf(order, source, place)) {
    try {
      take(await fetchOne(order, place, file), file);
    } catch (error) {
      // One damaged tarball is no reason to leave the next one where it is.
      if (!(error instanceof CaptureError) || error instanceof PodLostError) throw error;
      failures.push(error);
    }
  }
  if (failures.length > 0) throw asOne(failures);
}

/** The files to fetch: the one that is known, the one whose name is known, or what the node has of the capture. */
async function filesOf(order: DownloadOrder, source: Source, place: Place): Promise<ExpectedFile[]> {
  if (source.expected !== undefined) return [source.expected];
  const found = await findOnNode(place, order.capture);
  const { tarball } = source;
  const wanted = tarball === undefined ? found : found.filter(({ name }) => name === tarball);
  // Another tool's tarball may be named in its own way.
  if (tarball !== undefined && wanted.length === 0) return [await digestOnNode(place, tarball)];
  const files: ExpectedFile[] = [];
  for (const { name, bytes, sha256 } of wanted) {
    files.push(sha256 === null ? await digestOnNode(place, name) : { name, bytes, sha256 });
  }
  return files;
}

async function fetchOne(order: DownloadOrder, place: Place, file: ExpectedFile): Promise<LocalPath> {
  const { note, size } = order;
  if (await isComplete(order.directory, file)) {
    note(`${place.node}: ${file.name} is already here, and whole`);
    return join(order.directory, file.name) as LocalPath;
  }
  const part = await openPart(order.directory, file);
  try {
    const left =
      file.partial === undefined ? '' : `, ${file.partial.packets} packets of a capture that did not come to its end`;
    const from = part.size() > 0 ? `, going on from ${size(part.size())}` : '';
    note(`${place.node}: ${file.name}, ${size(file.bytes)}${left}${from}`);
    await fetchFile(place, file, part, (what) =>
      note(
        what === 'resumed'
          ? `${place.node}: the stream was cut; going on from ${size(part.size())}`
          : `${place.node}: the part that was here is of another file; fetching it anew`,
      ),
    );
    return await part.finish();
  } finally {
    await part.close();
  }
}
