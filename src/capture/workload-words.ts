import type { WorkloadSpec } from './workload-spec.ts';

/**
 * The one contract between the client and the pod. The client writes a spec into an annotation of the pod, which the
 * kubelet projects into a file; the workload writes a result into its termination message. Both are JSON with a
 * version: a workload refuses a spec that it does not know, and the client says so for a result.
 *
 * What only writes a spec needs this file alone: the schemas of workload-spec.ts take 5 ms to load.
 */
export const WORKLOAD_VERSION = 3;

/** A termination message holds at most 4,096 bytes; the kubelet cuts the rest off. */
export const MAX_RESULT_BYTES = 4096;

/** Where the kubelet projects the pod's annotations; the files are named below. */
export const PODINFO_DIRECTORY = '/etc/retina';
export const PODINFO_SPEC = 'workload';
export const PODINFO_STOP = 'stop';
/** The word to start: the instant, ISO 8601. */
export const PODINFO_START = 'start';
/**
 * Made in the pod's own memory once it listens, or waits for the instant at which it will: what the pod's startup probe
 * looks for.
 */
export const READY_FILE = '/dev/shm/retina-ready';
export const TERMINATION_MESSAGE_PATH = '/dev/termination-log';

/** What `retina.sh/stop` may say: keep what was captured, or leave nothing. */
export const STOP_KEEP = 'keep';
export const STOP_DISCARD = 'discard';

/** A spec as compact JSON. */
export function encodeSpec(spec: WorkloadSpec): string {
  return JSON.stringify(spec);
}
