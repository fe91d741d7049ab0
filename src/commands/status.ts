import { readHeldUp, withHeldUp } from '../capture/held-up.ts';
import { readCapture } from '../capture/observe.ts';
import { type CaptureSummary, type NodeStatus, stopReasonWords } from '../capture/status.ts';
import { waitForCapture } from '../capture/wait.ts';
import type { WorkloadResult } from '../capture/workload-spec.ts';
import type { Cell, Deps } from '../deps.ts';
import { InterruptedError } from '../errors.ts';
import type { Cluster, ConnectionOptions } from '../kube/cluster.ts';
import { lateLines, waitWords } from './begin-words.ts';
import { statusDocument } from './capture-document.ts';
import { type Column, headOf, rowOf, yieldingOf } from './columns.ts';
import { filterLines } from './filter-lines.ts';
import { Problems, throwProblems } from './flags.ts';
import { captureName } from './name-argument.ts';
import { type Format, parseFormat, renderDocument } from './output-format.ts';
import { showProgress } from './progress.ts';
import {
  age,
  clockLines,
  count,
  failureLines,
  locations,
  lostCell,
  lostOf,
  openLines,
  plural,
  size,
  totals,
  uploadStep,
} from './render.ts';

export type StatusFlags = ConnectionOptions & { name?: string; output?: string; watch?: boolean };

/** `capture status`: one capture in depth; with --watch until it has ended. Exit code 1 when it failed on a node. */
export async function status(deps: Deps, name: string | undefined, flags: StatusFlags): Promise<number> {
  const problems = new Problems();
  const format = problems.parse('--output', flags.output, parseFormat(['json', 'yaml', 'jsonpath']));
  throwProblems(problems, 'read');
  const wanted = captureName(name, flags.name);
  const cluster = await deps.connect(flags);
  const seen = await readCapture(cluster, wanted);
  const now = withHeldUp(seen, (await readHeldUp(cluster, seen, deps.signal)) ?? new Map());
  const capture = flags.watch === true ? await watch(deps, cluster, now, format) : now;
  if (format === undefined) await show(deps.ui, capture, cluster.now());
  else if (flags.watch !== true) deps.ui.print(await renderStatus(format, capture));
  return capture.state === 'Failed' ? 1 : 0;
}

/** Follows a capture to its end, or as long as it is read: as `create --wait` shows it, or as a document for each change. */
async function watch(
  deps: Deps,
  cluster: Cluster,
  capture: CaptureSummary,
  format: Format | undefined,
): Promise<CaptureSummary> {
  const { ui } = deps;
  const signal = AbortSignal.any([deps.signal, deps.unread]);
  const progress =
    format === undefined ? await showProgress({ ui, now: () => cluster.now() }, capture.createdAt) : undefined;
  let last = '';
  let seen = capture;
  // Documents are printed one after the other, though making one takes time.
  let printed = Promise.resolve();
  const tell = (next: CaptureSummary): void => {
    seen = next;
    progress?.update(next);
    if (format === undefined || JSON.stringify(next) === last) return;
    last = JSON.stringify(next);
    const start = format.kind === 'yaml' ? '---\n' : '';
    printed = printed.then(async () => ui.print(start + (await renderStatus(format, next))));
  };
  try {
    const ended = await waitForCapture(cluster, capture.name, { timeoutMs: null, signal, progress: tell });
    await printed;
    return ended;
  } catch (error) {
    if (!signal.aborted) throw error;
    if (!deps.signal.aborted) return seen;
    throw new InterruptedError(`no longer watching; capture ${capture.name} goes on`);
  } finally {
    progress?.end();
  }
}

async function renderStatus(format: Format, capture: CaptureSummary): Promise<string> {
  const document = statusDocument(capture);
  if (format.kind === 'template') return format.template(document).replace(/\n$/, '');
  return await renderDocument(format.kind === 'yaml' ? 'yaml' : 'json', document);
}

async function show(ui: Deps['ui'], capture: CaptureSummary, now: Date): Promise<void> {
  ui.print(headline(capture, now));
  for (const line of filterLines(capture.nodes, ui.verbose)) ui.print(line);
  ui.print('');
  await ui.printTable(
    [...headOf(COLUMNS, true), ...capture.nodes.map((node) => rowOf(COLUMNS, node))],
    yieldingOf(COLUMNS),
  );
  const problems = [...failureLines(capture), ...openLines(capture)];
  if (problems.length > 0) ui.print(`\n${problems.join('\n')}`);
  for (const line of [...lateLines(capture), ...lossLines(capture), ...clockLines(capture)]) ui.warn(line);
  const next = nextStep(capture);
  if (next !== undefined) ui.note(`Next: ${next}`);
}

