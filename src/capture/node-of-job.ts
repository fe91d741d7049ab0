import type { Job } from '../kube/cluster.ts';
import { ANNOTATION_NODE } from './names.ts';

/** The node that a Job of a capture captures on: written on ours, within the affinity on the reference's. */
export function nodeOfJob(job: Job): string | undefined {
  const terms =
    job.spec?.template?.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  const requirement = (terms ?? []).flatMap((term) => [
    ...(term.matchFields ?? []),
    ...(term.matchExpressions ?? []),
  ])[0];
  return job.metadata?.annotations?.[ANNOTATION_NODE] ?? requirement?.values?.[0];
}
