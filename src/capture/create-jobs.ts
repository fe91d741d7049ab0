import pMap from 'p-map';
import { isUnsure } from '../errors.ts';
import type { Cluster, Job, Secret } from '../kube/cluster.ts';
import { ownersOf } from './secret.ts';

/** Requests in flight while creating: one API server takes no more Jobs a second with a larger number. */
const IN_FLIGHT = 32;
/** Milliseconds for creations that were sent before another was refused, or Ctrl-C came: they are not tried for longer. */
const GRACE = 5_000;

/** What is created together: Jobs, and the Secret that all of them mount. */
export type Creation = { jobs: readonly { node: string; job: Job }[]; secret: Secret | undefined };
/** The first thing that was refused. */
export type Refused = { what: string; error: unknown };

/** A time that begins with an interrupt, or when it is started, and aborts its signal at its end. */
export type Grace = { signal: AbortSignal; start: () => void; end: () => void };

export function startGrace(interrupted: AbortSignal): Grace {
  const over = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const start = (): void => {
    timer ??= setTimeout(() => over.abort(), GRACE);
  };
  interrupted.addEventListener('abort', start, { once: true });
  if (interrupted.aborted) start();
  const end = (): void => {
    clearTimeout(timer);
    interrupted.removeEventListener('abort', start);
  };
  return { signal: over.signal, start, end };
}

/**
 * Creates Jobs, many at a time, up to the first refusal or until the signal is aborted; returns those that were created,
 * in their places. A Secret comes after a first Job and is that Job's property from its birth, so that no moment leaves a
 * Secret that nothing removes; the kubelet has not asked for it by then. At last it belongs to all of the Jobs.
 * `unsure` tells that a creation had no answer: it may have been done. The cluster's requests end with the grace's signal.
 */
export async function createJobs(
  { jobs, secret }: Creation,
  cluster: Pick<Cluster, 'createJob' | 'createSecret' | 'dryRun' | 'ownSecret'>,
  { signal, grace }: { signal: AbortSignal; grace: Grace },
): Promise<{ made: readonly (Job | undefined)[]; refused: Refused | undefined; unsure: boolean }> {
  let refused: Refused | undefined;
  let unsure = false;
  const send = async <T>(what: string, action: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await action();
    } catch (error) {
      unsure ||= grace.signal.aborted || isUnsure(error);
      if (!grace.signal.aborted) refused ??= { what, error };
      grace.start();
      return undefined;
    }
  };
  const attempt: typeof send = async (what, action) =>
    refused !== undefined || signal.aborted ? undefined : send(what, action);
  const create = (some: Creation['jobs']) =>
    pMap(some, ({ node, job }) => attempt(`the Job for node ${node}`, () => cluster.createJob(job)), {
      concurrency: IN_FLIGHT,
    });
  if (secret === undefined) {
    const made = await create(jobs);
    return { made, refused, unsure };
  }
  const credentials = 'the Secret with the credentials';
  // A pod that waits for its Secret cannot be told to end: it is asked before whether that will be taken, and then sent.
  await attempt(credentials, () => cluster.dryRun('secrets', secret));
  const first = await create(jobs.slice(0, 1));
  if (present(first).length === 0) return { made: first, refused, unsure };
  const owned = { ...secret, metadata: { ...secret.metadata, ownerReferences: ownersOf(present(first)) } };
  await send(credentials, () => cluster.createSecret(owned));
  const made = [...first, ...(await create(jobs.slice(1)))];
  const { namespace = '', name = '' } = secret.metadata ?? {};
  if (jobs.length > 1) {
    await attempt('the ownership of the Secret', () => cluster.ownSecret(namespace, name, ownersOf(present(made))));
  }
  return { made, refused, unsure };
}

/** The Jobs that were created. */
export function present(made: readonly (Job | undefined)[]): Job[] {
  return made.filter((job) => job !== undefined);
}
