import type { WorkloadResult } from './workload-spec.ts';

/** Why a result is not a success, in one line: the cause first, then where nothing arrived because of it. */
export function resultProblem(result: WorkloadResult): string {
  const prefix = `${result.node}: `;
  const errors = result.errors.map((text) => (text.startsWith(prefix) ? text.slice(prefix.length) : text));
  const failed = result.destinations.filter((to) => !to.ok);
  const causes = errors.filter((text) => !failed.some((to) => isSame(text, to.error)));
  // Where nothing was captured, there was nothing to save: the cause tells all.
  const undelivered = result.packets === 0 && causes.length > 0 ? [] : failed;
  const copy = keptOnNode(result);
  const kept = copy === undefined || undelivered.length === 0 ? [] : [`kept on ${result.node}: ${copy}`];
  return (
    [...new Set([...causes, ...failedWords(undelivered), ...kept])].join('; ') ||
    'the workload failed without telling why'
  );
}

/** A long one was shortened so that the result fits, and begins with the name of the node until then. */
function isSame(text: string, error = ''): boolean {
  return text === error || (text.endsWith('…') && error.startsWith(text.slice(0, -1)));
}

/** Which destinations have no tarball, and why: the store's own reason. */
export function failedWords(destinations: WorkloadResult['destinations']): string[] {
  return destinations.flatMap(({ ok, location, error = 'no reason told' }) => {
    // Most reasons begin with the place, too.
    const beginning = `cannot write ${location}: `;
    const why = error.startsWith(beginning) ? error.slice(beginning.length) : error;
    return ok ? [] : [`not saved to ${location}: ${why}`];
  });
}

/** Where the node has a copy of its tarball; undefined where it has none. */
export function keptOnNode({ rescued, destinations }: WorkloadResult): string | undefined {
  return (
    rescued ?? destinations.find(({ kind, ok, removed }) => kind === 'host-path' && ok && removed !== true)?.location
  );
}
