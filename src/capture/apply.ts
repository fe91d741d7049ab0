import { CaptureError, ClusterError, InterruptedError, isUnsure } from '../errors.ts';
import type { Cluster, Job } from '../kube/cluster.ts';
import { createJobs, present, startGrace } from './create-jobs.ts';
import type { CapturePlan } from './plan.ts';
import { startTogether } from './start.ts';
import { undo } from './undo.ts';

/** The Jobs as created, and the instant at which all begin, where they were told one together. */
export type Applied = { jobs: readonly Job[]; at: Date | undefined };

/** How a plan is applied: milliseconds that all nodes have to get ready to begin together, null where they need not. */
type Applying = { togetherMs: number | null; signal: AbortSignal };

/**
 * Creates the Secret and the Jobs of a plan, many at a time, and makes the Jobs the Secret's owners; then has them begin
 * together, if they are to. When one is refused or not ready, or the signal is aborted, everything that was created is
 * removed again, and the error says so or names what could not be removed.
 */
export async function applyPlan(plan: CapturePlan, cluster: Cluster, applying: Applying): Promise<Applied> {
  const { signal, togetherMs } = applying;
  // A creation that was sent is waited for even on Ctrl-C: only then is it known what there is to undo.
  const grace = startGrace(signal);
  const creation = { jobs: plan.nodes, secret: plan.secret };
  const { made, refused, unsure } = await createJobs(creation, cluster.withSignal(grace.signal), { signal, grace });
  grace.end();
  let unready: unknown;
  if (refused === undefined && !signal.aborted) {
    const jobs = present(made);
    if (togetherMs === null) return { jobs, at: undefined };
    try {
      return { jobs, at: await startTogether(plan, cluster, { jobs, timeoutMs: togetherMs, signal }) };
    } catch (error) {
      unready = error;
    }
  }
  const undone = await undo(plan, cluster, unsure);
  if (refused === undefined && !signal.aborted) throw takenBack(unready, undone);
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

/** The error of a start that did not come about, after all that was created was removed. */
function takenBack(error: unknown, undone: { text: string; hint: string | undefined }): unknown {
  const known = error instanceof CaptureError || error instanceof ClusterError;
  if (!known) return error;
  const hint = [error.hint, undone.hint].filter((text) => text !== undefined).join('\n') || undefined;
  return new CaptureError(`${error.message}\n${undone.text}`, { hint, cause: error });
}
