import { readCapture } from '../capture/observe.ts';
import { type CaptureSummary, type NodeStatus, stopReasonWords } from '../capture/status.ts';
import type { WorkloadResult } from '../capture/workload-spec.ts';
import type { Cell, Deps } from '../deps.ts';
import type { ConnectionOptions } from '../kube/cluster.ts';
import { captureName } from './name-argument.ts';
import { age, count, failureLines, locations, lostCell, lostOf, plural, size, totals } from './render.ts';

/** `capture status`: one capture in depth. Exit code 1 when it failed on a node. */
export async function status(
  deps: Deps,
  name: string | undefined,
  flags: ConnectionOptions & { name?: string },
): Promise<number> {
  const wanted = captureName(name, flags.name);
  const cluster = await deps.connect(flags);
  const capture = await readCapture(cluster, wanted);
  const { ui } = deps;
  ui.print(headline(capture, deps.now()));
  ui.print('');
  const head = ['NODE', 'STATE', 'ENDED BY', 'PACKETS', 'LOST', 'SIZE', 'SHA-256', 'DELIVERED TO'];
  await ui.printTable([head, ...capture.nodes.map(nodeRow)]);
  const failures = failureLines(capture);
  if (failures.length > 0) ui.print(`\n${failures.join('\n')}`);
  for (const line of lossLines(capture)) ui.warn(line);
  const next = nextStep(capture);
  if (next !== undefined) ui.note(`Next: ${next}`);
  return capture.state === 'Failed' ? 1 : 0;
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

function nodeRow(node: NodeStatus): Cell[] {
  const { result } = node;
  const tone = node.phase === 'completed' ? 'good' : node.phase === 'failed' ? 'bad' : 'dim';
  const state: Cell = { text: node.phase, tone };
  if (result === undefined) return [node.node, state, '–', '–', '–', '–', '–', locations(node).join('  ') || '–'];
  return [
    node.node,
    state,
    stopReasonWords(result.stopReason),
    count(result.packets),
    lostCell(lostOf(node)),
    result.tarball === null ? '–' : size(result.tarball.bytes),
    result.tarball === null ? '–' : `${result.tarball.sha256.slice(0, 12)}…`,
    delivered(result),
  ];
}

function delivered({ destinations, rescued }: WorkloadResult): string {
  const places = destinations.map((to) => `${to.location} ${to.ok ? '✔' : '✖'}`);
  return [...places, ...(rescued === undefined ? [] : [`${rescued} (kept on the node)`])].join('  ') || '–';
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
  return totals(capture.nodes).bytes > 0 ? `kubectl retina capture download ${rest}` : undefined;
}
