import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { Duration } from '@icholy/duration';
import type { KubeConfig } from '@kubernetes/client-node';
import { ClusterError, messageOf, UsageError } from '../errors.ts';
import type {
  Cluster,
  ConnectionOptions,
  ContainerTarget,
  DeleteOptions,
  Job,
  Kinds,
  Secret,
  Selection,
} from './cluster.ts';
import { loadConfig } from './config.ts';
import { execInPod } from './exec.ts';
import { createRest, type Query, type Rest } from './rest.ts';
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
  priorityclasses: '/apis/scheduling.k8s.io/v1',
};
const PAGE = 500;
/** Seconds after which the server ends a watch; it is then renewed from where it was. */
const WATCH_SECONDS = 300;
/** Milliseconds before all is listed anew: a server in trouble must not be asked in a tight loop. */
const RELIST_PAUSE = 200;

type List<T> = { metadata?: { resourceVersion?: string; continue?: string }; items?: T[] };
type WatchEvent<T> = { type: string; object: T };
type Item = { metadata?: { uid?: string; resourceVersion?: string } };

/** A connection; its requests end with the signal. */
type Connection = { config: KubeConfig; rest: Rest; signal: AbortSignal; traced: Traced };

/** Connects to the cluster of a kubeconfig; nothing is sent before the first call. */
export function connect(
  options: ConnectionOptions,
  env: NodeJS.ProcessEnv,
  { signal, traced }: { signal: AbortSignal; traced: Traced },
): Cluster {
  const timeoutMs = requestTimeout(options.requestTimeout);
  const connection = loadConfig(options, env);
  // As in kubectl, a blank namespace is none that was given.
  const namespace = options.namespace?.trim() || connection.namespace?.trim() || 'default';
  const { config } = connection;
  return createCluster({ config, rest: createRest(connection, timeoutMs, traced), signal, traced }, namespace);
}

function requestTimeout(text: string | undefined): number | undefined {
  if (!text) return undefined;
  // kubectl takes a bare number for seconds. The library alone would read `5s` out of `x5s!`.
  if (/^(\d+|(\d+(\.\d+)?(ms|s|m|h))+)$/.test(text)) {
    return Math.min(new Duration(/^\d+$/.test(text) ? `${text}s` : text).milliseconds(), 2 ** 31 - 1);
  }
  throw new UsageError(`--request-timeout: "${text}" is not a duration: write it as 30s or 2m, or 0 for no limit`);
}

function createCluster(connection: Connection, namespace: string): Cluster {
  const { rest, signal } = connection;
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
    serverVersion: async () =>
      (await rest.json<{ gitVersion: string }>({ method: 'GET', path: '/version', signal })).gitVersion,
    serverTime: () => serverTime(connection),
    list: async (kind, selection) => (await listAll<Kinds[typeof kind]>(rest, kind, selection, signal)).items,
    get: (kind, ns, name) =>
      getOne<Kinds[typeof kind]>(rest, `${pathOf(kind, ns)}/${encodeURIComponent(name)}`, signal),
    createJob: (job) =>
      rest.json<Job>({ method: 'POST', path: pathOf('jobs', job.metadata?.namespace), body: job, signal }),
    dryRun: async (kind, object) => {
      const warnings: string[] = [];
      const dried = await rest.json<typeof object>({
        ...{ method: 'POST', path: pathOf(kind, object.metadata?.namespace), query: { dryRun: 'All' } },
        ...{ body: object, signal, warned: (text) => void warnings.push(text) },
      });
      return { object: dried, warnings };
    },
    remove: (kind, ns, name, options) =>
      removeOne(rest, `${pathOf(kind, ns)}/${encodeURIComponent(name)}`, options, signal),
    createSecret: (secret) =>
      rest.json<Secret>({ method: 'POST', path: pathOf('secrets', secret.metadata?.namespace), body: secret, signal }),
    ownSecret: (ns, name, owners) => patch('secrets', ns, name, { ownerReferences: owners }),
    annotatePod: (ns, name, annotations) => patch('pods', ns, name, { annotations }),
    follow: (kind, selection, until, changed) =>
      follow<Kinds[typeof kind]>(rest, kind, selection, AbortSignal.any([until, signal]), changed),
    ...containersOf(connection),
    withSignal: (other) => createCluster({ ...connection, signal: other }, namespace),
    withNamespace: (other) => createCluster(connection, other),
  };
}

async function serverTime({ rest, signal }: Connection): Promise<Date | undefined> {
  let told: string | undefined;
  const dated = (text: string | undefined): void => {
    told = text;
  };
  await rest.json({ method: 'GET', path: '/version', signal, dated });
  const at = new Date(told ?? '');
  return Number.isNaN(at.getTime()) ? undefined : at;
}

