import type { NodeStatus } from '../capture/status.ts';
import type { Cell, Tone } from '../deps.ts';
import type { ShownCapture, ShownState } from './capture-document.ts';
import type { Column } from './columns.ts';
import { age, count, doneOf, locations, lostCell, lostOf, places, size, totals } from './render.ts';

const TONES: Partial<Record<ShownState, Tone>> = { Completed: 'good', Failed: 'bad', Deleted: 'dim' };

/** As wide as the longest state, so that what --watch adds stays aligned. */
const STATE = 'STATE'.padEnd('Completed'.length);

/** One node of a capture, as `-o wide` shows it. */
export type NodeOfCapture = { capture: ShownCapture; node: NodeStatus };

/** Columns that more than one kind of table may have. */
export type Extra = { namespaces: boolean; labels: boolean; now: () => Date };

/** What `list` shows of a capture. */
export function captureColumns(extra: Extra): Column<ShownCapture>[] {
  return [
    ...around(extra, (capture: ShownCapture) => capture).before,
    { head: STATE, cell: stateCell },
    { head: 'NODES', cell: doneOf, yields: 6 },
    { head: 'PACKETS', cell: ({ nodes }) => told(nodes, ({ packets }) => count(packets)), yields: 5 },
    { head: 'LOST', cell: ({ nodes }) => told(nodes, ({ lost }) => lostCell(lost)), yields: 3 },
    { head: 'SIZE', cell: ({ nodes }) => told(nodes, ({ bytes }) => size(bytes)), yields: 2 },
    { head: 'TO', cell: ({ nodes }) => places(nodes), yields: 1 },
    ...around(extra, (capture: ShownCapture) => capture).after,
  ];
}

/** What `list -o wide` shows of each node. */
export function nodeColumns(extra: Extra): Column<NodeOfCapture>[] {
  const { before, after } = around(extra, ({ capture }: NodeOfCapture) => capture);
  return [
    ...before,
    { head: STATE, cell: ({ capture, node }) => (capture.state === 'Deleted' ? 'deleted' : node.phase) },
    { head: 'NODE', cell: ({ node }) => node.node },
    { head: 'PACKETS', cell: ({ node }) => told([node], ({ packets }) => count(packets)), yields: 5 },
    { head: 'LOST', cell: ({ node }) => told([node], () => lostCell(lostOf(node))), yields: 3 },
    { head: 'SIZE', cell: ({ node }) => (node.result?.tarball ? size(node.result.tarball.bytes) : '–'), yields: 2 },
    { head: 'TO', cell: ({ node }) => locations(node).join(', ') || '–', yields: 1 },
    ...after,
  ];
}

function around<T>(extra: Extra, captureOf: (item: T) => ShownCapture): { before: Column<T>[]; after: Column<T>[] } {
  const name: Column<T> = { head: 'NAME', cell: (item) => captureOf(item).name };
  const namespace: Column<T> = { head: 'NAMESPACE', cell: (item) => captureOf(item).namespace };
  const old: Column<T> = {
    head: 'AGE',
    cell: (item) => age(extra.now().getTime() - captureOf(item).createdAt.getTime()),
    yields: 4,
  };
  const labels: Column<T> = { head: 'LABELS', cell: (item) => labelText(captureOf(item).labels), yields: 0 };
  return {
    before: extra.namespaces ? [namespace, name] : [name],
    after: extra.labels ? [old, labels] : [old],
  };
}

function stateCell({ state }: ShownCapture): Cell {
  const tone = TONES[state];
  return tone === undefined ? state : { text: state, tone };
}

function told(nodes: readonly NodeStatus[], cell: (sums: ReturnType<typeof totals>) => Cell): Cell {
  const sums = totals(nodes);
  return sums.known ? cell(sums) : '–';
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return pairs.sort().join(',') || '<none>';
}
