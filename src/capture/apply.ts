import pMap from 'p-map';
import { ClusterError, InterruptedError, isUnsure } from '../errors.ts';
import type { Cluster, Job, Secret } from '../kube/cluster.ts';
import type { CapturePlan, PlannedNode } from './plan.ts';
import { undo } from './undo.ts';

/** Requests in flight while creating: one API server takes no more Jobs a second with a larger number. */
const IN_FLIGHT = 32;
/** Milliseconds for creations that were sent before another was refused, or Ctrl-C came: they are not tried for longer. */
const GRACE = 5_000;

/**
 * Creates the Secret and the Jobs of a plan, many at a time, and makes the Jobs the Secret's owners. When one is
 * refused, or the signal is aborted, everything that was created is removed again, and the error says so or names what
 * could not be removed. Returns the Jobs as created.
 */
export async function applyPlan(plan: CapturePlan, cluster: Cluster, signal: AbortSignal): Promise<readonly Job[]> {
  // A creation that was sent is waited for even on Ctrl-C: only then is it known what there is to undo.
  const grace = startGrace(signal);
  const { jobs, refused, unsure } = await createAll(plan, cluster.withSignal(grace.signal), { signal, grace });
  grace.end();
  if (refused === undefined && !signal.aborted) return jobs;
  const undone = await undo(plan, cluster, unsure);
  if (refused === undefined) {
    throw new InterruptedError(`interrupted while creating capture ${plan.name}: ${undone.text}`, undone.hint);
  }
  const { what, error } = refused;
  if (!(error instanceof ClusterError)) throw error;
  const how = isUnsure(error) ? 'could not be created' : 'was refused';
  throw new ClusterError(`${what} ${how}: ${error.message}\n${undone.text}`, {
    hint: undone.hint ?? error.hint,
    cause: error,
  });
}

type Refused = { what: string; error: unknown };
type Grace = { signal: AbortSignal; start: () => void; end: () => void };

/** A time that begins with an interrupt, or when it is started, and aborts its signal at its end. */
function startGrace(interrupted: AbortSignal): Grace {
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

/** Creates all, up to the first refusal. */
async function createAll(
  plan: CapturePlan,
  cluster: Cluster,
  { signal, grace }: { signal: AbortSignal; grace: Grace },
): Promise<{ jobs: readonly Job[]; refused: Refused | undefined; unsure: boolean }> {
  const { secret } = plan;
  let refused: Refused | undefined;
  let unsure = false;
  const attempt = async <T>(what: string, action: () => Promise<T>): Promise<T | undefined> => {
    if (refused !== undefined || signal.aborted) return undefined;
    try {
      return await action();
    } catch (error) {
      unsure ||= grace.signal.aborted || isUnsure(error);
      if (!grace.signal.aborted) refused ??= { what, error };
      grace.start();
      return undefined;
    }
  };
  // First: a pod whose Secret is not there yet waits for seconds.
  if (secret !== undefined) await attempt('the Secret with the credentials', () => cluster.createSecret(secret));
  const create = ({ node, job }: PlannedNode) => attempt(`the Job for node ${node}`, () => cluster.createJob(job));
  const jobs = await pMap(plan.nodes, create, { concurrency: IN_FLIGHT });
  if (secret !== undefined) await attempt('the ownership of the Secret', () => own(secret, jobs, cluster));
  return { jobs: jobs.filter((job) => job !== undefined), refused, unsure };
}

/** With the last of its Jobs, the cluster removes the Secret, whoever deletes them. */
function own(secret: Secret, jobs: readonly (Job | undefined)[], cluster: Cluster): Promise<void> {
  const owners = jobs.map((job) => {
    const { name = '', uid = '' } = job?.metadata ?? {};
    return { apiVersion: 'batch/v1', kind: 'Job', name, uid };
  });
  return cluster.ownSecret(secret.metadata?.namespace ?? '', secret.metadata?.name ?? '', owners);
}
