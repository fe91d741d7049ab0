import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FileRun, runFailedAgain, sumCounts } from '../../../scripts/test/again.ts';

function ran(file: string, failed: number): FileRun {
  return {
    file,
    counts: { passed: 3 - failed, failed, skipped: 0 },
    outcomes: `${file}\n`,
    failures: `${failed} of 3`,
  };
}

/** Runs what has failed again, each file with the failures given for it. */
async function again(runs: readonly FileRun[], second: Record<string, number>) {
  const files: string[] = [];
  const words: string[] = [];
  const rerun = async (file: string) => {
    files.push(file);
    return ran(file, second[file] ?? 0);
  };
  const ended = await runFailedAgain(runs, rerun, (text) => void words.push(text));
  return { ended, files, words: words.join('\n') };
}

test('a file that fails by chance runs again, and its failure is printed', async () => {
  const { ended, files, words } = await again([ran('a', 0), ran('b', 1)], {});
  assert.deepEqual(files, ['b']);
  assert.deepEqual(sumCounts(ended), { passed: 6, failed: 0, skipped: 0 });
  assert.match(words, /^b: passed when it was run again; the failure was\n1 of 3$/m);
});

test('a file that fails twice has failed, as it did first', async () => {
  const first = ran('b', 2);
  const { ended } = await again([first], { b: 1 });
  assert.deepEqual(ended, [first]);
});

test('many files that fail are not run again', async () => {
  const runs = [ran('a', 1), ran('b', 1), ran('c', 1)];
  const { ended, files } = await again(runs, {});
  assert.deepEqual(files, []);
  assert.deepEqual(ended, runs);
});
