import assert from 'node:assert/strict';
import { type NodeStatus, summarize } from '../../../src/capture/status.ts';
import type { Health } from '../../../src/capture/told.ts';
import type { Job, KubeEvent, Pod } from '../../../src/kube/cluster.ts';
import { jobOf, START } from './builders.ts';

const target = {
  ...{ type: 'DisruptionTarget', status: 'True' },
  ...{ reason: 'EvictionByEvictionAPI', message: 'Eviction API: evicting' },
};
/** The status of a pod that is evicted. */
export const evicted = { phase: 'Running', conditions: [target] };

/** What is told of node1, by its Job, pod and events. */
export function statusOf(
  pod: Pod | undefined,
  extra: { job?: Job; events?: KubeEvent[]; nodes?: Health } = {},
): NodeStatus {
  const { job = jobOf('node1'), events = [], nodes } = extra;
  const [capture] = summarize({ jobs: [job], pods: pod === undefined ? [] : [pod], events, nodes }, START);
  const [status] = capture?.nodes ?? [];
  assert.ok(status !== undefined);
  return status;
}
