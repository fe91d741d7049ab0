import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FileRun, runFailedAgain, sumCounts } from '../../../scripts/test/again.ts';
import { renderDigest } from '../../../scripts/test/failures.ts';

function ran(file: string, failed: number): FileRun {
  return {
    file,
    counts: { passed: 3 - failed, failed, skipped: 0 },
    outcomes: `${file}\n`,
    failures: failed ? [{ name: `${failed} of 3`, where: `${file}:1`, error: 'Error: wrong' }] : [],
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
  assert.match(words, /^b: passed when it was run again; the failure was\n✖ 1 of 3\n {2}b:1\n {2}Error: wrong$/m);
});

test('a file that fails twice has failed, as it did first', async () => {
  const first = ran('b', 2);
  const { ended } = await again([first], { b: 1 });
  assert.deepEqual(ended, [first]);
});

test('many files that fail are not run again', async () => {
  const runs = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((file) => ran(file, 1));
  const { ended, files } = await again(runs, {});
  assert.deepEqual(files, []);
  assert.deepEqual(ended, runs);
});

test('what is told at the end of a run is short', () => {
  const stack = Array.from({ length: 30 }, (_, line) => `    at somewhere:${line}`).join('\n');
  const failure = { name: 'a › b', where: 'x.test.ts:3', error: `Error: one\n\ntwo\n${'x'.repeat(1000)}\n${stack}` };
  assert.match(renderDigest([failure]), /^✖ a › b\n {2}x\.test\.ts:3\n {4}Error: one\n {4}two\n {4}x{200}$/);
});
