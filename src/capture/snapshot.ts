import { ClusterError } from '../errors.ts';
import type { Cluster, Job } from '../kube/cluster.ts';
import { type NodeFact, nodeFact, type PodFact, podFact } from './facts.ts';
import { captureSelector, isOurs } from './names.ts';
import { type Lack, readLacks } from './read-lacks.ts';
import { type FoundObject, readObjects } from './read-objects.ts';
import type { CaptureRequest, CaptureTarget } from './request.ts';
import { readStorage, type StorageFacts } from './storage.ts';
import type { Labelled } from './suggest.ts';

/** What is there instead of what a selector asked for; undefined where it was not looked at or may not be. */
export type Others = {
  nodes?: readonly Labelled[];
  pods?: readonly Labelled[];
  namespaces?: readonly Labelled[];
};

/** The cluster as it was when a capture was planned. */
export type Snapshot = {
  readonly namespace: string;
  /** The nodes that the target can mean; undefined where the user may not read nodes. */
  readonly nodes: readonly NodeFact[] | undefined;
  /** The pods that the target can mean; empty where nodes are the target. */
  readonly pods: readonly PodFact[];
  /** The namespaces in which pods were looked for; undefined for all. */
  readonly searched: readonly string[] | undefined;
  /** The objects that the target names; empty where it names none. */
  readonly objects: readonly FoundObject[];
  /** Where the target's selector matches nothing, what it could have meant; empty otherwise. For the error's hint. */
  readonly others: Others;
  /** What the settings of the Jobs name, and is not there. */
  readonly lacks: readonly Lack[];
  /** Jobs of captures with the name that was asked for. */
  readonly sameName: readonly Job[];
  readonly storage: StorageFacts;
};

/**
 * Reads everything that planning a capture needs, once, in parallel. Where nothing will be asked to be created
 * (`creating` is false), whether the name is taken is of no matter: as in kubectl, a client dry run does not ask.
 */
export async function readSnapshot(
  request: CaptureRequest,
  cluster: Cluster,
  { creating = true }: { creating?: boolean } = {},
): Promise<Snapshot> {
  const parts = startReading(request, cluster, creating);
  const [nodes, found, objects, lacks, sameName, storage] = await Promise.all([
    parts.nodes,
    parts.found,
    parts.objects,
    parts.lacks,
    parts.sameName,
    parts.storage,
  ]);
  const others = await readOthers(request.target, cluster, { nodes, objects, ...found });
  return { namespace: cluster.namespace, nodes, ...found, objects, others, lacks, sameName, storage };
}

/** A snapshot without what the user may not read, and whether the target is in it. */
export type PartialSnapshot = { snapshot: Snapshot; targetRead: boolean };

/** Reads what the user may read of the same; any other failure than a refusal rejects. */
export async function readSnapshotAsAllowed(request: CaptureRequest, cluster: Cluster): Promise<PartialSnapshot> {
  const parts = startReading(request, cluster, true);
  let targetRead = true;
  const ofTarget = async <T>(reading: Promise<T>): Promise<T | undefined> => {
    const value = await reading.catch(forbiddenIsNull);
    if (value === null) targetRead = false;
    return value ?? undefined;
  };
  const [nodes, found = { pods: [], searched: [] }, objects = [], lacks, sameName, storage] = await Promise.all([
    ofTarget(parts.nodes),
    ofTarget(parts.found),
    ofTarget(parts.objects),
    parts.lacks,
    parts.sameName.catch(forbiddenIsNull),
    parts.storage,
  ]);
  const others = (await readOthers(request.target, cluster, { nodes, objects, ...found }).catch(forbiddenIsNull)) ?? {};
  const { namespace } = cluster;
  return {
    snapshot: { namespace, nodes, ...found, objects, others, lacks, sameName: sameName ?? [], storage },
    targetRead,
  };
}

function startReading(request: CaptureRequest, cluster: Cluster, creating: boolean) {
  const { target, name, job, destinations } = request;
  return {
    nodes: readNodes(target, cluster),
    found: readPods(target, cluster),
    objects: readObjects(target.kind === 'objects' ? target.objects : [], cluster),
    lacks: readLacks(job, cluster),
    sameName: creating
      ? cluster.list('jobs', { namespace: cluster.namespace, labels: captureSelector(name) })
      : NO_JOBS,
    storage: readStorage(destinations, cluster, job.imagePullSecrets),
  };
}

