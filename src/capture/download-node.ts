import { join } from 'node:path';
import { CaptureError } from '../errors.ts';
import type { Cluster } from '../kube/cluster.ts';
import { digestOnNode, type ExpectedFile, fetchFile, findOnNode, type Place, PodLostError } from './download.ts';
import { NoDirectoryError, withDownloadPod } from './download-pod.ts';
import { isComplete, type LocalPath, openPart } from './part-file.ts';
import type { Source } from './sources.ts';
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
  /** Tells this run's Jobs from those of another. */
  id: string;
  /** Takes what happens, a line each. */
  note: (line: string) => void;
  size: (bytes: number) => string;
};

/** What one node yielded; nothing it has is thrown away because another node fails. */
export type Yield = { node: string; files: { path: string; bytes: number }[]; error: unknown };

/** Fetches the tarballs of a capture from one node, each verified. Never rejects: what failed is in the answer. */
export async function downloadFromNode(order: DownloadOrder, source: Source): Promise<Yield> {
  const files = new Map<string, { path: string; bytes: number }>();
  const take = (path: string, file: ExpectedFile): void => void files.set(file.name, { path, bytes: file.bytes });
  const { node, expected } = source;
  let error: unknown;
  try {
    if (expected !== undefined && (await isComplete(order.directory, expected))) {
      order.note(`${node}: ${expected.name} is already here, and whole`);
      take(join(order.directory, expected.name), expected);
    } else {
      await withPods(order, source, (place) => fetchAll(order, source, { place, take }));
    }
  } catch (failure) {
    // A node that has never captured is no failure when all nodes are searched for a deleted capture.
    const searched = source.searched && failure instanceof NoDirectoryError;
    error = searched ? undefined : failure;
  }
  return { node, files: [...files.values()], error };
}

/** Runs an action beside a download pod, and again beside another one when the pod was lost. */
async function withPods(order: DownloadOrder, source: Source, action: (place: Place) => Promise<void>): Promise<void> {
  const { cluster, signal } = order;
  const { node, hostPath, claim } = source;
  const image = order.image(source.image);
  for (let pods = 1; ; pods += 1) {
    const id = pods === 1 ? order.id : `${order.id}${pods}`;
    const job = { capture: order.capture, namespace: cluster.namespace, node, hostPath, claim, image, id };
    try {
      return await withDownloadPod(cluster, job, signal, (pod) => action({ cluster, pod, node, signal }));
    } catch (error) {
      if (!(error instanceof PodLostError) || pods === MAX_PODS) throw error;
      order.note(`${node}: the download pod ended too early; going on with another`);
    }
  }
}

type Fetching = { place: Place; take: (path: string, file: ExpectedFile) => void };

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
  const [first, ...more] = failures;
  if (first === undefined) return;
  const others = more.map((failure) => `; ${failure.message}`).join('');
  throw new CaptureError(`${first.message}${others}`, { hint: first.hint, cause: first });
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
    const from = part.size() > 0 ? `, going on from ${size(part.size())}` : '';
    note(`${place.node}: ${file.name}, ${size(file.bytes)}${from}`);
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