/** A cell of what the result tells; a dash while there is none. */
function told(cell: (result: WorkloadResult) => Cell): (node: NodeStatus) => Cell {
  return ({ result }) => (result === undefined ? '–' : cell(result));
}

const COLUMNS: readonly Column<NodeStatus>[] = [
  { head: 'NODE', cell: (node) => node.node },
  { head: 'STATE', cell: stateCell },
  { head: 'ENDED BY', cell: endCell, yields: 3 },
  { head: 'PACKETS', cell: told((result) => count(result.packets)), yields: 5 },
  { head: 'LOST', cell: (node) => (node.result === undefined ? '–' : lostCell(lostOf(node))), yields: 4 },
  { head: 'SIZE', cell: told(({ tarball }) => (tarball === null ? '–' : size(tarball.bytes))), yields: 2 },
  {
    head: 'SHA-256',
    cell: told(({ tarball }) => (tarball === null ? '–' : `${tarball.sha256.slice(0, 12)}…`)),
    yields: 0,
  },
  { head: 'DELIVERED TO', cell: deliveryCell, yields: 1 },
];

function endCell({ result, endedBy }: NodeStatus): Cell {
  return endedBy ?? (result === undefined ? '–' : stopReasonWords(result.stopReason));
}

function stateCell(node: NodeStatus): Cell {
  const { phase } = node;
  return { text: waitWords(node) ?? phase, tone: phase === 'completed' ? 'good' : phase === 'failed' ? 'bad' : 'dim' };
}

function deliveryCell(node: NodeStatus): Cell {
  const { result } = node;
  return (result === undefined ? locations(node) : delivered(result)).join('  ') || '–';
}

function delivered({ destinations, rescued }: WorkloadResult): string[] {
  const places = destinations.map(
    (to) => `${to.location} ${to.removed === true ? '(removed: the others have it)' : to.ok ? '✔' : '✖'}`,
  );
  return [...places, ...(rescued === undefined ? [] : [`${rescued} (kept on the node)`])];
}

function headline(capture: CaptureSummary, now: Date): string {
  const started = capture.createdAt.toISOString().slice(0, 19).replace('T', ' ');
  const ended = capture.nodes.flatMap((node) => (node.result === undefined ? [] : [node.result.endedAt])).sort();
  const last = ended.at(-1)?.slice(0, 19).replace('T', ' ');
  const reasons = new Set(
    capture.nodes.flatMap((node) => (node.result === undefined ? [] : [stopReasonWords(node.result.stopReason)])),
  );
  const why = reasons.size > 0 ? ` (${[...reasons].join(', ')})` : '';
  const end = last === undefined || ended.length < capture.nodes.length ? '' : `, ended ${last}${why}`;
  const ago = age(now.getTime() - capture.createdAt.getTime());
  return `${capture.name} · ${capture.state} · ${plural(capture.nodes.length, 'node')} · created ${started} UTC (${ago} ago)${end}`;
}

function lossLines(capture: CaptureSummary): string[] {
  return capture.nodes.flatMap((node) => {
    const lost = lostOf(node);
    if (lost === 0 || node.result === undefined) return [];
    const share = (100 * lost) / (lost + node.result.packets);
    const where = `${count(node.result.droppedByKernel)} by the kernel, ${count(node.result.droppedByInterface)} by the interface`;
    return [
      `node ${node.node} lost ${plural(lost, 'packet')} (${share.toFixed(2)} %): ${where}; a narrower --pcap-filter or a smaller --packet-size helps`,
    ];
  });
}

function nextStep(capture: CaptureSummary): string | undefined {
  const rest = `${capture.name} -n ${capture.namespace}`;
  if (capture.state === 'Capturing' || capture.state === 'Pending') return `kubectl retina capture stop ${rest}`;
  return (
    uploadStep(capture) ?? (totals(capture.nodes).bytes > 0 ? `kubectl retina capture download ${rest}` : undefined)
  );
}