const NO_JOBS: Promise<readonly Job[]> = Promise.resolve([]);

type Found = Pick<Snapshot, 'nodes' | 'pods' | 'searched' | 'objects'>;

/** Reads what a selector that matched nothing could have meant; nothing otherwise. */
async function readOthers(target: CaptureTarget, cluster: Cluster, found: Found): Promise<Others> {
  if (target.kind === 'nodes') return found.nodes?.length === 0 ? { nodes: await labelled(cluster, 'nodes') } : {};
  if (target.kind === 'node-names' || found.pods.length > 0) return {};
  if (target.kind === 'objects' && found.objects.every(({ instead }) => instead === null)) return {};
  const namespaces = await labelled(cluster, 'namespaces').catch(forbiddenIsUnknown);
  const places = target.kind === 'objects' ? [] : (found.searched ?? [undefined]);
  const lists = await Promise.all(places.map((namespace) => labelled(cluster, 'pods', namespace)));
  return { pods: lists.flat(), ...(namespaces === undefined ? {} : { namespaces }) };
}

async function labelled(
  cluster: Pick<Cluster, 'list'>,
  kind: 'nodes' | 'pods' | 'namespaces',
  namespace?: string,
): Promise<Labelled[]> {
  const objects = await cluster.list(kind, { namespace });
  const others = objects.filter((object) => !isOurs(object));
  return others.map(({ metadata }) => ({ name: metadata?.name ?? '', labels: metadata?.labels ?? {} }));
}

/** Hints are told to those who may read what they need. */
function forbiddenIsUnknown(error: unknown): undefined {
  if (error instanceof ClusterError && error.status === 403) return undefined;
  throw error;
}

function forbiddenIsNull(error: unknown): null {
  return forbiddenIsUnknown(error) ?? null;
}

async function readNodes(target: CaptureTarget, cluster: Cluster): Promise<NodeFact[] | undefined> {
  const labels = target.kind === 'nodes' ? target.selector : undefined;
  try {
    return (await cluster.list('nodes', { labels })).map(nodeFact);
  } catch (error) {
    // Whoever has rights in one namespace only can still capture its pods: their nodes are named in them.
    const forbidden = error instanceof ClusterError && error.status === 403;
    if (forbidden && !needsNodes(target)) return undefined;
    throw error;
  }
}

function needsNodes(target: CaptureTarget): boolean {
  if (target.kind === 'objects') return target.objects.some(({ kind }) => kind === 'node');
  return target.kind === 'nodes' || target.kind === 'node-names';
}

async function readPods(target: CaptureTarget, cluster: Cluster): Promise<Pick<Found, 'pods' | 'searched'>> {
  switch (target.kind) {
    case 'nodes':
    case 'node-names':
      return { pods: [], searched: [] };
    case 'objects':
      return { pods: [], searched: [cluster.namespace] };
    case 'pods-anywhere':
      return { pods: await podsOf(cluster, [undefined], target.selector), searched: undefined };
    case 'pod-names':
      return { pods: await podsOf(cluster, [cluster.namespace], undefined), searched: [cluster.namespace] };
    case 'pods': {
      const searched = await readSearched(target, cluster);
      return { pods: await podsOf(cluster, searched, target.selector), searched };
    }
    default:
      return target satisfies never;
  }
}

/** The namespaces in which a target's pods are looked for. */
export async function readSearched(
  { namespaces }: Extract<CaptureTarget, { kind: 'pods' }>,
  cluster: Pick<Cluster, 'list' | 'namespace'>,
): Promise<string[]> {
  if (namespaces === undefined) return [cluster.namespace];
  return (await cluster.list('namespaces', { labels: namespaces })).map(({ metadata }) => metadata?.name ?? '');
}

async function podsOf(
  cluster: Cluster,
  namespaces: readonly (string | undefined)[],
  labels: string | undefined,
): Promise<PodFact[]> {
  const lists = await Promise.all(namespaces.map((namespace) => cluster.list('pods', { namespace, labels })));
  // The pods of captures and downloads are no target of a selector: they would be captured in place of the traffic.
  return lists
    .flat()
    .filter((pod) => !isOurs(pod))
    .map(podFact);
}
