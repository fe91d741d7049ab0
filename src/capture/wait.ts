import { CaptureError, ClusterError } from '../errors.ts';
import type { Cluster } from '../kube/cluster.ts';
import { type HeldUp, watchHeldUp, withHeldUp } from './held-up.ts';
import { followCapture } from './observe.ts';
import { type CaptureSummary, isFinal, type NodeStatus } from './status.ts';

/**
 * Watches a capture until every node is done or can no longer succeed, and returns how it ended. A capture that
 * vanishes, or is not done after `timeoutMs` (null: no limit), is a CaptureError. Ends at once when the signal is aborted.
 */
export async function waitForCapture(
  cluster: Cluster,
  name: string,
  options: { timeoutMs: number | null; signal: AbortSignal; progress: (capture: CaptureSummary) => void },
): Promise<CaptureSummary> {
  const limit = new AbortController();
  const timer = options.timeoutMs === null ? undefined : setTimeout(() => limit.abort(), options.timeoutMs);
  let last: CaptureSummary | undefined;
  let vanished = false;
  const ended = new Map<string, NodeStatus>();
  let heldUp: HeldUp = new Map();
  const tell = (capture: CaptureSummary): void => options.progress(withHeldUp(capture, heldUp));
  const over = new AbortController();
  const signal = AbortSignal.any([options.signal, limit.signal, over.signal]);
  void watchHeldUp(
    cluster,
    signal,
    () => last,
    (words) => {
      heldUp = words;
      if (last !== undefined) tell(last);
    },
  );
  try {
    await followCapture(cluster, name, signal, (capture) => {
      if (capture === undefined) {
        vanished = last !== undefined;
        return vanished;
      }
      last = withEnded(capture, ended);
      tell(last);
      return last.nodes.every(isFinal);
    });
  } catch (error) {
    throw noLongerWatched(error, cluster, name);
  } finally {
    clearTimeout(timer);
    over.abort();
  }
  options.signal.throwIfAborted();
  if (vanished || last === undefined) {
    throw new CaptureError(`capture ${name} was deleted while it was waited for`, {
      hint: 'What it had captured by then is on its nodes: kubectl retina capture download NAME finds it there.',
    });
  }
  if (limit.signal.aborted) throw timeoutError(withHeldUp(last, heldUp), options.timeoutMs ?? 0);
  return last;
}

/** Of a server that no longer answers: the capture does not depend on it. */
function noLongerWatched(error: unknown, { namespace }: Cluster, name: string): unknown {
  const away = error instanceof ClusterError && (error.status === undefined || error.status >= 429);
  if (!away) return error;
  return new CaptureError(`how capture ${name} ended is not known: ${error.message}`, {
    hint: `It goes on on its nodes. Once the server answers: kubectl retina capture status ${name} -n ${namespace}`,
    cause: error,
  });
}

/** A Job with a time to live goes while others still run: what its node told stays. */
function withEnded(capture: CaptureSummary, ended: Map<string, NodeStatus>): CaptureSummary {
  for (const node of capture.nodes) {
    if (isFinal(node)) ended.set(node.job, node);
    else ended.delete(node.job);
  }
  const there = new Set(capture.nodes.map(({ job }) => job));
  const gone = [...ended.values()].filter(({ job }) => !there.has(job));
  if (gone.length === 0) return capture;
  return { ...capture, nodes: [...capture.nodes, ...gone].sort((a, b) => (a.node < b.node ? -1 : 1)) };
}

function timeoutError(capture: CaptureSummary, timeoutMs: number): CaptureError {
  const open = capture.nodes.filter((node) => !isFinal(node));
  const which = open.slice(0, 5).map((node) => `${node.node} (${node.problem ?? node.phase})`);
  const more = open.length > 5 ? ` and ${open.length - 5} more` : '';
  return new CaptureError(
    `after ${Math.round(timeoutMs / 1000)} s, ${open.length} of ${capture.nodes.length} nodes of capture ${capture.name} are not done: ${which.join(', ')}${more}`,
    { hint: `It goes on. Watch it: kubectl retina capture status ${capture.name} -n ${capture.namespace}` },
  );
}
