import type { Job } from '../kube/cluster.ts';

type Condition = NonNullable<NonNullable<Job['status']>['conditions']>[number];

/** The condition that ended a Job, well or not; undefined while it runs. */
export function endOfJob({ status }: Job): Condition | undefined {
  return status?.conditions?.find((c) => (c.type === 'Complete' || c.type === 'Failed') && c.status === 'True');
}
