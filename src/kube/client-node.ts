import { Duration } from '@icholy/duration';
import { ClusterError, UsageError } from '../errors.ts';
import { accessOf } from './access.ts';
import type { Cluster, ConnectionOptions, ContainerTarget, DeleteOptions, Job, Kinds, Secret } from './cluster.ts';
import { type Connection, loadConfig } from './config.ts';
import type { Troubled } from './contact.ts';
import { execInPod } from './exec.ts';
import { type Followed, follow, listAll, queryOf } from './follow.ts';
import { createRest, type Rest } from './rest.ts';
import { type Traced, trace } from './trace.ts';

const ROOTS: Record<keyof Kinds, string> = {
  jobs: '/apis/batch/v1',
  pods: '/api/v1',
  nodes: '/api/v1',
  namespaces: '/api/v1',
  secrets: '/api/v1',
  persistentvolumeclaims: '/api/v1',
  persistentvolumes: '/api/v1',
  storageclasses: '/apis/storage.k8s.io/v1',
  events: '/api/v1',
  deployments: '/apis/apps/v1',
  statefulsets: '/apis/apps/v1',
  daemonsets: '/apis/apps/v1',
  replicasets: '/apis/apps/v1',
  cronjobs: '/apis/batch/v1',
  services: '/api/v1',
  endpointslices: '/apis/discovery.k8s.io/v1',
  serviceaccounts: '/api/v1',
  resourcequotas: '/api/v1',
  priorityclasses: '/apis/scheduling.k8s.io/v1',
};
/** A connection in use; its requests end with the signal. */
type Used = { connection: Connection; rest: Rest; signal: AbortSignal; traced: Traced };

/** Connects to the cluster of a kubeconfig; nothing is sent before the first call. */
export function connect(
  options: ConnectionOptions,
  env: NodeJS.ProcessEnv,
  { signal, traced, troubled }: { signal: AbortSignal; traced: Traced; troubled: Troubled },
): Cluster {
  const timeoutMs = requestTimeout(options.requestTimeout);
  const connection = loadConfig(options, env);
  // As in kubectl, a blank namespace is none that was given.
  const namespace = options.namespace?.trim() || connection.namespace?.trim() || 'default';
  const rest = createRest(connection, { timeoutMs, traced, troubled });
  return createCluster({ connection, rest, signal, traced }, namespace);
}

function requestTimeout(text: string | undefined): number | undefined {
  if (!text) return undefined;
  // kubectl takes a bare number for seconds. The library alone would read `5s` out of `x5s!`.
  if (/^(\d+|(\d+(\.\d+)?(ms|s|m|h))+)$/.test(text)) {
    return Math.min(new Duration(/^\d+$/.test(text) ? `${text}s` : text).milliseconds(), 2 ** 31 - 1);
  }
  throw new UsageError(`--request-timeout: "${text}" is not a duration: write it as 30s or 2m, or 0 for no limit`);
}

function createCluster(used: Used, namespace: string): Cluster {
  const { rest, signal } = used;
  const patch = async (kind: keyof Kinds, ns: string, name: string, metadata: object): Promise<void> => {
    await rest.json({
      method: 'PATCH',
      path: `${pathOf(kind, ns)}/${encodeURIComponent(name)}`,
      body: { metadata },
      contentType: 'application/merge-patch+json',
      signal,
    });
  };
  return {
    namespace,
    server: rest.server,
    now: rest.now,
    serverTime: rest.serverTime,
    serverVersion: async () =>
      (await rest.json<{ gitVersion: string }>({ method: 'GET', path: '/version', signal })).gitVersion,
    list: async (kind, selection) =>
      (await listAll<Kinds[typeof kind]>(rest, { path: pathOf(kind, selection.namespace), selection }, { signal }))
        .items,
    get: (kind, ns, name) =>
      getOne<Kinds[typeof kind]>(rest, `${pathOf(kind, ns)}/${encodeURIComponent(name)}`, signal),
    ...accessOf(rest, signal),
    createJob: (job) => create(used, 'jobs', job, () => sameJob(used, job)),
    dryRun: (kind, object) => dryRun(used, kind, object),
    remove: (kind, ns, name, options) =>
      removeOne(rest, `${pathOf(kind, ns)}/${encodeURIComponent(name)}`, options, signal),
    removeAll: (kind, selection) => removeAll(rest, { path: pathOf(kind, selection.namespace), selection }, signal),
    // Its name holds what is random: where it is there after a lost answer, it is this one.
    createSecret: (secret) => create<Secret>(used, 'secrets', secret, async () => secret),
    ownSecret: (ns, name, owners) => patch('secrets', ns, name, { ownerReferences: owners }),
    annotatePod: (ns, name, annotations) => patch('pods', ns, name, { annotations }),
    follow: (kind, selection, until, changed, created = []) =>
      follow<Kinds[typeof kind]>(
        rest,
        { path: pathOf(kind, selection.namespace), selection },
        { signal: AbortSignal.any([until, signal]), traced: used.traced, created },
        changed,
      ),
    ...containersOf(used),
    withSignal: (other) => createCluster({ ...used, signal: other }, namespace),
    withNamespace: (other) => createCluster(used, other),
  };
}

