import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { captureLabels } from '../../../src/capture/names.ts';
import { planPrune } from '../../../src/capture/prune-plan.ts';
import type { Found } from '../../../src/capture/remove.ts';
import { encodeResult } from '../../../src/capture/workload-spec.ts';
import type { Job, Pod } from '../../../src/kube/cluster.ts';
import { jobOf, podOf, result } from '../support/builders.ts';

const HOUR = 3_600_000;
const NOW = new Date('2026-11-23T10:15:00Z');
/** Of all captures in these tests, unless told otherwise. */
const CREATED = '2026-11-21T10:15:00Z';
const DONE = { type: 'Complete', lastTransitionTime: CREATED };

const asJob = (object: Job): Found => ({ kind: 'jobs', object });
const asPod = (object: Pod): Found => ({ kind: 'pods', object });
const ended = (job: Job, extra: object = {}): Pod =>
  podOf(job, { terminated: { exitCode: 0, message: encodeResult(result({ endedAt: CREATED, ...extra })) } });

function secret(name: string, capture: string, owners: readonly Job[] = [], createdAt = CREATED): Found {
  const ownerReferences = owners.map((job) => ({
    ...{ apiVersion: 'batch/v1', kind: 'Job', name: job.metadata?.name ?? '', uid: job.metadata?.uid ?? '' },
  }));
  const metadata = { name, namespace: 'shop', uid: name, labels: captureLabels(capture), creationTimestamp: createdAt };
  return { kind: 'secrets', object: { metadata: { ...metadata, ownerReferences } } };
}

function helper(kind: 'download' | 'upload', done: boolean): Job {
  const labels = { 'retina.sh/app': kind, [`retina.sh/${kind}-of`]: 'web' };
  const metadata = { name: `web-${kind}-1`, namespace: 'shop', uid: kind, labels, creationTimestamp: CREATED };
  return { metadata, ...(done ? { status: { conditions: [{ status: 'True', ...DONE }] } } : {}) };
}

function pruned(found: readonly Found[], extra: { hours?: number; running?: boolean } = {}) {
  const { hours = 24, running = false } = extra;
  const plan = planPrune(found, { now: NOW, olderThanMs: hours * HOUR, running });
  return { names: plan.objects.map(({ object }) => object.metadata?.name), running: plan.running, plan };
}

const done = jobOf('node1', { condition: DONE });
const busy = jobOf('node2', {});

suite('what is pruned', () => {
  test('a capture that has ended: Jobs, pods and Secret', () => {
    const found = [asJob(done), asPod(ended(done)), secret('web-key', 'web', [done])];
    assert.deepEqual(pruned(found).names, ['web-node1', 'web-node1-x', 'web-key']);
    const [{ capture, ageMs } = { capture: undefined, ageMs: 0 }] = pruned(found).plan.captures;
    assert.deepEqual([capture?.name, ageMs], ['web', 48 * HOUR]);
  });

  test('its age counts from the end: that of the Job, or later what its pod told', () => {
    const late = jobOf('node1', { condition: { ...DONE, lastTransitionTime: '2026-11-23T09:00:00Z' } });
    assert.deepEqual(pruned([asJob(late)]).names, []);
    assert.deepEqual(pruned([asJob(late)], { hours: 1 }).names, ['web-node1']);
    const open = jobOf('node1');
    const told = ended(open, { endedAt: '2026-11-23T09:00:00Z' });
    assert.deepEqual(pruned([asJob(open), asPod(told)], { hours: 2 }).names, []);
  });

  test('one that ended within the clocks’ difference is as old as now', () => {
    const ahead = jobOf('node1', { condition: { ...DONE, lastTransitionTime: '2026-11-23T10:15:09Z' } });
    assert.deepEqual(pruned([asJob(ahead)], { hours: 0 }).names, ['web-node1']);
  });

  test('a capture of which one node still runs stays whole, and is named; with --running it goes whole', () => {
    const found = [asJob(done), asPod(ended(done)), asJob(busy), asPod(podOf(busy, { running: {} }))];
    const both = [...found, secret('web-key', 'web', [done, busy])];
    assert.deepEqual([pruned(both).names, pruned(both).running], [[], ['shop/web']]);
    assert.equal(pruned(both, { running: true }).names.length, 5);
    assert.deepEqual(pruned(both, { running: true, hours: 100 }).running, []);
  });

  test('what helped to download and upload, once it has ended', () => {
    const helpers = [helper('download', true), helper('upload', false)];
    assert.deepEqual(pruned(helpers.map(asJob)).names, ['web-download-1']);
    assert.deepEqual(pruned(helpers.map(asJob)).running, ['shop/web-upload-1']);
    assert.deepEqual(pruned(helpers.map(asJob), { running: true }).names, ['web-download-1', 'web-upload-1']);
  });

  test('a Secret without Jobs, and a pod that has ended and whose Job is gone', () => {
    const orphan = (phase: string) => asPod(podOf(done, undefined, { phase }));
    assert.deepEqual(pruned([secret('key', 'web', [done])]).names, ['key']);
    assert.deepEqual(pruned([secret('key', 'web', [], '2026-11-23T10:00:00Z')]).names, []);
    assert.deepEqual(pruned([orphan('Failed')]).names, ['web-node1-x']);
    assert.deepEqual([pruned([orphan('Running')]).names, pruned([orphan('Running')]).running.length], [[], 1]);
  });

  test('a Secret without an owner belongs to its capture’s Jobs, and to no other capture’s', () => {
    assert.deepEqual(pruned([asJob(busy), secret('key', 'web')]).names, []);
    assert.deepEqual(pruned([asJob(done), secret('key', 'web')]).names, ['web-node1', 'key']);
    assert.deepEqual(pruned([asJob(busy), secret('key', 'dns')]).names, ['key']);
  });

  test('an upload’s Secret outlives its capture for as long as the upload runs', () => {
    const sending = helper('upload', false);
    const found = [asJob(done), asJob(sending), secret('key', 'web', [sending])];
    assert.deepEqual(pruned(found).names, ['web-node1']);
  });

  test('what was deleted already is left to the cluster', () => {
    const going = { ...done, metadata: { ...done.metadata, deletionTimestamp: CREATED } };
    assert.deepEqual(pruned([asJob(going), secret('key', 'web', [done])]).names, []);
  });

  test('a capture that cannot begin counts from its creation', () => {
    const stuck = podOf(busy, { waiting: { reason: 'ImagePullBackOff' } });
    assert.deepEqual(pruned([asJob(busy), asPod(stuck)]).names, ['web-node2', 'web-node2-x']);
    assert.deepEqual(pruned([asJob(busy), asPod(stuck)], { hours: 49 }).names, []);
  });
});
