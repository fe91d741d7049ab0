import { readCaptures } from '../capture/observe.ts';
import type { CaptureState, CaptureSummary } from '../capture/status.ts';
import type { Cell, Deps, Tone } from '../deps.ts';
import { UsageError } from '../errors.ts';
import type { ConnectionOptions } from '../kube/cluster.ts';
import { age, count, doneOf, locations, lostCell, lostOf, places, size, totals } from './render.ts';

const TONES: Partial<Record<CaptureState, Tone>> = { Completed: 'good', Failed: 'bad' };

/** `capture list`: the captures of a namespace or of all, one a line; `-o wide` one line for each node. */
export async function list(
  deps: Deps,
  flags: ConnectionOptions & { allNamespaces?: boolean; output?: string },
): Promise<number> {
  if (flags.output !== undefined && flags.output !== 'wide') {
    throw new UsageError(`--output: "${flags.output}" is not a format; there is wide`);
  }
  const cluster = await deps.connect(flags);
  const all = flags.allNamespaces === true;
  const captures = await readCaptures(cluster, { namespace: all ? undefined : cluster.namespace });
  if (captures.length === 0) {
    deps.ui.note(all ? 'There are no captures.' : `There are no captures in namespace ${cluster.namespace}.`);
    return 0;
  }
  const now = deps.now().getTime();
  const wide = flags.output === 'wide';
  const head = ['NAME', 'STATE', wide ? 'NODE' : 'NODES', 'PACKETS', 'LOST', 'SIZE', 'TO', 'AGE'];
  const rows = captures.flatMap((capture) => (wide ? nodeRows(capture, now) : [captureRow(capture, now)]));
  const table: Cell[][] = [head, ...rows];
  const namespaces = ['NAMESPACE', ...captures.flatMap((c) => Array(wide ? c.nodes.length : 1).fill(c.namespace))];
  await deps.ui.printTable(all ? table.map((row, index) => [namespaces[index] ?? '', ...row]) : table);
  return 0;
}

function captureRow(capture: CaptureSummary, now: number): Cell[] {
  const { packets, lost, bytes, known } = totals(capture.nodes);
  const tone = TONES[capture.state];
  return [
    capture.name,
    tone === undefined ? capture.state : { text: capture.state, tone },
    doneOf(capture),
    known ? count(packets) : '–',
    known ? lostCell(lost) : '–',
    known ? size(bytes) : '–',
    places(capture),
    age(now - capture.createdAt.getTime()),
  ];
}

function nodeRows(capture: CaptureSummary, now: number): Cell[][] {
  return capture.nodes.map((node) => [
    capture.name,
    node.phase,
    node.node,
    node.result === undefined ? '–' : count(node.result.packets),
    node.result === undefined ? '–' : lostCell(lostOf(node)),
    node.result?.tarball == null ? '–' : size(node.result.tarball.bytes),
    locations(node).join(', ') || '–',
    age(now - capture.createdAt.getTime()),
  ]);
}
