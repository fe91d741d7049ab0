import { ClusterError, InterruptedError, isUnsure } from '../errors.ts';
import type { Cluster, Job } from '../kube/cluster.ts';
import { createJobs, present, startGrace } from './create-jobs.ts';
import type { CapturePlan } from './plan.ts';
import { undo } from './undo.ts';

/**
 * Creates the Secret and the Jobs of a plan, many at a time, and makes the Jobs the Secret's owners. When one is
 * refused, or the signal is aborted, everything that was created is removed again, and the error says so or names what
 * could not be removed. Returns the Jobs as created.
 */
export async function applyPlan(plan: CapturePlan, cluster: Cluster, signal: AbortSignal): Promise<readonly Job[]> {
  // A creation that was sent is waited for even on Ctrl-C: only then is it known what there is to undo.
  const grace = startGrace(signal);
  const creation = { jobs: plan.nodes, secret: plan.secret };
  const { made, refused, unsure } = await createJobs(creation, cluster.withSignal(grace.signal), { signal, grace });
  grace.end();
  if (refused === undefined && !signal.aborted) return present(made);
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
