import { ClusterError } from '../errors.ts';
import type { Cluster, Job, Kinds } from '../kube/cluster.ts';
import { inquire, keepInquiring } from './inquire.ts';
import { captureSelector } from './names.ts';
import { type CaptureSummary, type Observed, summarize } from './status.ts';

/** Milliseconds in which changes that come together (a Job's and its pod's) are told as one. */
const SETTLE = 20;
/** Milliseconds after which an instant is looked for again: others may have named one that no timer can wait for. */
const LONGEST = 3_600_000;

type Watched = Pick<Cluster, 'list' | 'follow' | 'now' | 'withSignal'>;

/** Reads the captures of a namespace (undefined: of all), or one by name. */
export async function readCaptures(
  cluster: Pick<Cluster, 'list' | 'now'>,
  where: { namespace: string | undefined; name?: string },
): Promise<CaptureSummary[]> {
  const selection = { namespace: where.namespace, labels: captureSelector(where.name) };
  const [jobs, pods] = await Promise.all([cluster.list('jobs', selection), cluster.list('pods', selection)]);
  const aside = await inquire(cluster, { jobs, pods });
  return summarize({ jobs, pods, ...aside }, cluster.now());
}

/** One capture, or a ClusterError that names those there are. */
export async function readCapture(
  cluster: Pick<Cluster, 'list' | 'namespace' | 'now'>,
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

/**
 * Calls back with a capture after every change, until the signal is aborted or the callback says that it is enough. The Jobs of
 * one that was just created are known.
 */
export async function followCapture(
  cluster: Cluster,
  { name, jobs = [] }: { name: string; jobs?: readonly Job[] },
  signal: AbortSignal,
  changed: (capture: CaptureSummary | undefined) => boolean,
): Promise<void> {
  const where = { namespace: cluster.namespace, name, jobs };
  await followCaptures(cluster, where, signal, ([capture]) => changed(capture));
}

/** Calls back with the captures of a namespace (undefined: of all), or one by name, as `followCapture` does. */
export async function followCaptures(
  cluster: Watched,
  where: { namespace: string | undefined; name?: string; jobs?: readonly Job[] },
  signal: AbortSignal,
  changed: (captures: readonly CaptureSummary[]) => boolean,
): Promise<void> {
  const enough = new AbortController();
  const until = AbortSignal.any([signal, enough.signal]);
  const selection = { namespace: where.namespace, labels: captureSelector(where.name) };
  const seen: { [K in 'jobs' | 'pods']?: readonly Kinds[K][] } & Pick<Observed, 'events' | 'nodes'> = { events: [] };
  let timer: NodeJS.Timeout | undefined;
  let alarm: NodeJS.Timeout | undefined;
  const tell = (): void => {
    timer = undefined;
    const { jobs, pods, events, nodes } = seen;
    if (until.aborted || jobs === undefined || pods === undefined) return;
    const now = cluster.now();
    const captures = summarize({ jobs, pods, events, nodes }, now);
    if (changed(captures)) enough.abort();
    // No watch tells that an instant has come for which nodes wait.
    clearTimeout(alarm);
    const next = nextBegin(captures, now);
    if (next !== undefined) alarm = setTimeout(tell, Math.min(next.getTime() - now.getTime(), LONGEST));
  };
  const see = (news: Partial<Observed>): void => {
    Object.assign(seen, news);
    timer ??= setTimeout(tell, SETTLE);
  };
  try {
    await Promise.all([
      cluster.follow('jobs', selection, until, (jobs) => see({ jobs }), where.jobs),
      cluster.follow('pods', selection, until, (pods) => see({ pods })),
      keepInquiring(cluster, where.namespace, {
        signal: until,
        current: () => ({ jobs: seen.jobs ?? [], pods: seen.pods ?? [] }),
        told: see,
      }),
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
