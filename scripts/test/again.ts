import { addCounts, type Counts, noCounts } from './counts.ts';
import { type Failure, renderFailures } from './failures.ts';

/** What a run of a file of tests came to: how many tests ended how, each test as a line of JSON, each failure. */
export interface FileRun {
  readonly file: string;
  readonly counts: Counts;
  readonly outcomes: string;
  readonly failures: readonly Failure[];
}

/** More files than these that fail are no chance. */
const MOST = 6;

/**
 * Runs files with failures once more, one by one, when they are few: a cluster of whole machines in a small one stumbles now
 * and then. What passes then takes the place of what failed; `say` is told of it, and has the failure to print.
 */
export async function runFailedAgain(
  runs: readonly FileRun[],
  run: (file: string) => Promise<FileRun>,
  say: (text: string) => void,
): Promise<FileRun[]> {
  const failed = runs.filter(({ counts }) => counts.failed > 0);
  if (failed.length > MOST) return [...runs];
  const second = new Map<string, FileRun>();
  for (const first of failed) {
    say(`\nrun again, since ${first.counts.failed} failed in it: ${first.file}`);
    const again = await run(first.file);
    if (again.counts.failed > 0) continue;
    say(`${first.file}: passed when it was run again; the failure was\n${renderFailures(first.failures)}`);
    second.set(first.file, again);
  }
  return runs.map((first) => second.get(first.file) ?? first);
}

/** All counts together. */
export function sumCounts(runs: readonly FileRun[]): Counts {
  return runs.map(({ counts }) => counts).reduce(addCounts, noCounts);
}
