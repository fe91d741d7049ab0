import { checkDestinations } from '../capture/destinations.ts';
import { readCapture } from '../capture/observe.ts';
import { locationOf } from '../capture/places.ts';
import { failedWords } from '../capture/result-words.ts';
import type { CaptureSummary } from '../capture/status.ts';
import { readStorage } from '../capture/storage.ts';
import { runUploads, type UploadOutcome } from '../capture/upload.ts';
import { planUploads, type UploadPlan, type UploadRequest } from '../capture/upload-plan.ts';
import type { UploadSpec } from '../capture/upload-spec.ts';
import type { Deps } from '../deps.ts';
import { CaptureError, ClusterError, InterruptedError } from '../errors.ts';
import type { Cluster, ConnectionOptions } from '../kube/cluster.ts';
import { Problems, throwProblems } from './flags.ts';
import { captureNames } from './name-argument.ts';
import { count, plural, size } from './render.ts';
import { toUploadRequest, type UploadFlags } from './upload-flags.ts';

type Flags = UploadFlags & ConnectionOptions & { name?: string };

/**
 * `capture upload`: sends tarballs that are kept on their nodes to the destinations that did not take them, or to others.
 * Exit code 1 unless every destination has every tarball.
 */
export async function upload(deps: Deps, args: readonly string[], flags: Flags): Promise<number> {
  const problems = new Problems();
  const request = toUploadRequest(flags, problems, deps);
  throwProblems(problems, 'uploaded');
  for (const warning of problems.warnings) deps.ui.warn(warning);
  const names = captureNames(args, flags.name);
  const cluster = await deps.connect(flags);
  let whole = 0;
  for (const name of names) {
    try {
      if (await uploadCapture(deps, cluster, { name, request })) whole += 1;
    } catch (error) {
      const known = error instanceof CaptureError || error instanceof ClusterError;
      if (names.length === 1 || !known || deps.signal.aborted) throw error;
      deps.ui.outcome(false, `${name}: ${[error.message, error.hint ?? []].flat().join('\n  ')}`);
    }
  }
  return whole === names.length ? 0 : 1;
}

type Wanted = { name: string; request: UploadRequest };

async function uploadCapture(deps: Deps, cluster: Cluster, { name, request }: Wanted): Promise<boolean> {
  const { ui, signal } = deps;
  const capture = await readCapture(cluster, name);
  const plan = planUploads(capture, request, deps.newId());
  const { orders, missing } = plan;
  if (orders.length === 0 && missing.length === 0) return nothingToSend(deps, capture, request);
  for (const warning of await checkTyped(plan, cluster, deps.now())) ui.warn(warning);
  for (const { spec } of orders) ui.note(aim(spec));
  try {
    const left = `its pods may be left, and end by themselves; the tarballs stay on their nodes. To look: kubectl retina capture prune --dry-run client -n ${cluster.namespace}`;
    const outcomes = orders.length === 0 ? [] : await deps.mayLeave(left, () => runUploads(plan, cluster, signal));
    return await report(deps, capture, { plan, outcomes });
  } catch (error) {
    if (!signal.aborted || error instanceof CaptureError) throw error;
    throw new InterruptedError('upload interrupted; its pods are removed, and the tarballs stay on their nodes', AGAIN);
  }
}

const AGAIN = 'The same command sends them again.';

function aim({ result, place, destinations }: UploadSpec): string {
  const stem = result.tarball?.name.replace(/\.tar\.gz$/, '') ?? '';
  const where = destinations.map((to) => locationOf(to, stem)).join(', ');
  return `${result.node}: ${place.path}/${stem}.tar.gz, ${size(result.tarball?.bytes ?? 0)}, to ${where}`;
}

function nothingToSend({ ui }: Deps, { name }: CaptureSummary, { bucket }: UploadRequest): boolean {
  if (bucket === undefined) {
    ui.outcome(true, `every destination has every tarball of ${name}: there is nothing to send`);
    return true;
  }
  throw new CaptureError(`capture ${name} has no bucket that lacks a tarball`, {
    hint: 'To send the tarballs to another bucket, name it: --s3-bucket',
  });
}

/** What was typed is checked as `create` checks it, before anything is created. */
async function checkTyped({ orders, typed }: UploadPlan, cluster: Cluster, now: Date): Promise<string[]> {
  const storage = await readStorage(typed, cluster);
  const nodes = orders.map(({ spec }) => ({ node: spec.result.node }));
  const upload = { destinations: typed, start: now, durationMs: 0 };
  return checkDestinations(upload, nodes, { namespace: cluster.namespace, nodes: undefined, storage });
}

type Ended = { plan: UploadPlan; outcomes: readonly UploadOutcome[] };

async function report({ ui }: Deps, capture: CaptureSummary, { plan, outcomes }: Ended): Promise<boolean> {
  const rows = outcomes.flatMap((outcome) => savedRows(outcome));
  if (rows.length > 0) await ui.printTable(rows);
  const failures = [...outcomes.flatMap(failuresOf), ...plan.missing.map(({ node, why }) => `node ${node} ${why}`)];
  const all = outcomes.length + plan.missing.length;
  const whole = outcomes.filter((outcome) => failuresOf(outcome).length === 0).length;
  ui.outcome(whole === all, `${count(whole)} of ${plural(all, 'tarball')} saved by every destination`);
  for (const failure of failures) ui.note(`  ${failure}`);
  for (const outcome of outcomes) for (const line of copyLines(outcome)) ui.note(`  ${line}`);
  if (whole === all) return true;
  const rest = `${capture.name} -n ${capture.namespace}`;
  if (whole === outcomes.length) {
    ui.note(`Next: kubectl retina capture status ${rest}`);
    return false;
  }
  ui.note(`Next, with other keys (--s3-secret …) or another destination: kubectl retina capture upload ${rest}`);
  ui.note(`  or fetch what is kept: kubectl retina capture download ${rest}`);
  return false;
}

/** Where a node's tarball is now, as its destinations have confirmed. */
function savedRows(outcome: UploadOutcome): string[][] {
  if (!('result' in outcome)) return [];
  const { node, tarball } = outcome.order.spec.result;
  const saved = outcome.result.destinations.filter(({ ok }) => ok);
  return saved.map(({ location }) => [node, location, size(tarball?.bytes ?? 0)]);
}

function failuresOf(outcome: UploadOutcome): string[] {
  const { node } = outcome.order.spec.result;
  if (!('result' in outcome)) {
    const { message, hint } = outcome.problem;
    return [`${node}: ${message}${hint === undefined ? '' : `\n    ${hint}`}`];
  }
  const { destinations, errors } = outcome.result;
  return [...errors, ...failedWords(destinations)].map((text) => `${node}: ${text}`);
}

/** What became of the copy on the node, where that is not plain. */
function copyLines(outcome: UploadOutcome): string[] {
  const { result, place, removeCopy } = outcome.order.spec;
  const copy = `${place.path}/${result.tarball?.name}`;
  if ('result' in outcome && outcome.result.removed) return [`${result.node}: removed ${copy}`];
  return removeCopy || failuresOf(outcome).length > 0 ? [`${result.node}: kept on the node: ${copy}`] : [];
}
