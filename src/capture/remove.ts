import { setTimeout as sleep } from 'node:timers/promises';
import pMap from 'p-map';
import { CaptureError, ClusterError, messageOf } from '../errors.ts';
import type { Cluster, DeleteOptions, Job, Pod, Secret, Selection } from '../kube/cluster.ts';
import { endOfJob } from './job-end.ts';
import { captureSelector, LABEL_CAPTURE, LABEL_DOWNLOAD_OF, LABEL_UPLOAD_OF } from './names.ts';

const IN_FLIGHT = 32;
/** Milliseconds between looks at what is still there. */
const POLL = 200;
/** Milliseconds beyond its time that a removal has for its last request. */
const MARGIN = 5000;

/** An object of ours. */
export type Found = { kind: 'jobs'; object: Job } | { kind: 'pods'; object: Pod } | { kind: 'secrets'; object: Secret };

/** An object that was removed, or would be, and the capture that it belonged to. */
export type Removed = { kind: Found['kind']; name: string; namespace: string; capture: string };

/** The Jobs, pods and Secrets of a selection. */
export async function findObjects(cluster: Pick<Cluster, 'list'>, selection: Selection): Promise<Found[]> {
  const [jobs, pods, secrets] = await Promise.all([
    cluster.list('jobs', selection),
    cluster.list('pods', selection),
    cluster.list('secrets', selection).catch(forbiddenIsEmpty),
  ]);
  return [
    ...jobs.map((object) => ({ kind: 'jobs' as const, object })),
    ...pods.map((object) => ({ kind: 'pods' as const, object })),
    ...secrets.map((object) => ({ kind: 'secrets' as const, object })),
  ];
}

/** Whoever may not read Secrets has not made any. */
function forbiddenIsEmpty(error: unknown): never[] {
  if (error instanceof ClusterError && error.status === 403) return [];
  throw error;
}

type Removal = {
  /** By which the objects were found. */
  selections: readonly Selection[];
  timeoutMs: number;
  signal: AbortSignal;
  /** The command that does it again. */
  again: string;
  /** Whether the objects are all that there is of the captures that they belong to. */
  whole?: boolean;
};

/**
 * Removes objects and waits until they are gone from the selections that they were found by: a pod that still captures
 * first bundles what it has. Throws a CaptureError that names what could not be removed.
 */
export async function removeObjects(anyTime: Cluster, objects: readonly Found[], removal: Removal): Promise<void> {
  const { timeoutMs, signal } = removal;
  const hint = `Run it again: ${removal.again}`;
  const deadline = Date.now() + timeoutMs;
  // What is still there is told in time; only a server that does not answer can take longer.
  const cluster = anyTime.withSignal(AbortSignal.any([signal, AbortSignal.timeout(timeoutMs + MARGIN)]));
  const over = uidsOver(objects);
  const gone = removal.whole === true ? await removeTogether(cluster, objects, over) : new Set<Found>();
  const single = objects.filter((found) => !gone.has(found));
  const failures = await requestRemoval(cluster, single, { dryRun: false, over });
  if (failures.length > 0) {
    signal.throwIfAborted();
    throw new CaptureError(`not everything was deleted: ${failures.join('; ')}`, { hint });
  }
  await untilGone(cluster, objects, { ...removal, deadline }).catch((error: unknown) => {
    signal.throwIfAborted();
    if (!(error instanceof ClusterError)) throw error;
    throw new CaptureError(`deletion was accepted, but whether all is gone is not known: ${error.message}`, {
      hint,
      cause: error,
    });
  });
}

/** Has the server say whether it would remove objects; what it would not is a CaptureError. */
export async function dryRunRemoval(cluster: Pick<Cluster, 'remove'>, objects: readonly Found[]): Promise<void> {
  const failures = await requestRemoval(cluster, objects, { dryRun: true, over: uidsOver(objects) });
  if (failures.length > 0) throw new CaptureError(`not everything would be deleted: ${failures.join('; ')}`);
}

/** Jobs and pods that have ended, as field selectors: the server picks by their state, so that nothing that runs is among them. */
const ENDED = {
  jobs: 'status.successful!=0',
  pods: 'status.phase!=Pending,status.phase!=Running,status.phase!=Unknown',
};

/** Removes the Jobs and pods of large captures that are over by a request for each kind; the answer is which. */
async function removeTogether(
  cluster: Pick<Cluster, 'removeAll'>,
  objects: readonly Found[],
  over: ReadonlySet<string | undefined>,
): Promise<ReadonlySet<Found>> {
  const gone = new Set<Found>();
  const take = async (kind: 'jobs' | 'pods', those: readonly Found[]): Promise<void> => {
    const { namespace, labels = {} } = those[0]?.object.metadata ?? {};
    const capture = labels[LABEL_CAPTURE];
    // So many go at a time, one by one.
    if (those.length <= IN_FLIGHT || capture === undefined) return;
    await cluster.removeAll(kind, { namespace, labels: captureSelector(capture), fields: ENDED[kind] });
    for (const each of those) gone.add(each);
  };
  for (const all of Map.groupBy(objects, ({ object }) => object.metadata?.labels?.[LABEL_CAPTURE]).values()) {
    const [jobs, pods] = (['jobs', 'pods'] as const).map((kind) => all.filter((found) => found.kind === kind));
    const mixed = jobs?.some(({ object }) => !over.has(object.metadata?.uid)) ?? true;
    // Pods that are not of these Jobs are not for this request.
    if (mixed || pods?.some(({ object }) => !over.has(jobOf(object)))) continue;
    try {
      await take('jobs', jobs?.filter(hasSucceeded) ?? []);
      await take('pods', pods?.filter(hasEnded) ?? []);
    } catch (error) {
      // Whoever may not, and whatever else is in the way: they are removed one by one.
      if (!(error instanceof ClusterError)) throw error;
    }
  }
  return gone;
}