/** What is asked of a container itself: the server passes it on to its kubelet. */
function containersOf({ config, rest, signal, traced }: Connection): Pick<Cluster, 'log' | 'exec'> {
  const path = ({ namespace, pod }: ContainerTarget, what: string): string =>
    `${pathOf('pods', namespace)}/${encodeURIComponent(pod)}/${what}`;
  return {
    log: (target, { lines, seconds }, until) => {
      const query = { container: target.container, tailLines: lines, sinceSeconds: seconds };
      return rest.text({ method: 'GET', path: path(target, 'log'), query, signal: AbortSignal.any([until, signal]) });
    },
    exec: (target, stdout, until) =>
      trace(traced, { method: 'GET', path: path(target, 'exec') }, async () => {
        const value = await execInPod(config, target, stdout, AbortSignal.any([until, signal]));
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
  const { propagation, gracePeriodSeconds, uid } = options;
  const body = {
    propagationPolicy: propagation,
    ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    ...(uid === undefined ? {} : { preconditions: { uid } }),
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

function pathOf(kind: keyof Kinds, namespace: string | undefined): string {
  const scope = namespace === undefined ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
  return `${ROOTS[kind]}${scope}/${kind}`;
}

function queryOf(selection: Selection): Query {
  return { labelSelector: selection.labels, fieldSelector: selection.fields };
}

async function listAll<T>(
  rest: Rest,
  kind: keyof Kinds,
  selection: Selection,
  signal: AbortSignal,
): Promise<{ items: T[]; version: string }> {
  const items: T[] = [];
  let next: string | undefined;
  let version = '';
  do {
    const page: List<T> = await rest.json<List<T>>({
      method: 'GET',
      path: pathOf(kind, selection.namespace),
      query: { ...queryOf(selection), limit: PAGE, continue: next },
      signal,
    });
    items.push(...(page.items ?? []));
    next = page.metadata?.continue || undefined;
    version = page.metadata?.resourceVersion ?? '';
  } while (next !== undefined);
  return { items, version };
}

async function follow<T extends Item>(
  rest: Rest,
  kind: keyof Kinds,
  selection: Selection,
  signal: AbortSignal,
  changed: (items: readonly T[]) => void,
): Promise<void> {
  const known = new Map<string, T>();
  let version = '';
  let failures = 0;
  while (!signal.aborted) {
    try {
      if (version === '') {
        const listed = await listAll<T>(rest, kind, selection, signal);
        known.clear();
        for (const item of listed.items) known.set(item.metadata?.uid ?? '', item);
        version = listed.version;
        changed([...known.values()]);
      }
      for await (const event of watch<T>(rest, kind, selection, version, signal)) {
        failures = 0;
        if (event.type === 'ERROR') {
          // Most often 410 Gone: the version is too old to watch from.
          version = '';
          await sleep(RELIST_PAUSE, undefined, { signal });
          break;
        }
        version = event.object.metadata?.resourceVersion ?? version;
        if (event.type === 'BOOKMARK') continue;
        const uid = event.object.metadata?.uid ?? '';
        if (event.type === 'DELETED') known.delete(uid);
        else known.set(uid, event.object);
        changed([...known.values()]);
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ClusterError && error.status === 410) version = '';
      else if (isRefusal(error) || ++failures > 20) throw error;
      else await sleep(Math.min(250 * failures, 2000), undefined, { signal }).catch(() => undefined);
    }
  }
}

/** Whether asking again cannot help: the server understood and said no. */
function isRefusal(error: unknown): boolean {
  if (!(error instanceof ClusterError)) return true;
  return error.status !== undefined && error.status < 500 && error.status !== 429;
}

async function* watch<T>(
  rest: Rest,
  kind: keyof Kinds,
  selection: Selection,
  version: string,
  signal: AbortSignal,
): AsyncGenerator<WatchEvent<T>> {
  const response = await rest.stream({
    method: 'GET',
    path: pathOf(kind, selection.namespace),
    query: {
      ...queryOf(selection),
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: version,
      timeoutSeconds: WATCH_SECONDS,
    },
    signal,
  });
  // The error of a connection that breaks is told here, not by the line reader.
  let broken: Error | undefined;
  response.on('error', (error) => {
    broken = error;
  });
  try {
    for await (const line of createInterface({ input: response, crlfDelay: Number.POSITIVE_INFINITY })) {
      if (line !== '') yield JSON.parse(line) as WatchEvent<T>;
    }
  } finally {
    response.destroy();
  }
  if (broken !== undefined && !signal.aborted) {
    throw new ClusterError(`the watch of ${kind} broke off: ${messageOf(broken)}`, { cause: broken });
  }
}
