import { applyPrunePlan, readPrunePlan } from '../capture/prune.ts';
import type { PrunedCapture, PrunePlan } from '../capture/prune-plan.ts';
import type { Removed } from '../capture/remove.ts';
import type { Deps } from '../deps.ts';
import { InterruptedError } from '../errors.ts';
import type { ConnectionOptions } from '../kube/cluster.ts';
import { Problems, parseDryRun, parseDuration, throwProblems } from './flags.ts';
import { DEFAULT_OLDER_THAN } from './options.ts';
import { age, failureLines, objectName, plural } from './render.ts';

const DEFAULT_TIMEOUT = 120_000;
/** Lines of a question that a screen can hold. */
const MAX_LINES = 20;
const KIND_WORDS = { jobs: 'Job', pods: 'pod', secrets: 'Secret' } as const;
const SUFFIX = { none: '', client: ' (dry run)', server: ' (server dry run)' } as const;

export type PruneFlags = ConnectionOptions & {
  olderThan?: string;
  allNamespaces?: boolean;
  running?: boolean;
  yes?: boolean;
  timeout?: string;
  dryRun?: string;
};

/**
 * `capture prune`: removes what is left in the cluster of captures, downloads and uploads that ended long ago, and says
 * so. Files are never removed, on nodes neither.
 */
export async function prune(deps: Deps, flags: PruneFlags): Promise<number> {
  const { ui, signal } = deps;
  const { olderThanMs, timeoutMs, dryRun } = toSettings(flags, ui);
  const cluster = await deps.connect(flags);
  const namespace = flags.allNamespaces === true ? undefined : cluster.namespace;
  const limits = { now: deps.now(), olderThanMs, running: flags.running === true };
  const plan = await readPrunePlan(cluster, namespace, limits);
  tellKept(deps, plan);
  if (plan.objects.length === 0) {
    ui.note(`There is nothing to remove${namespace === undefined ? '' : ` in namespace ${namespace}`}.`);
    return 0;
  }
  if (dryRun === 'none' && flags.yes !== true && !(await isWanted(deps, plan))) {
    signal.throwIfAborted();
    ui.note('Nothing was removed.');
    return 0;
  }
  try {
    const removed = await applyPrunePlan(plan, cluster, { namespace, dryRun, timeoutMs, signal });
    for (const one of removed) ui.print(`${told(one, namespace)}${SUFFIX[dryRun]}`);
    if (dryRun === 'none') ui.note('Files stay where they are, on nodes and in stores.');
    return 0;
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new InterruptedError(
      'no longer waiting; what was deleted so far goes on ending',
      'Run it again to see what is left.',
    );
  }
}

function toSettings(flags: PruneFlags, ui: Pick<Deps['ui'], 'canAsk'>) {
  const problems = new Problems();
  const olderThanMs = problems.parse('--older-than', flags.olderThan ?? DEFAULT_OLDER_THAN, parseDuration) ?? 0;
  const timeoutMs = problems.parse('--timeout', flags.timeout, parseDuration) ?? DEFAULT_TIMEOUT;
  const dryRun = problems.parse('--dry-run', flags.dryRun, parseDryRun) ?? 'none';
  if (dryRun === 'none' && flags.yes !== true && !ui.canAsk) {
    problems.found.push(
      '--yes: there is no terminal to ask at, so it must be given; to see what there is: --dry-run client',
    );
  }
  throwProblems(problems, 'removed');
  return { olderThanMs, timeoutMs, dryRun };
}

/** What is old enough and stays, and what is not delivered: its place is told by nothing else once its Job is gone. */
function tellKept({ ui }: Deps, { running, captures }: PrunePlan): void {
  if (running.length > 0) {
    const these = running.length === 1 ? 'this still runs' : 'these still run';
    ui.note(`Left, for ${these} (--running removes it): ${running.slice(0, MAX_LINES).join(', ')}`);
  }
  for (const { capture } of captures) {
    const lines = failureLines(capture);
    if (lines.length === 0) continue;
    ui.warn(`capture ${capture.namespace}/${capture.name} failed; what it left on nodes stays there:`);
    for (const line of lines) ui.note(line);
  }
}

async function isWanted({ ui, signal }: Deps, plan: PrunePlan): Promise<boolean> {
  const { captures, objects } = plan;
  const kinds = Map.groupBy(objects, ({ kind }) => KIND_WORDS[kind]);
  const sums = [...kinds].map(([word, some]) => plural(some.length, word));
  ui.note(`This removes ${sums.join(', ')}${captures.length === 0 ? '' : ', of these captures and their helpers'}:`);
  for (const pruned of captures.slice(0, MAX_LINES)) ui.note(`  ${lineOf(pruned)}`);
  if (captures.length > MAX_LINES) ui.note(`  … and ${captures.length - MAX_LINES} more`);
  const answer = await ui.ask('Remove them? Files stay. (y/N): ', signal);
  return /^\s*y(es)?\s*$/i.test(answer ?? '');
}

function lineOf({ capture, ageMs }: PrunedCapture): string {
  const { namespace, name, state, nodes } = capture;
  const when = state === 'Completed' || state === 'Failed' ? 'ended' : 'began';
  return `${namespace}/${name}: ${state}, ${plural(nodes.length, 'node')}, ${when} ${age(ageMs)} ago`;
}

/** As kubectl tells it: with its namespace where there may be several. */
function told(removed: Removed, only: string | undefined): string {
  return `${objectName(removed)} deleted${only === undefined ? ` from namespace ${removed.namespace}` : ''}`;
}
