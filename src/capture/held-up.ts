import { setTimeout as sleep } from 'node:timers/promises';
import { ClusterError } from '../errors.ts';
import type { Cluster } from '../kube/cluster.ts';
import { CONTAINER_CAPTURE, HELD_UP } from './names.ts';
import { oneLine } from './plain-text.ts';
import type { CaptureSummary, NodeStatus } from './status.ts';

/** Pods that are asked at most: whoever captures on hundreds of nodes reads of the first ones that all of them wait. */
const MAX_PODS = 10;
/** Seconds for which a word counts: a delivery that has trouble speaks again within this time. */
const FRESH = 20;
const LINES = 50;
/** Bytes of all of them: one line of another's pod may be as long as its disk is large. */
const BYTES = 256 << 10;
/** Characters that are shown of a word. */
const SHOWN = 300;
/** Milliseconds between two rounds. */
const PAUSE = 5000;

/** What holds deliveries up, by the names of their Jobs. */
export type HeldUp = ReadonlyMap<string, string>;

/**
 * Asks the pods that still run what holds them up: how far a destination is behind, which try failed. Undefined for
 * whoever may not read logs; a pod that cannot be asked has nothing to say. Never rejects.
 */
export async function readHeldUp(
  cluster: Pick<Cluster, 'log'>,
  { namespace, nodes }: CaptureSummary,
  signal: AbortSignal,
): Promise<HeldUp | undefined> {
  // What the cluster itself tells of a node comes first; one that does not answer would only take time.
  const asks = ({ phase, pod, problem }: NodeStatus) => phase === 'capturing' && pod !== undefined && !problem;
  const asked = nodes.filter(asks).slice(0, MAX_PODS);
  let refused = false;
  const words = await Promise.all(
    asked.map(async ({ job, pod = '' }): Promise<[string, string][]> => {
      try {
        const target = { namespace, pod, container: CONTAINER_CAPTURE };
        const lines = (await cluster.log(target, { lines: LINES, seconds: FRESH, bytes: BYTES }, signal)).split('\n');
        const last = lines.findLast((line) => line.includes(HELD_UP));
        return last === undefined ? [] : [[job, wordsIn(last)]];
      } catch (error) {
        refused ||= error instanceof ClusterError && error.status === 403;
        return [];
      }
    }),
  );
  return refused ? undefined : new Map(words.flat());
}

function wordsIn(line: string): string {
  return oneLine(line.slice(line.indexOf(HELD_UP) + HELD_UP.length)).slice(0, SHOWN);
}

/** Asks every few seconds, as no watch tells of it, until the signal is aborted; calls back when there is, or was, something. */
export async function watchHeldUp(
  cluster: Pick<Cluster, 'log'>,
  signal: AbortSignal,
  current: () => CaptureSummary | undefined,
  changed: (heldUp: HeldUp) => void,
): Promise<void> {
  let told = 0;
  while (await sleep(PAUSE, true, { signal }).catch(() => false)) {
    const capture = current();
    const words: HeldUp | undefined = capture === undefined ? new Map() : await readHeldUp(cluster, capture, signal);
    if (words === undefined || signal.aborted) return;
    if (words.size + told > 0) changed(words);
    told = words.size;
  }
}

/** The same capture, with what its pods told; what the cluster itself tells of a node comes first. */
export function withHeldUp(capture: CaptureSummary, heldUp: HeldUp): CaptureSummary {
  const nodes = capture.nodes.map((node) =>
    node.phase === 'capturing' ? { ...node, problem: node.problem ?? heldUp.get(node.job) } : node,
  );
  return { ...capture, nodes };
}
