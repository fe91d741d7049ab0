import pMap from 'p-map';
import type { Cluster, Job, Secret } from '../kube/cluster.ts';
import { ownersOf } from './secret.ts';

/** Requests in flight while creating: one API server takes no more Jobs a second with a larger number. */
const IN_FLIGHT = 32;

/** What is created together: Jobs, and the Secret that all of them mount. */
export type Creation = { jobs: readonly { node: string; job: Job }[]; secret: Secret | undefined };
/** The first thing that was refused. */
export type Refused = { what: string; error: unknown };

/**
 * Creates Jobs, many at a time, up to the first refusal or until the signal is aborted; returns those that were created,
 * in their places. A Secret comes after a first Job and is that Job's property from its birth, so that no moment leaves a
 * Secret that nothing removes; the kubelet has not asked for it by then. At last it belongs to all of the Jobs.
 */
export async function createJobs(
  { jobs, secret }: Creation,
  cluster: Pick<Cluster, 'createJob' | 'createSecret' | 'dryRun' | 'ownSecret'>,
  signal: AbortSignal,
): Promise<{ made: readonly (Job | undefined)[]; refused: Refused | undefined }> {
  let refused: Refused | undefined;
  const send = async <T>(what: string, action: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await action();
    } catch (error) {
      refused ??= { what, error };
      return undefined;
    }
  };
  const attempt: typeof send = async (what, action) =>
    refused !== undefined || signal.aborted ? undefined : send(what, action);
  const create = (some: Creation['jobs']) =>
    pMap(some, ({ node, job }) => attempt(`the Job for node ${node}`, () => cluster.createJob(job)), {
      concurrency: IN_FLIGHT,
    });
  if (secret === undefined) return { made: await create(jobs), refused };
  const credentials = 'the Secret with the credentials';
  // A pod that waits for its Secret cannot be told to end: it is asked before whether that will be taken, and then sent.
  await attempt(credentials, () => cluster.dryRun('secrets', secret));
  const first = await create(jobs.slice(0, 1));
  if (present(first).length === 0) return { made: first, refused };
  const owned = { ...secret, metadata: { ...secret.metadata, ownerReferences: ownersOf(present(first)) } };
  await send(credentials, () => cluster.createSecret(owned));
  const made = [...first, ...(await create(jobs.slice(1)))];
  const { namespace = '', name = '' } = secret.metadata ?? {};
  if (jobs.length > 1) {
    await attempt('the ownership of the Secret', () => cluster.ownSecret(namespace, name, ownersOf(present(made))));
  }
  return { made, refused };
}

/** The Jobs that were created. */
export function present(made: readonly (Job | undefined)[]): Job[] {
  return made.filter((job) => job !== undefined);
}
