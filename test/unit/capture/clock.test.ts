import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { clockOffset } from '../../../src/capture/clock.ts';
import type { Pod } from '../../../src/kube/cluster.ts';
import { jobOf, podOf, result } from '../support/builders.ts';

const HOUR = 3_600_000;
const CREATED = Date.parse('2026-11-21T10:15:00Z');
const job = jobOf('node1');

/** So many seconds after the Job's creation. */
const at = (seconds: number, offMs = 0): string => new Date(CREATED + seconds * 1000 + offMs).toISOString();

/** A pod that began after `began` seconds and ended after `ended`, on a node whose clock is off. */
function pod({ began = 2, ended = 62, offMs = 0, toldAfter = 1 } = {}): Pod {
  const times = { startedAt: at(began, offMs), finishedAt: at(ended, offMs) };
  const status = {
    startTime: at(1, offMs),
    conditions: [{ type: 'PodScheduled', status: 'True', lastTransitionTime: at(0) }],
  };
  const seen = podOf(job, { terminated: { exitCode: 0, ...times } }, status);
  const managedFields = [{ manager: 'kubelet', subresource: 'status', time: at(ended + toldAfter) }];
  return { ...seen, metadata: { ...seen.metadata, creationTimestamp: at(0), managedFields } };
}

const told = (offMs: number) => result({ startedAt: at(3, offMs), endedAt: at(61, offMs) });

function near(actual: number | undefined, wanted: number): void {
  assert.ok(actual !== undefined && Math.abs(actual - wanted) < 35_000, `${actual} is not near ${wanted}`);
}

suite("a node's clock", () => {
  test('that agrees, within the tolerance of either side, is not told', () => {
    for (const offMs of [0, 30_000, -30_000]) assert.equal(clockOffset(job, pod({ offMs }), told(offMs)), undefined);
  });

  test('that is an hour ahead or behind is told, whoever tells the times', () => {
    for (const offMs of [HOUR, -HOUR]) {
      near(clockOffset(job, pod({ offMs }), told(offMs)), offMs);
      near(clockOffset(job, pod({ offMs }), undefined), offMs);
      near(clockOffset(job, pod(), told(offMs)), offMs);
    }
  });

  test('that agrees is not told of a pod that began an hour late, captured for a day, or was told of an hour later', () => {
    assert.equal(clockOffset(job, pod({ began: 3600, ended: 3660 }), undefined), undefined);
    assert.equal(clockOffset(job, pod({ ended: 86_400 }), undefined), undefined);
    assert.equal(clockOffset(job, pod({ toldAfter: 7200 }), undefined), undefined);
  });

  test('is not told where nothing is known', () => {
    assert.equal(clockOffset(job, undefined, undefined), undefined);
    assert.equal(clockOffset(job, podOf(job, { running: {} }), told(HOUR)), undefined);
  });
});
