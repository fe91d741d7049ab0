import type { Job } from '../kube/cluster.ts';
import { ANNOTATION_NODE } from './names.ts';

/** A node's name, as the API server takes it: anything else would be a word of a command in our hints. */
const MAX_NAME = 253;
const NAME = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;

/** The node that a Job of a capture captures on: written on ours, within the affinity on the reference's. */
export function nodeOfJob(job: Job): string | undefined {
  const terms =
    job.spec?.template?.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  const requirement = (terms ?? []).flatMap((term) => [
    ...(term.matchFields ?? []),
    ...(term.matchExpressions ?? []),
  ])[0];
  const name = job.metadata?.annotations?.[ANNOTATION_NODE] ?? requirement?.values?.[0];
  return name !== undefined && name.length <= MAX_NAME && NAME.test(name) ? name : undefined;
}
