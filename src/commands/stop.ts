import { isFinal, type NodeStatus } from '../capture/status.ts';
import { stopCapture } from '../capture/stop.ts';
import type { Deps } from '../deps.ts';
import { InterruptedError } from '../errors.ts';
import type { ConnectionOptions } from '../kube/cluster.ts';
import { Problems, parseDuration, throwProblems } from './flags.ts';
import { captureName } from './name-argument.ts';
import { showProgress } from './progress.ts';
import { count, failureLines, location, openLines, plural, size, totals } from './render.ts';

/** Milliseconds. */
export const DEFAULT_TIMEOUT = 60_000;

/** `capture stop`: ends a capture on all nodes and keeps its files. Exit code 1 when a node has nothing saved. */
export async function stop(
  deps: Deps,
  name: string | undefined,
  flags: ConnectionOptions & { name?: string; timeout?: string },
): Promise<number> {
  const { ui, signal } = deps;
  const problems = new Problems();
  const timeoutMs = problems.parse('--timeout', flags.timeout, parseDuration) ?? DEFAULT_TIMEOUT;
  throwProblems(problems, 'stopped');
  const wanted = captureName(name, flags.name);
  const cluster = await deps.connect(flags);
  const startedAt = deps.now();
  const progress = await showProgress(deps, startedAt);
  try {
    const { before, capture } = await stopCapture(cluster, wanted, { timeoutMs, signal, progress: progress.update });
    progress.end();
    const seconds = ((deps.now().getTime() - startedAt.getTime()) / 1000).toFixed(1);
    const saved = capture.nodes.filter((node) => node.phase === 'completed');
    const good = saved.length === capture.nodes.length;
    const { packets, lost, bytes } = totals(capture.nodes);
    const facts = `${saved.length} of ${plural(capture.nodes.length, 'tarball')} saved: ${count(packets)} packets, ${count(lost)} lost, ${size(bytes)}`;
    const ended = before.length === capture.nodes.length;
    const held = capture.nodes.filter((node) => !isFinal(node));
    const never = capture.nodes.every((node) => held.includes(node) || hasNotBegun(node));
    const head = ended
      ? `capture ${wanted} had already ended`
      : never
        ? `capture ${wanted} has not begun`
        : `capture ${wanted} stopped in ${seconds} s`;
    ui.outcome(good, `${head}; ${facts}`);
    if (saved.length > 0) {
      await ui.printTable(saved.map((node) => [node.node, location(node), size(node.result?.tarball?.bytes ?? 0)]));
    }
    for (const line of [...failureLines(capture), ...openLines(capture)]) ui.note(line);
    if (held.length > 0) ui.note('What has not begun was told: it ends as soon as it begins.');
    const next = saved.length > 0 ? 'download' : 'delete';
    ui.note(`Next: kubectl retina capture ${next} ${wanted} -n ${capture.namespace}`);
    return good ? 0 : 1;
  } catch (error) {
    throw signal.aborted ? stillStopping(wanted, cluster.namespace) : error;
  } finally {
    progress.end();
  }
}

/** Whether a node will never have captured anything. */
function hasNotBegun({ mayStart, result }: NodeStatus): boolean {
  return mayStart || result?.stopReason === 'not-begun';
}

/** What is told of a stop that is no longer waited for. */
export function stillStopping(name: string, namespace: string): InterruptedError {
  return new InterruptedError(
    `no longer waiting for capture ${name} to end`,
    `The nodes that were told to stop do so: kubectl retina capture status ${name} -n ${namespace}`,
  );
}
