import pMap from 'p-map';
import { CaptureError } from '../errors.ts';
import type { Cluster, Job } from '../kube/cluster.ts';
import { ANNOTATION_START } from './names.ts';
import { followCapture } from './observe.ts';
import type { CapturePlan } from './plan.ts';
import { type CaptureSummary, isFinal, type NodeStatus } from './status.ts';

/** Requests in flight while pods are told. */
const IN_FLIGHT = 32;
/** Milliseconds from the word to the instant: each node must know it by then, which takes 0.15 to 0.3 s here. */
const LEAD = 2_000;
/** Milliseconds more for each node: a small API server takes 100 patches a second. */
const LEAD_EACH = 10;
/** The clock of the API server tells whole seconds: it may be later than it says by as much. */
const SECOND = 1_000;
const MAX_NAMED = 5;

/**
 * Waits until the pods of a capture that was created are all ready, and tells them the instant at which they begin.
 * Rejects with a CaptureError that names the nodes that are not ready in time, or cannot become so; no node has begun then.
 * When the signal is aborted, some may have been told.
 */
export async function startTogether(
  { name, nodes }: CapturePlan,
  cluster: Cluster,
  { jobs, timeoutMs, signal }: { jobs: readonly Job[]; timeoutMs: number; signal: AbortSignal },
): Promise<Date> {
  const limit = AbortSignal.timeout(timeoutMs);
  const isThere = (capture: CaptureSummary): boolean =>
    capture.nodes.length === nodes.length && capture.nodes.every(takesWord);
  let last: CaptureSummary | undefined;
  await followCapture(cluster, { name, jobs }, AbortSignal.any([signal, limit]), (capture) => {
    last = capture;
    return capture !== undefined && (isThere(capture) || capture.nodes.some(isFinal));
  });
  signal.throwIfAborted();
  if (last === undefined || !isThere(last)) throw unready(last?.nodes ?? [], timeoutMs);
  const lead = SECOND + LEAD + LEAD_EACH * nodes.length;
  const at = new Date(Math.ceil((cluster.serverTime().getTime() + lead) / SECOND) * SECOND);
  const tell = async ({ pod = '' }: NodeStatus): Promise<void> => {
    await cluster.annotatePod(cluster.namespace, pod, { [ANNOTATION_START]: at.toISOString() });
  };
  await pMap(last.nodes, tell, { concurrency: IN_FLIGHT, signal });
  return at;
}

/** Whether a node will begin when it is told to: one that is ready may be evicted, or not answer any more. */
function takesWord(node: NodeStatus): boolean {
  return node.ready && !isFinal(node) && node.problem === undefined;
}

/** Those that cannot become ready are the reason; else those that were not in time. */
function unready(nodes: readonly NodeStatus[], timeoutMs: number): CaptureError {
  const failed = nodes.filter(isFinal);
  const late = nodes.filter((node) => !takesWord(node));
  const reasons = failed.length > 0 ? failed : late;
  const named = reasons.slice(0, MAX_NAMED).map(({ node, problem }) => `${node} (${problem ?? 'no reason told'})`);
  const others = reasons.length - named.length;
  const which = [...named, ...(others > 0 ? [`and ${others} more`] : [])].join(', ') || 'its pods are not there';
  const how = failed.length > 0 ? 'cannot begin' : `not ready after ${timeoutMs / 1000} s`;
  const hints = new Set(reasons.slice(0, MAX_NAMED).flatMap(({ hint }) => hint ?? []));
  const step = 'Without --sync, or with --node-names of the others, those that are ready capture.';
  return new CaptureError(`no node has begun, as one would have been missing: ${how}: ${which}`, {
    hint: [...hints, step].join('\n'),
  });
}
