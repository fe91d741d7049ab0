import { ClusterError } from '../errors.ts';
import type { Cluster, Kinds } from '../kube/cluster.ts';
import { captureSelector } from './names.ts';
import { type CaptureSummary, type Observed, summarize } from './status.ts';

/** Milliseconds in which changes that come together (a Job's and its pod's) are told as one. */
const SETTLE = 20;

type Watched = Pick<Cluster, 'list' | 'follow'>;

/** Reads the captures of a namespace (undefined: of all), or one by name. */
export async function readCaptures(
  cluster: Watched,
  where: { namespace: string | undefined; name?: string },
): Promise<CaptureSummary[]> {
  const selection = { namespace: where.namespace, labels: captureSelector(where.name) };
  const [jobs, pods] = await Promise.all([cluster.list('jobs', selection), cluster.list('pods', selection)]);
  const owners = new Set(pods.map((pod) => pod.metadata?.ownerReferences?.[0]?.uid));
  const stuck = jobs.some((job) => !owners.has(job.metadata?.uid));
  const events = stuck ? await cluster.list('events', refusals(where.namespace)).catch(forbiddenIsEmpty) : [];
  return summarize({ jobs, pods, events }, new Date());
}

/** One capture, or a ClusterError that names those there are. */
export async function readCapture(
  cluster: Watched & Pick<Cluster, 'namespace'>,
  name: string,
): Promise<CaptureSummary> {
  const [capture] = await readCaptures(cluster, { namespace: cluster.namespace, name });
  if (capture !== undefined) return capture;
  const others = (await readCaptures(cluster, { namespace: cluster.namespace })).map((other) => other.name);
  throw new ClusterError(`there is no capture ${name} in namespace ${cluster.namespace}`, {
    hint:
      others.length > 0
        ? `Captures there: ${others.slice(0, 8).join(', ')}${others.length > 8 ? ' …' : ''}`
        : 'In all namespaces: kubectl retina capture list -A',
  });
}

/** Calls back with a capture after every change, until the signal is aborted or the callback says that it is enough. */
export async function followCapture(
  cluster: Cluster,
  name: string,
  signal: AbortSignal,
  changed: (capture: CaptureSummary | undefined) => boolean,
): Promise<void> {
  await followCaptures(cluster, { namespace: cluster.namespace, name }, signal, ([capture]) => changed(capture));
}

/** Calls back with the captures of a namespace (undefined: of all), or one by name, as `followCapture` does. */
export async function followCaptures(
  cluster: Pick<Cluster, 'follow'>,
  where: { namespace: string | undefined; name?: string },
  signal: AbortSignal,
  changed: (captures: readonly CaptureSummary[]) => boolean,
): Promise<void> {
  const enough = new AbortController();
  const until = AbortSignal.any([signal, enough.signal]);
  const selection = { namespace: where.namespace, labels: captureSelector(where.name) };
  const seen: { [K in 'jobs' | 'pods']?: readonly Kinds[K][] } & { events: Observed['events'] } = { events: [] };
  let timer: NodeJS.Timeout | undefined;
  let alarm: NodeJS.Timeout | undefined;
  const tell = (): void => {
    timer = undefined;
    if (until.aborted || seen.jobs === undefined || seen.pods === undefined) return;
    const now = new Date();
    const captures = summarize({ jobs: seen.jobs, pods: seen.pods, events: seen.events }, now);
    if (changed(captures)) enough.abort();
    // No watch tells that an instant has come for which nodes wait.
    clearTimeout(alarm);
    const next = nextBegin(captures, now);
    if (next !== undefined) alarm = setTimeout(tell, next.getTime() - now.getTime());
  };
  const soon = (): void => {
    timer ??= setTimeout(tell, SETTLE);
  };
  try {
    await Promise.all([
      cluster.follow('jobs', selection, until, (jobs) => {
        seen.jobs = jobs;
        soon();
      }),
      cluster.follow('pods', selection, until, (pods) => {
        seen.pods = pods;
        soon();
      }),
      cluster
        .follow('events', refusals(where.namespace), until, (events) => {
          seen.events = events;
          soon();
        })
        .catch(forbiddenIsEmpty),
    ]);
  } finally {
    clearTimeout(timer);
    clearTimeout(alarm);
    enough.abort();
  }
}

/** The first instant to come at which a node begins. */
function nextBegin(captures: readonly CaptureSummary[], now: Date): Date | undefined {
  const ahead = captures.flatMap(({ nodes }) =>
    nodes.flatMap(({ begins }) => (begins instanceof Date && begins > now ? [begins] : [])),
  );
  return ahead.reduce<Date | undefined>((first, at) => (first !== undefined && first < at ? first : at), undefined);
}

/** Events of Jobs whose pod admission refused (Pod Security, a quota): nothing else tells of it. */
function refusals(namespace: string | undefined) {
  return { namespace, fields: 'involvedObject.kind=Job,reason=FailedCreate' };
}

/** Whoever may not read events goes without their explanations. */
function forbiddenIsEmpty(error: unknown): never[] {
  if (error instanceof ClusterError && error.status === 403) return [];
  throw error;
}
