import { deleteCaptures } from '../capture/delete.ts';
import type { Deps } from '../deps.ts';
import { InterruptedError, UsageError } from '../errors.ts';
import type { ConnectionOptions } from '../kube/cluster.ts';
import { Problems, parseDuration, throwProblems } from './flags.ts';
import { captureNames, withCapturesThere } from './name-argument.ts';
import { objectName } from './render.ts';

/** Milliseconds. */
export const DEFAULT_TIMEOUT = 120_000;

/** `capture delete`: removes the Jobs, pods and Secrets of captures, and says so; delivered files stay. */
export async function deleteCommand(
  deps: Deps,
  args: readonly string[],
  flags: ConnectionOptions & { name?: string; all?: boolean; timeout?: string },
): Promise<number> {
  const problems = new Problems();
  const timeoutMs = problems.parse('--timeout', flags.timeout, parseDuration) ?? DEFAULT_TIMEOUT;
  throwProblems(problems, 'deleted');
  const all = flags.all === true;
  if (all && (args.length > 0 || flags.name !== undefined)) {
    throw new UsageError(
      '--all is every capture of the namespace, so it takes no names',
      'Leave out --all, or the names. What there is: kubectl retina capture list',
    );
  }
  const names = all ? undefined : captureNames(args, flags.name);
  const cluster = await deps.connect(flags);
  try {
    const { message, hint } = stillDeleting(names, cluster.namespace);
    const removed = await deps.mayLeave(`${message}. ${hint}`, () =>
      deleteCaptures(cluster, names, { timeoutMs, signal: deps.signal }),
    );
    for (const one of removed) deps.ui.print(`${objectName(one)} deleted`);
    deps.ui.note(
      removed.length === 0
        ? `There are no captures in namespace ${cluster.namespace}.`
        : 'Files that were delivered stay: kubectl retina capture download NAME still finds those on nodes.',
    );
    return 0;
  } catch (error) {
    if (!deps.signal.aborted) throw await withCapturesThere(error, cluster);
    throw stillDeleting(names, cluster.namespace);
  }
}

/** What is told of a deletion that is no longer waited for; without names, of all captures. */
export function stillDeleting(names: readonly string[] | undefined, namespace: string): InterruptedError {
  return new InterruptedError(
    'no longer waiting; what was deleted so far goes on ending',
    `Run it again to see: kubectl retina capture delete ${names?.join(' ') ?? '--all'} -n ${namespace}`,
  );
}
