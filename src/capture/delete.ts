import { setTimeout as sleep } from 'node:timers/promises';
import pMap from 'p-map';
import { CaptureError, ClusterError, messageOf } from '../errors.ts';
import type { Cluster, Job, Pod, Secret } from '../kube/cluster.ts';
import { captureSelector, LABEL_CAPTURE } from './names.ts';

const IN_FLIGHT = 32;
/** Milliseconds between looks at what is still there. */
const POLL = 200;
/** Milliseconds beyond its time that a deletion has for its last request. */
const MARGIN = 5000;

export type Removed = { kind: 'jobs' | 'pods' | 'secrets'; name: string; capture: string };

type Target = { kind: Removed['kind']; object: Job | Pod | Secret };

/**
 * Removes the Jobs, pods and Secrets of captures (undefined: of all in the namespace) and waits until they are gone: a
 * pod that still captures first bundles what it has, and its file stays on the node. Returns what was removed, sorted.
 */
export async function deleteCaptures(
  anyTime: Cluster,
  names: readonly string[] | undefined,
  options: { timeoutMs: number; signal: AbortSignal },
): Promise<Removed[]> {
  const deadline = Date.now() + options.timeoutMs;
  // What is still there is told in time; only a server that does not answer can take longer.
  const inTime = AbortSignal.any([options.signal, AbortSignal.timeout(options.timeoutMs + MARGIN)]);
  const cluster = anyTime.withSignal(inTime);
  const labels = names === undefined ? captureSelector() : undefined;
  const selectors = labels === undefined ? (names ?? []).map((name) => captureSelector(name)) : [labels];
  const targets = (await Promise.all(selectors.map((selector) => findAll(cluster, selector)))).flat();
  const found = new Set(targets.map(captureOf));
  const missing = (names ?? []).filter((name) => !found.has(name));
  if (missing.length > 0) {
    throw new ClusterError(`there is no capture ${missing.join(', no capture ')} in namespace ${cluster.namespace}`, {
      hint: 'Nothing was deleted. In all namespaces: kubectl retina capture list -A',
    });
  }
  // Pods go with their Jobs: deleted alone, the Job's controller would count them as failures.
  const direct = targets.filter(({ kind, object }) => kind !== 'pods' || !ownedByJob(object));
  const failures: string[] = [];
  await pMap(
    direct,
    async (target) => {
      try {
        await remove(cluster, target);
      } catch (error) {
        if (!(error instanceof ClusterError)) throw error;
        failures.push(`${nameOf(target)}: ${messageOf(error)}`);
      }
    },
    { concurrency: IN_FLIGHT },
  );
  if (failures.length > 0) {
    options.signal.throwIfAborted();
    throw new CaptureError(`not everything was deleted: ${failures.join('; ')}`, { hint: again(names, cluster) });
  }
  await untilGone(cluster, selectors, targets, { ...options, deadline }).catch((error: unknown) => {
    options.signal.throwIfAborted();
    if (!(error instanceof ClusterError)) throw error;
    throw new CaptureError(`deletion was accepted, but whether all is gone is not known: ${error.message}`, {
      hint: again(names, cluster),
      cause: error,
    });
  });
  return targets
    .map((target) => ({ kind: target.kind, name: target.object.metadata?.name ?? '', capture: captureOf(target) }))
    .sort((a, b) => (nameOfRemoved(a) < nameOfRemoved(b) ? -1 : 1));
}

function again(names: readonly string[] | undefined, { namespace }: Cluster): string {
  return `Run it again: kubectl retina capture delete ${names?.join(' ') ?? '--all'} -n ${namespace}`;
}

async function findAll(cluster: Cluster, labels: string): Promise<Target[]> {
  const selection = { namespace: cluster.namespace, labels };
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

function remove(cluster: Cluster, { kind, object }: Target): Promise<boolean> {
  return cluster.remove(kind, object.metadata?.namespace ?? '', object.metadata?.name ?? '', {
    propagation: 'Foreground',
    uid: object.metadata?.uid,
  });
}

async function untilGone(
  cluster: Cluster,
  selectors: readonly string[],
  targets: readonly Target[],
  options: { timeoutMs: number; deadline: number; signal: AbortSignal },
): Promise<void> {
  const uids = new Set(targets.map(({ object }) => object.metadata?.uid));
  for (;;) {
    options.signal.throwIfAborted();
    const there = (await Promise.all(selectors.map((selector) => findAll(cluster, selector)))).flat();
    const left = there.filter(({ object }) => uids.has(object.metadata?.uid));
    if (left.length === 0) return;
    if (Date.now() > options.deadline) {
      throw new CaptureError(
        `deletion was accepted, but after ${Math.round(options.timeoutMs / 1000)} s these are still there: ${left.map(nameOf).join(', ')}`,
        { hint: 'A pod on a node that does not answer stays until the node is back or removed: kubectl get nodes' },
      );
    }
    await sleep(POLL, undefined, { signal: options.signal });
  }
}

function ownedByJob(object: Target['object']): boolean {
  return object.metadata?.ownerReferences?.some((owner) => owner.kind === 'Job') ?? false;
}

function captureOf({ object }: Target): string {
  return object.metadata?.labels?.[LABEL_CAPTURE] ?? '';
}

function nameOf({ kind, object }: Target): string {
  return `${kind}/${object.metadata?.name}`;
}

function nameOfRemoved(removed: Removed): string {
  return `${removed.capture} ${removed.kind} ${removed.name}`;
}
