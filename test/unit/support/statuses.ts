import assert from 'node:assert/strict';
import { type NodeStatus, summarize } from '../../../src/capture/status.ts';
import type { Job, KubeEvent, Pod } from '../../../src/kube/cluster.ts';
import { jobOf, START } from './builders.ts';

const target = {
  ...{ type: 'DisruptionTarget', status: 'True' },
  ...{ reason: 'EvictionByEvictionAPI', message: 'Eviction API: evicting' },
};
/** The status of a pod that is evicted. */
export const evicted = { phase: 'Running', conditions: [target] };

/** What is told of node1, by its Job, pod and events. */
export function statusOf(pod: Pod | undefined, extra: { job?: Job; events?: KubeEvent[] } = {}): NodeStatus {
  const jobs = [extra.job ?? jobOf('node1')];
  const [capture] = summarize({ jobs, pods: pod === undefined ? [] : [pod], events: extra.events ?? [] }, START);
  const [status] = capture?.nodes ?? [];
  assert.ok(status !== undefined);
  return status;
}
