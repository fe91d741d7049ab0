import { ClusterError } from '../errors.ts';
import type { Cluster, Pod } from '../kube/cluster.ts';
import { type PodFact, podFact } from './facts.ts';
import { endOfJob } from './job-end.ts';
import { isOurs } from './names.ts';
import { selectorOf } from './selector.ts';
import { TARGET_KINDS, type TargetKind, type TargetObject } from './target-kinds.ts';

/** What the cluster holds of one object that was named as a target. */
export type FoundObject = {
  object: TargetObject;
  /** Null where it is there; else the names of its kind that are, undefined where they may not be read. */
  instead: readonly string[] | undefined | null;
  pods: readonly PodFact[];
  /** Addresses behind a service that belong to no pod of the namespace. */
  strangers: readonly string[];
};

type Reads = Pick<Cluster, 'list' | 'get' | 'namespace'>;
/** Kinds whose pods are found by a selector and their owner. */
type WorkloadKind = Exclude<TargetKind, 'pod' | 'service' | 'node'>;
type Controller = Owned & { spec?: { selector?: Parameters<typeof selectorOf>[0] } };
type Owned = { metadata?: { uid?: string; ownerReferences?: readonly { uid: string; controller?: boolean }[] } };

/** Reads the objects that a capture is aimed at, and their pods; of nodes nothing, for those are read anyway. */
export async function readObjects(objects: readonly TargetObject[], cluster: Reads): Promise<FoundObject[]> {
  const { namespace } = cluster;
  let listed: Promise<Pod[]> | undefined;
  const allPods = (): Promise<Pod[]> => (listed ??= cluster.list('pods', { namespace }));
  const read = async ({ kind, name }: TargetObject): Promise<FoundObject> => {
    const object = { kind, name };
    if (kind === 'node') return { object, instead: null, pods: [], strangers: [] };
    if (kind === 'pod') return namedPod(object, await allPods());
    if (kind === 'service') return readService(object, cluster, allPods);
    return readWorkload({ kind, name }, cluster);
  };
  return Promise.all(objects.map(read));
}

function namedPod(object: TargetObject, pods: readonly Pod[]): FoundObject {
  const own = pods.filter((pod) => pod.metadata?.name === object.name);
  const instead = own.length > 0 ? null : namesOf(pods.filter((pod) => !isOurs(pod)));
  return { object, instead, pods: own.map(podFact), strangers: [] };
}

async function readWorkload(object: { kind: WorkloadKind; name: string }, cluster: Reads): Promise<FoundObject> {
  const parent = await cluster.get(TARGET_KINDS[object.kind].plural, cluster.namespace, object.name);
  if (parent === undefined) return missing(object, cluster);
  const pods = await readPods(object.kind, parent as Controller, cluster);
  return { object, instead: null, pods: pods.map(podFact), strangers: [] };
}

/** Labels narrow what is read, and owners decide: pods of another controller may have the same labels. */
async function readPods(kind: WorkloadKind, parent: Controller, cluster: Reads): Promise<Pod[]> {
  const { namespace } = cluster;
  if (kind === 'cronjob') {
    const jobs = owned(await cluster.list('jobs', { namespace }), [parent]);
    const lists = await Promise.all(
      jobs.filter((job) => endOfJob(job) === undefined).map((job) => readPods('job', job, cluster)),
    );
    return lists.flat();
  }
  const labels = selectorOf(parent.spec?.selector ?? {});
  const [sets, pods] = await Promise.all([
    kind === 'deployment' ? cluster.list('replicasets', { namespace, labels }) : [],
    cluster.list('pods', { namespace, labels }),
  ]);
  return owned(pods, kind === 'deployment' ? owned(sets, [parent]) : [parent]);
}

function owned<T extends Owned>(children: readonly T[], owners: readonly Owned[]): T[] {
  const uids = new Set(owners.map((owner) => owner.metadata?.uid));
  return children.filter((child) =>
    child.metadata?.ownerReferences?.some(({ controller, uid }) => controller === true && uids.has(uid)),
  );
}

/** The pods behind a service: whoever answers for it, ready or not, with or without a selector. */
async function readService(
  object: TargetObject,
  cluster: Reads,
  allPods: () => Promise<readonly Pod[]>,
): Promise<FoundObject> {
  const { namespace } = cluster;
  const service = await cluster.get('services', namespace, object.name);
  if (service === undefined) return missing(object, cluster);
  const labels = `kubernetes.io/service-name=${object.name}`;
  const slices = await cluster.list('endpointslices', { namespace, labels });
  const endpoints = slices.flatMap((slice) => slice.endpoints ?? []);
  const there = endpoints.length > 0 ? (await allPods()).map(podFact) : [];
  const found = endpoints.map(({ addresses, targetRef }) => {
    const named = targetRef?.kind === 'Pod' && (targetRef.namespace ?? namespace) === namespace;
    const pod = there.find((each) =>
      named ? each.name === targetRef.name : !each.hostNetwork && each.addresses.some((ip) => addresses.includes(ip)),
    );
    return { pod, addresses };
  });
  return {
    object,
    instead: null,
    // A pod with two families of addresses is in a slice of each.
    pods: [...new Set(found.flatMap(({ pod }) => pod ?? []))],
    strangers: [...new Set(found.flatMap(({ pod, addresses }) => (pod === undefined ? addresses : [])))].sort(),
  };
}

async function missing(object: TargetObject, cluster: Reads): Promise<FoundObject> {
  const { namespace } = cluster;
  try {
    const others = await cluster.list(TARGET_KINDS[object.kind].plural, { namespace });
    return { object, instead: namesOf(others), pods: [], strangers: [] };
  } catch (error) {
    // Whoever may read this one object, but not list all, gets no hint.
    if (!(error instanceof ClusterError && error.status === 403)) throw error;
    return { object, instead: undefined, pods: [], strangers: [] };
  }
}

function namesOf(objects: readonly { metadata?: { name?: string } }[]): string[] {
  return objects.map(({ metadata }) => metadata?.name ?? '');
}
