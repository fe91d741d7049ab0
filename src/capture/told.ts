import type { Job, KubeEvent, Pod } from '../kube/cluster.ts';
import type { WorkloadResult } from './workload-spec.ts';

/** `waiting` and `capturing` may still change; `completed` and `failed` are final. */
export type Phase = 'waiting' | 'capturing' | 'completed' | 'failed';

/** Why a node is not Ready, null for one that is; `gone` for one that is not there. */
export type NodeHealth = { unready: string | null } | 'gone';

/** How those nodes are that were looked at. */
export type Health = ReadonlyMap<string, NodeHealth>;

/** What there is to see of a capture on one node; the events are of its Job and pod. */
export type Seen = {
  job: Job;
  pod: Pod | undefined;
  events: readonly KubeEvent[];
  nodes: Health | undefined;
  /** Whether the instant at which it begins is still to come. */
  early: boolean;
};

/** How a capture on one node is. */
export type Told = {
  phase: Phase;
  problem?: string | undefined;
  hint?: string | undefined;
  endedBy?: string | undefined;
  result?: WorkloadResult | undefined;
  mayStart?: boolean;
  /** False for one that failed before it had captured anything. */
  began?: boolean;
};
