import { applyPlan } from '../capture/apply.ts';
import { type CapturePlan, planCapture } from '../capture/plan.ts';
import type { CaptureRequest } from '../capture/request.ts';
import { readSnapshot } from '../capture/snapshot.ts';
import type { CaptureSummary } from '../capture/status.ts';
import { waitForCapture } from '../capture/wait.ts';
import type { Deps } from '../deps.ts';
import { InterruptedError } from '../errors.ts';
import type { Cluster, ConnectionOptions } from '../kube/cluster.ts';
import { type CreateFlags, toCaptureRequest } from './capture-flags.ts';
import { checkNodeFilters } from './filter-check.ts';
import { filterLines } from './filter-lines.ts';
import { showProgress } from './progress.ts';
import { count, failureLines, limitWords, location, plural, size, totals } from './render.ts';

/** `capture create`: one Job per node; with --wait, until the last tarball is saved. Returns the exit code. */
export async function create(deps: Deps, flags: CreateFlags & ConnectionOptions): Promise<number> {
  const { request, timeoutMs, warnings } = await toCaptureRequest(flags, deps);
  const cluster = await deps.connect(flags);
  const snapshot = await readSnapshot(request, cluster);
  const plan = planCapture(request, snapshot, { id: deps.newId() + deps.newId(), startedAt: deps.now() });
  const checked = await checkNodeFilters(plan.nodes, request);
  for (const warning of [...warnings, ...plan.warnings, ...checked]) deps.ui.warn(warning);
  describe(plan, request, deps);
  const startedAt = deps.now();
  await applyPlan(plan, cluster, deps.signal);
  if (flags.wait === true) return waitAndReport(deps, cluster, plan, { timeoutMs, startedAt });
  const rows = plan.nodes.map(({ node, job, tarball }) => [node, `job/${job.metadata?.name}`, tarball]);
  await deps.ui.printTable(rows);
  deps.ui.note(`Next: kubectl retina capture status ${plan.name} -n ${plan.namespace}`);
  return 0;
}

function describe(plan: CapturePlan, request: CaptureRequest, deps: Deps): void {
  deps.ui.note(`Capture ${plan.name} in namespace ${plan.namespace}: ${aim(plan)}, ${limitWords(request, ' a node')}`);
  for (const line of filterLines(plan.nodes, deps.ui.verbose)) deps.ui.note(line);
}

/** What is captured, in numbers: `3 pods on 2 nodes and 1 whole node`. */
function aim({ nodes }: CapturePlan): string {
  const partly = nodes.filter((node) => node.pods.length > 0);
  const pods = plural(partly.flatMap((node) => node.pods).length, 'pod');
  const whole = nodes.length - partly.length;
  return [
    partly.length > 0 ? [`${pods} on ${plural(partly.length, 'node')}`] : [],
    whole > 0 ? [plural(whole, 'whole node')] : [],
  ]
    .flat()
    .join(' and ');
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
    const rows = saved.map((node) => [node.node, location(node), size(node.result?.tarball?.bytes ?? 0)]);
    await ui.printTable(rows);
  }
  for (const line of failureLines(capture)) ui.note(line);
  const rest = `${capture.name} -n ${capture.namespace}`;
  ui.note(
    saved.length > 0 ? `Next: kubectl retina capture download ${rest}` : `Next: kubectl retina capture status ${rest}`,
  );
  return good ? 0 : 1;
}
