import { setImmediate as nextTurn } from 'node:timers/promises';
import type { CapturePlan } from '../capture/plan.ts';
import type { CaptureRequest } from '../capture/request.ts';
import { readSnapshot } from '../capture/snapshot.ts';
import { toStartSpec } from '../capture/start-spec.ts';
import type { StartSpec } from '../capture/workload-spec.ts';
import type { Deps } from '../deps.ts';
import { CaptureError, ClusterError, UsageError } from '../errors.ts';
import type { Cluster, ConnectionOptions, Job } from '../kube/cluster.ts';
import { clock } from './begin-words.ts';
import type { CreateFlags } from './capture-flags.ts';
import { type Made, type OutputFlags, printMade, toMode } from './create-output.ts';
import { checkNodeFilters } from './filter-check.ts';
import { filterLines } from './filter-lines.ts';
import { Problems, throwProblems } from './flags.ts';
import { type Order, readOrders } from './orders.ts';
import { count, limitWords, plural, span } from './render.ts';

type Flags = CreateFlags & ConnectionOptions & OutputFlags & { filename?: string };

/** A capture that was created, or would be. */
export type Begun = Made & { order: Order; cluster: Cluster; startedAt: Date };

/**
 * `capture create`: one Job per node; with --wait, until the last tarball is saved. Returns the exit code. What only some
 * ways to call it need is loaded when they do: a client dry run is mostly loading.
 */
export async function create(deps: Deps, flags: Flags): Promise<number> {
  const problems = new Problems();
  const mode = toMode(flags, problems);
  const orders = await readOrders(flags, problems, deps);
  throwProblems(problems);
  if (mode.kind === 'manifest') return (await import('./manifest-output.ts')).printManifests(deps.ui, orders);
  const cluster = await deps.connect(flags);
  const nameOf = ({ request }: Order): string => request.name;
  const begun = await each(deps, orders, nameOf, (order) => {
    const { namespace = cluster.namespace } = order;
    return begin(deps, mode.kind, { order, cluster: cluster.withNamespace(namespace) });
  });
  const wait = mode.kind === 'create' && flags.wait === true;
  const ended: Outcomes<number> = wait
    ? await each(
        deps,
        begun.done,
        ({ order }) => nameOf(order),
        async (one) => (await import('./create-wait.ts')).waitAndCleanUp(deps, one, mode.shape),
      )
    : { done: [], failed: false, fault: undefined };
  // Whoever waits for people's words has been told them by now.
  if (begun.done.length > 0 && !(wait && mode.shape === 'plain')) await printMade(deps.ui, begun.done, mode);
  for (const { fault } of [begun, ended]) if (fault !== undefined) throw fault;
  if (mode.kind === 'create' && !wait) {
    for (const { plan } of begun.done) {
      deps.ui.note(`Next: kubectl retina capture status ${plan.name} -n ${plan.namespace}`);
    }
  }
  return begun.failed || ended.failed || ended.done.some((code) => code !== 0) ? 1 : 0;
}

type Outcomes<R> = { done: readonly R[]; failed: boolean; fault: unknown };

/** Does something for each, in turn. Where there are several, a failure is told and the next has its turn. */
async function each<T, R>(
  deps: Deps,
  all: readonly T[],
  nameOf: (one: T) => string,
  act: (one: T) => Promise<R>,
): Promise<Outcomes<R>> {
  const done: R[] = [];
  let failed = false;
  for (const one of all) {
    try {
      done.push(await act(one));
    } catch (error) {
      const wrong = error instanceof UsageError;
      const known = wrong || error instanceof CaptureError || error instanceof ClusterError;
      // What was done before is told first, then how it ended.
      if (all.length === 1 || !known) return { done, failed: true, fault: error };
      deps.ui.outcome(false, `${nameOf(one)}: ${[error.message, error.hint ?? []].flat().join('\n  ')}`);
      failed = true;
    }
  }
  return { done, failed, fault: undefined };
}

/** Reads, plans, and creates or asks. */
async function begin(
  deps: Deps,
  kind: 'create' | 'client' | 'server',
  { order, cluster }: { order: Order; cluster: Cluster },
): Promise<Begun> {
  const { request, warnings } = order;
  const place = { wait: order.flags.wait === true, signal: deps.signal };
  const preflight =
    kind === 'create' ? (await import('../capture/preflight.ts')).startPreflight(request, cluster, place) : undefined;
  const reading = readSnapshot(request, cluster, { creating: kind !== 'client' }).catch(async (error: unknown) => {
    throw preflight === undefined ? error : await preflight.explain(error);
  });
  const [snapshot, { planCapture }] = await Promise.all([reading, loadPlanning()]);
  const start = toStartSpec(request.start, cluster);
  const plan = planCapture(request, snapshot, { id: deps.newId() + deps.newId(), startedAt: cluster.now(), start });
  const checking = [
    checkNodeFilters(plan.nodes, request),
    ...(preflight === undefined ? [] : [preflight.finish(plan)]),
  ];
  const checked = (await Promise.all(checking)).flat();
  for (const warning of [...warnings, ...plan.warnings, ...checked]) deps.ui.warn(warning);
  describe(plan, { request, start }, deps);
  const begun = { order, cluster, plan, startedAt: deps.now() };
  if (kind === 'create') return { ...begun, jobs: await apply(deps, { plan, cluster, request }) };
  if (kind === 'client') return { ...begun, jobs: plan.nodes.map(({ job }) => job) };
  const { dryRunPlan } = await import('../capture/dry-run.ts');
  const answer = await dryRunPlan(plan, cluster);
  for (const warning of answer.warnings) deps.ui.warn(warning);
  return { ...begun, jobs: answer.jobs };
}

/** What makes a plan, loaded while the first requests are on their way. */
async function loadPlanning() {
  await nextTurn();
  return import('../capture/plan.ts');
}

async function apply(
  { ui, signal, mayLeave }: Deps,
  { plan, cluster, request }: { plan: CapturePlan; cluster: Cluster; request: CaptureRequest },
): Promise<readonly Job[]> {
  const togetherMs = request.start?.kind === 'together' ? request.start.timeoutMs : null;
  const ready = plan.nodes.length === 1 ? 'the node is ready' : `all ${count(plan.nodes.length)} nodes are ready`;
  if (togetherMs !== null) ui.note(`Waiting until ${ready}, for ${span(togetherMs)} at most`);
  const { applyPlan } = await import('../capture/apply.ts');
  const { name, namespace } = plan;
  const left = `what was created of capture ${name} may be left: kubectl retina capture delete ${name} -n ${namespace}`;
  const { jobs, at } = await mayLeave(left, () => applyPlan(plan, cluster, { togetherMs, signal }));
  if (at !== undefined) ui.note(`Now ${ready}: the capture begins at ${clock(at)}`);
  return jobs;
}

type Described = { request: CaptureRequest; start: StartSpec | undefined };

function describe(plan: CapturePlan, { request, start }: Described, deps: Deps): void {
  const when = start === undefined ? '' : start.kind === 'at' ? `from ${clock(new Date(start.at))} ` : 'together ';
  const what = `${aim(plan)}, ${when}${limitWords(request, ' a node')}`;
  deps.ui.note(`Capture ${plan.name} in namespace ${plan.namespace}: ${what}`);
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
