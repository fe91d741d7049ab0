import { CaptureError, ClusterError } from '../errors.ts';
import type { Cluster, Job } from '../kube/cluster.ts';
import { type HeldUp, watchHeldUp, withHeldUp } from './held-up.ts';
import { followCapture } from './observe.ts';
import { type CaptureSummary, isFinal, type NodeStatus, stateOf, summarize } from './status.ts';

/** Open nodes that an error names. */
const MAX_NAMED = 20;

export type WaitOptions = {
  /** Null for no limit. */
  timeoutMs: number | null;
  signal: AbortSignal;
  progress: (capture: CaptureSummary) => void;
  /** The Jobs that must be there: of one that has gone before it was seen, no other would tell. */
  jobs?: readonly Job[];
  /** Whether a node is not waited for, besides those of which no more can come. */
  spared?: (node: NodeStatus) => boolean;
};

/**
 * Watches a capture until every node is done or can no longer succeed, and returns how it ended. A capture that
 * vanishes, or is not done after `timeoutMs`, is a CaptureError. Ends at once when the signal is aborted.
 */
export async function waitForCapture(cluster: Cluster, name: string, options: WaitOptions): Promise<CaptureSummary> {
  const limit = new AbortController();
  const timer = options.timeoutMs === null ? undefined : setTimeout(() => limit.abort(), options.timeoutMs);
  let last: CaptureSummary | undefined;
  let vanished = false;
  const known = new Map<string, NodeStatus>();
  const [begun] = summarize({ jobs: options.jobs ?? [], pods: [], events: [] }, cluster.now());
  for (const node of begun?.nodes ?? []) known.set(node.job, node);
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
    await followCapture(cluster, { name, jobs: options.jobs ?? [] }, signal, (capture) => {
      if (capture === undefined) {
        vanished = last !== undefined || known.size > 0;
        return vanished;
      }
      last = withKnown(capture, known);
      tell(last);
      return last.nodes.every((node) => isFinal(node) || options.spared?.(node) === true);
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

/**
 * A Job with a time to live goes while others still run, and so does the pod of one that was ended: what its node told
 * stays. A Job that goes before it has ended was deleted by somebody.
 */
function withKnown(capture: CaptureSummary, known: Map<string, NodeStatus>): CaptureSummary {
  for (const node of capture.nodes) {
    const before = known.get(node.job);
    const told = before !== undefined && isFinal(before) && !before.mayStart;
    if (!told || (before.result === undefined && node.result !== undefined)) known.set(node.job, node);
  }
  const there = new Set(capture.nodes.map(({ job }) => job));
  const nodes = [...known.values()].map((node) =>
    there.has(node.job) || isFinal(node) ? node : deletedNode(node, capture),
  );
  return { ...capture, state: stateOf(nodes), nodes: nodes.sort((a, b) => (a.node < b.node ? -1 : 1)) };
}

function deletedNode(node: NodeStatus, { name, namespace }: CaptureSummary): NodeStatus {
  const look = `kubectl retina capture delete ${name} -n ${namespace}, then kubectl retina capture download ${name} -n ${namespace}`;
  return {
    ...node,
    phase: 'failed',
    problem: 'its Job was deleted',
    hint: `Its pod delivers what it has as it ends. To look for it once the others are downloaded: ${look}`,
  };
}

function timeoutError(capture: CaptureSummary, timeoutMs: number): CaptureError {
  const open = capture.nodes.filter((node) => !isFinal(node));
  const which = open.slice(0, MAX_NAMED).map((node) => `${node.node} (${node.problem ?? node.phase})`);
  const more = open.length > MAX_NAMED ? ` and ${open.length - MAX_NAMED} more` : '';
  const hints = new Set(open.slice(0, MAX_NAMED).flatMap(({ hint }) => hint ?? []));
  const watch = `It goes on. Watch it: kubectl retina capture status ${capture.name} -n ${capture.namespace}`;
  return new CaptureError(
    `after ${Math.round(timeoutMs / 1000)} s, ${open.length} of ${capture.nodes.length} nodes of capture ${capture.name} are not done: ${which.join(', ')}${more}`,
    { hint: [...hints, watch].join('\n') },
  );
}