function hasSucceeded(found: Found): boolean {
  return found.kind === 'jobs' && (found.object.status?.succeeded ?? 0) > 0;
}

function hasEnded(found: Found): boolean {
  return found.kind === 'pods' && ['Succeeded', 'Failed'].includes(found.object.status?.phase ?? '');
}

/** The UIDs of Jobs that have ended. */
function uidsOver(objects: readonly Found[]): ReadonlySet<string | undefined> {
  const ended = objects.filter((each) => each.kind === 'jobs' && endOfJob(each.object) !== undefined);
  return new Set(ended.map(({ object }) => object.metadata?.uid));
}

async function requestRemoval(
  cluster: Pick<Cluster, 'remove'>,
  objects: readonly Found[],
  { dryRun, over }: { dryRun: boolean; over: ReadonlySet<string | undefined> },
): Promise<string[]> {
  // Pods go with their Jobs: deleted alone, the Job's controller would count them as failures.
  const direct = objects.filter(({ kind, object }) => kind !== 'pods' || jobOf(object) === undefined);
  const failures: string[] = [];
  await pMap(
    direct,
    async (found) => {
      const propagation = over.has(found.object.metadata?.uid) ? 'Background' : 'Foreground';
      try {
        await removeOne(cluster, found, { propagation, dryRun });
      } catch (error) {
        if (!(error instanceof ClusterError)) throw error;
        failures.push(`${nameOf(found)}: ${messageOf(error)}`);
      }
    },
    { concurrency: IN_FLIGHT },
  );
  // The garbage collector removes 20 objects a second, in the whole cluster; of Jobs that are over, nobody counts the pods.
  const pods = objects.filter(({ kind, object }) => kind === 'pods' && over.has(jobOf(object)));
  if (!dryRun && failures.length === 0) await hasten(cluster, pods);
  return failures;
}

/** Removes pods that would go by themselves; whoever may not waits for the cluster to do it. */
async function hasten(cluster: Pick<Cluster, 'remove'>, pods: readonly Found[]): Promise<void> {
  await pMap(pods, (pod) => removeOne(cluster, pod, { propagation: 'Background', dryRun: false }), {
    concurrency: IN_FLIGHT,
  }).catch((error: unknown) => {
    if (!(error instanceof ClusterError)) throw error;
  });
}

function removeOne(
  cluster: Pick<Cluster, 'remove'>,
  { kind, object }: Found,
  options: Pick<DeleteOptions, 'propagation' | 'dryRun'>,
): Promise<boolean> {
  const { name = '', namespace = '', uid } = object.metadata ?? {};
  return cluster.remove(kind, namespace, name, { ...options, uid });
}

async function untilGone(
  cluster: Pick<Cluster, 'list'>,
  objects: readonly Found[],
  { selections, timeoutMs, signal, deadline }: Removal & { deadline: number },
): Promise<void> {
  const uids = new Set(objects.map(({ object }) => object.metadata?.uid));
  for (;;) {
    signal.throwIfAborted();
    const looked = Date.now();
    const there = (await Promise.all(selections.map((selection) => findObjects(cluster, selection)))).flat();
    const left = there.filter(({ object }) => uids.has(object.metadata?.uid));
    if (left.length === 0) return;
    if (Date.now() > deadline) {
      throw new CaptureError(
        `deletion was accepted, but after ${Math.round(timeoutMs / 1000)} s these are still there: ${left.map(nameOf).join(', ')}`,
        { hint: 'A pod on a node that does not answer stays until the node is back or removed: kubectl get nodes' },
      );
    }
    // Thousands of objects take as long to list.
    await sleep(Math.max(POLL, Date.now() - looked), undefined, { signal });
  }
}

/** The UID of the Job that owns an object; undefined where none does. */
export function jobOf({ metadata }: Found['object']): string | undefined {
  return metadata?.ownerReferences?.find((owner) => owner.kind === 'Job')?.uid;
}

/** The capture that an object was made for. */
export function captureOf({ metadata }: Found['object']): string {
  const { labels = {} } = metadata ?? {};
  return labels[LABEL_CAPTURE] ?? labels[LABEL_DOWNLOAD_OF] ?? labels[LABEL_UPLOAD_OF] ?? '';
}

function nameOf({ kind, object }: Found): string {
  return `${kind}/${object.metadata?.name}`;
}

/** Objects as they are told of, sorted by namespace, capture, kind and name. */
export function toRemoved(objects: readonly Found[]): Removed[] {
  const removed = objects.map(({ kind, object }) => {
    const { name = '', namespace = '' } = object.metadata ?? {};
    return { kind, name, namespace, capture: captureOf(object) };
  });
  const key = ({ namespace, capture, kind, name }: Removed): string => `${namespace} ${capture} ${kind} ${name}`;
  return removed.sort((a, b) => (key(a) < key(b) ? -1 : 1));
}
