import { applyPlan } from '../capture/apply.ts';
import { deleteCaptures } from '../capture/delete.ts';
import { type CapturePlan, planCapture } from '../capture/plan.ts';
import type { CaptureRequest } from '../capture/request.ts';
import { readSnapshot } from '../capture/snapshot.ts';
import type { CaptureSummary } from '../capture/status.ts';
import { waitForCapture } from '../capture/wait.ts';
import type { Deps } from '../deps.ts';
import { InterruptedError } from '../errors.ts';
import type { Cluster, ConnectionOptions } from '../kube/cluster.ts';
import { type CreateFlags, toCaptureRequest } from './capture-flags.ts';
import { showProgress } from './progress.ts';
import { count, failureLines, locations, plural, size, span, totals } from './render.ts';

/** Milliseconds for --cleanup-after-upload. */
const CLEANUP_LIMIT = 120_000;

/** `capture create`: one Job per node; with --wait, until the last tarball is saved. Returns the exit code. */
export async function create(deps: Deps, flags: CreateFlags & ConnectionOptions): Promise<number> {
  const { request, timeoutMs, warnings } = await toCaptureRequest(flags, deps);
  const cluster = await deps.connect(flags);
  const snapshot = await readSnapshot(request, cluster);
  const plan = planCapture(request, snapshot, { id: deps.newId() + deps.newId(), startedAt: deps.now() });
  for (const warning of [...warnings, ...plan.warnings]) deps.ui.warn(warning);
  describe(plan, request, deps);
  const startedAt = deps.now();
  await applyPlan(plan, cluster, deps.signal);
  if (flags.wait === true) {
    const code = await waitAndReport(deps, cluster, plan, { timeoutMs, startedAt });
    // What failed stays: it tells why, and where the tarball is.
    if (code === 0 && request.cleanup === 'client') await cleanUp(deps, cluster, plan);
    return code;
  }
  const rows = plan.nodes.map(({ node, job, tarball, elsewhere }) => [
    node,
    `job/${job.metadata?.name}`,
    tarball,
    ...elsewhere,
  ]);
  await deps.ui.printTable(rows);
  deps.ui.note(`Next: kubectl retina capture status ${plan.name} -n ${plan.namespace}`);
  return 0;
}

async function cleanUp({ ui, signal }: Deps, cluster: Cluster, plan: CapturePlan): Promise<void> {
  const removed = await deleteCaptures(cluster, [plan.name], { timeoutMs: CLEANUP_LIMIT, signal });
  const jobs = removed.filter(({ kind }) => kind === 'jobs').length;
  ui.note(`Removed ${plural(jobs, 'Job')}${plan.secret === undefined ? '' : ' and the Secret'}; the tarballs stay`);
}

function describe(plan: CapturePlan, request: CaptureRequest, deps: Deps): void {
  const pods = plan.nodes.reduce((total, node) => total + node.pods.length, 0);
  const what =
    pods > 0 ? `${plural(pods, 'pod')} on ${plural(plan.nodes.length, 'node')}` : plural(plan.nodes.length, 'node');
  const limits = [
    request.durationMs === null ? [] : [`for ${span(request.durationMs)}`],
    request.maxBytes === null ? [] : [`up to ${size(request.maxBytes)} a node`],
  ].flat();
  const until = limits.length > 0 ? limits.join(' or ') : 'until it is stopped';
  deps.ui.note(`Capture ${plan.name} in namespace ${plan.namespace}: ${what}, ${until}`);
  for (const [filter, nodes] of Map.groupBy(plan.nodes, (node) => node.filter)) {
    if (filter === '') continue;
    const shown = filter.length > 300 ? `${filter.slice(0, 300)} …` : filter;
    const names = nodes.map((node) => node.node);
    deps.ui.note(`  filter on ${names.length > 3 ? plural(names.length, 'node') : names.join(', ')}: ${shown}`);
  }
}

async function waitAndReport(
  deps: Deps,
  cluster: Cluster,
  plan: CapturePlan,
  options: { timeoutMs: number | null; startedAt: Date },
): Promise<number> {
  const progress = await showProgress(deps, options.startedAt);
  const { signal } = deps;
  try {
    const capture = await waitForCapture(cluster, plan.name, {
      timeoutMs: options.timeoutMs,
      signal,
      progress: progress.update,
    });
    progress.end();
    return await report(deps, capture, deps.now().getTime() - options.startedAt.getTime());
  } catch (error) {
    if (!signal.aborted) throw error;
    const rest = `${plan.name} -n ${plan.namespace}`;
    throw new InterruptedError(
      `no longer waiting; capture ${plan.name} goes on`,
      `End it and keep the files: kubectl retina capture stop ${rest}\n  Remove it: kubectl retina capture delete ${rest}`,
    );
  } finally {
    progress.end();
  }
}

async function report(deps: Deps, capture: CaptureSummary, elapsedMs: number): Promise<number> {
  const { ui } = deps;
  const saved = capture.nodes.filter((node) => node.phase === 'completed');
  const good = saved.length === capture.nodes.length;
  const { packets, lost, bytes } = totals(capture.nodes);
  const facts = `${count(packets)} packets, ${count(lost)} lost, ${size(bytes)}`;
  const head = `${saved.length} of ${plural(capture.nodes.length, 'tarball')} saved in ${(elapsedMs / 1000).toFixed(1)} s: ${facts}`;
  ui.outcome(good, head);
  if (saved.length > 0) {
    const rows = saved.flatMap((node) => {
      const bytes = size(node.result?.tarball?.bytes ?? 0);
      return locations(node).map((place) => [node.node, place, bytes]);
    });
    await ui.printTable(rows);
  }
  for (const line of failureLines(capture)) ui.note(line);
  const rest = `${capture.name} -n ${capture.namespace}`;
  ui.note(
    saved.length > 0 ? `Next: kubectl retina capture download ${rest}` : `Next: kubectl retina capture status ${rest}`,
  );
  return good ? 0 : 1;
}
