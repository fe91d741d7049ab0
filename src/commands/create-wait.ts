import { deleteCaptures } from '../capture/delete.ts';
import type { CapturePlan } from '../capture/plan.ts';
import type { CaptureSummary } from '../capture/status.ts';
import type { Deps } from '../deps.ts';
import type { Cluster } from '../kube/cluster.ts';
import { lateLines } from './begin-words.ts';
import type { Begun } from './create.ts';
import type { Shape } from './create-output.ts';
import { stillDeleting } from './delete.ts';
import { clockLines, count, failureLines, locations, plural, size, totals, uploadStep } from './render.ts';
import { waitForEnd } from './wait-for-end.ts';

/** Milliseconds for --cleanup-after-upload. */
const CLEANUP_LIMIT = 120_000;

/** Waits for a capture's end and tells how it was; removes it if that was asked for. Returns the exit code. */
export async function waitAndCleanUp(deps: Deps, begun: Begun, shape: Shape): Promise<number> {
  const code = await waitAndReport(deps, begun, shape);
  // What failed stays: it tells why, and where the tarball is.
  if (code === 0 && begun.order.request.cleanup === 'client') await cleanUp(deps, begun.cluster, begun.plan);
  return code;
}

async function cleanUp({ ui, signal }: Deps, cluster: Cluster, plan: CapturePlan): Promise<void> {
  const limits = { timeoutMs: CLEANUP_LIMIT, signal };
  const removed = await deleteCaptures(cluster, [plan.name], limits).catch((error: unknown) => {
    throw signal.aborted ? stillDeleting([plan.name], plan.namespace) : error;
  });
  const jobs = removed.filter(({ kind }) => kind === 'jobs').length;
  ui.note(`Removed ${plural(jobs, 'Job')}${plan.secret === undefined ? '' : ' and the Secret'}; the tarballs stay`);
}

async function waitAndReport(deps: Deps, begun: Begun, shape: Shape): Promise<number> {
  const { cluster, plan, startedAt, order, jobs } = begun;
  const capture = await waitForEnd(deps, { cluster, name: plan.name, startedAt, jobs, timeoutMs: order.timeoutMs });
  return await report(deps, capture, { elapsedMs: deps.now().getTime() - startedAt.getTime(), shape });
}

async function report(
  deps: Deps,
  capture: CaptureSummary,
  { elapsedMs, shape }: { elapsedMs: number; shape: Shape },
): Promise<number> {
  const { ui } = deps;
  const saved = capture.nodes.filter((node) => node.phase === 'completed');
  const good = saved.length === capture.nodes.length;
  const { packets, lost, bytes } = totals(capture.nodes);
  const facts = `${count(packets)} packets, ${count(lost)} lost, ${size(bytes)}`;
  const head = `${saved.length} of ${plural(capture.nodes.length, 'tarball')} saved in ${(elapsedMs / 1000).toFixed(1)} s: ${facts}`;
  ui.outcome(good, head);
  if (saved.length > 0 && shape === 'plain') {
    const rows = saved.flatMap((node) => {
      const bytes = size(node.result?.tarball?.bytes ?? 0);
      return locations(node).map((place) => [node.node, place, bytes]);
    });
    await ui.printTable(rows);
  }
  for (const line of failureLines(capture)) ui.note(line);
  for (const line of [...lateLines(capture), ...clockLines(capture)]) ui.warn(line);
  const rest = `${capture.name} -n ${capture.namespace}`;
  const other = saved.length > 0 ? 'download' : 'status';
  ui.note(`Next: ${uploadStep(capture) ?? `kubectl retina capture ${other} ${rest}`}`);
  return good ? 0 : 1;
}
