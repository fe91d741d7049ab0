import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { readHeldUp, withHeldUp } from '../../../src/capture/held-up.ts';
import { type CaptureSummary, summarize } from '../../../src/capture/status.ts';
import { ClusterError } from '../../../src/errors.ts';
import { jobOf, podOf, result, START } from '../support/builders.ts';

const { signal } = new AbortController();
const numbers = Array.from({ length: 12 }, (_, index) => `node${10 + index}`);

function captured(): CaptureSummary {
  const jobs = numbers.map((node) => jobOf(node));
  const pods = jobs.map((job, index) =>
    podOf(job, index === 0 ? { terminated: { exitCode: 0, message: JSON.stringify(result()) } } : { running: {} }),
  );
  const [capture] = summarize({ jobs, pods, events: [] }, START);
  assert.ok(capture);
  return capture;
}

suite('what holds a delivery up', () => {
  test('the last word of each pod that runs; of ten at most', async () => {
    const asked: string[] = [];
    const log = async ({ pod }: { pod: string }): Promise<string> => {
      asked.push(pod);
      return pod.startsWith('web-node11')
        ? 'capturing\nheld up: attempt 2 failed\nheld up: attempt 3 failed\ndone\n'
        : 'capturing\n';
    };
    const capture = captured();
    const heldUp = await readHeldUp({ log }, capture, signal);
    assert.equal(asked.length, 10);
    const [first, second, third] = withHeldUp(capture, heldUp ?? new Map()).nodes;
    assert.deepEqual(
      [first?.problem, second?.problem, third?.problem],
      [first?.problem, 'attempt 3 failed', undefined],
    );
    assert.ok(!asked.includes(first?.pod ?? ''));
  });

  test('nothing where a pod cannot be asked, and undefined for whoever may not read logs', async () => {
    const refusing = (status: number) => () => Promise.reject(new ClusterError('no', { status }));
    assert.equal((await readHeldUp({ log: refusing(500) }, captured(), signal))?.size, 0);
    assert.equal(await readHeldUp({ log: refusing(403) }, captured(), signal), undefined);
  });
});