async function dryRun<K extends 'jobs' | 'pods' | 'secrets'>({ rest, signal }: Used, kind: K, object: Kinds[K]) {
  const warnings: string[] = [];
  const dried = await rest.json<Kinds[K]>({
    ...{ method: 'POST', path: pathOf(kind, object.metadata?.namespace), query: { dryRun: 'All' } },
    ...{ body: object, signal, warned: (text) => void warnings.push(text) },
  });
  return { object: dried, warnings };
}

/** What is asked of a container itself: the server passes it on to its kubelet. */
function containersOf({ connection, rest, signal, traced }: Used): Pick<Cluster, 'log' | 'exec'> {
  const path = ({ namespace, pod }: ContainerTarget, what: string): string =>
    `${pathOf('pods', namespace)}/${encodeURIComponent(pod)}/${what}`;
  return {
    log: async (target, { lines, seconds, bytes }, until) => {
      const query = { container: target.container, tailLines: lines, sinceSeconds: seconds, limitBytes: bytes };
      const both = AbortSignal.any([until, signal]);
      try {
        return await rest.text({ method: 'GET', path: path(target, 'log'), query, signal: both, passedOn: true });
      } catch (error) {
        // Whose silence it is, the node's or the server's, tells a request that is the server's own.
        const silent = error instanceof ClusterError && error.status === undefined;
        if (silent && !both.aborted) await rest.text({ method: 'GET', path: '/version', signal: both }).catch(() => '');
        throw error;
      }
    },
    exec: (target, stdout, until) =>
      trace(traced, { method: 'GET', path: path(target, 'exec') }, async () => {
        const value = await execInPod(connection, target, stdout, AbortSignal.any([until, signal]));
        return { value, outcome: `exit code ${value.exitCode ?? 'unknown'}` };
      }),
  };
}

async function getOne<T>(rest: Rest, path: string, signal: AbortSignal): Promise<T | undefined> {
  try {
    return await rest.json<T>({ method: 'GET', path, signal });
  } catch (error) {
    if (error instanceof ClusterError && error.status === 404) return undefined;
    throw error;
  }
}

async function removeOne(rest: Rest, path: string, options: DeleteOptions, signal: AbortSignal): Promise<boolean> {
  const { propagation, gracePeriodSeconds, uid, dryRun } = options;
  const body = {
    propagationPolicy: propagation,
    ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    ...(uid === undefined ? {} : { preconditions: { uid } }),
    ...(dryRun === true ? { dryRun: ['All'] } : {}),
  };
  try {
    await rest.json({ method: 'DELETE', path, body, signal });
    return true;
  } catch (error) {
    // 409: the name belongs to another object by now, so the one that was meant is gone.
    if (error instanceof ClusterError && (error.status === 404 || error.status === 409)) return false;
    throw error;
  }
}

async function removeAll(rest: Rest, removed: Followed, signal: AbortSignal): Promise<void> {
  const body = { propagationPolicy: 'Background' };
  const answer = await rest.stream({ method: 'DELETE', path: removed.path, query: queryOf(removed), body, signal });
  // It tells each object, and begins when the last is removed.
  answer.on('error', () => undefined).resume();
}

function pathOf(kind: keyof Kinds, namespace: string | undefined): string {
  const scope = namespace === undefined ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
  return `${ROOTS[kind]}${scope}/${kind}`;
}

/** Creates an object. Where it is there already after an answer that was lost, `same` finds the one that was created. */
async function create<T extends Job | Secret>(
  { rest, signal }: Used,
  kind: 'jobs' | 'secrets',
  object: T,
  same: () => Promise<T | undefined>,
): Promise<T> {
  let unsure = false;
  try {
    return await rest.json<T>({
      ...{ method: 'POST', path: pathOf(kind, object.metadata?.namespace), body: object, signal },
      unsure: () => {
        unsure = true;
      },
    });
  } catch (error) {
    if (!unsure || !(error instanceof ClusterError) || error.status !== 409) throw error;
    const there = await same();
    if (there === undefined) throw error;
    return there;
  }
}

/** The Job of the same name, if it has all the marks of this one, the run's among them. */
async function sameJob({ rest, signal }: Used, { metadata }: Job): Promise<Job | undefined> {
  // Listed: whoever may create Jobs may list them, and need not be allowed to get them.
  const selection = { namespace: metadata?.namespace, fields: `metadata.name=${metadata?.name}` };
  const { items } = await listAll<Job>(rest, { path: pathOf('jobs', selection.namespace), selection }, { signal });
  const marks = Object.entries(metadata?.annotations ?? {});
  return items.find((job) => marks.every(([name, value]) => job.metadata?.annotations?.[name] === value));
}
