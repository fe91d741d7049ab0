import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type NodeStatus, summarize } from '../../../src/capture/status.ts';
import { encodeResult } from '../../../src/capture/workload-spec.ts';
import type { KubeEvent } from '../../../src/kube/cluster.ts';
import { jobOf, podOf, result, START } from '../support/builders.ts';
import { evicted, statusOf } from '../support/statuses.ts';

const job = jobOf('node1');
const running = { running: {} };

const creating = podOf(job, { waiting: { reason: 'ContainerCreating' } }, { phase: 'Pending' });

/** What an event tells of the pod of the Job. */
function held(reason: string, message: string, pod = creating): NodeStatus {
  const metadata = { ...pod.metadata, uid: 'p1' };
  const event = { metadata: {}, involvedObject: { kind: 'Pod', uid: 'p1' }, reason, message };
  return statusOf({ ...pod, metadata }, { events: [event] });
}

suite('what keeps a node from capturing', () => {
  test('a volume that nobody brings is final, one that may still come is waited for; both with a hint', () => {
    const rows = [
      [
        'MountVolume.SetUp failed for volume "s3" : secret "keys" not found',
        'failed',
        /no Secret keys: MountVolume/,
        /--s3-secret/,
      ],
      ['hostPath type check failed: /x/y is not a directory', 'failed', /\/x\/y is not a directory on/, /--host-path/],
      ['references non-existent secret key: s3-access-key-id', 'failed', /no key s3-access-key-id/, /--help/],
      [
        'MountVolume.SetUp failed: mount timed out',
        'waiting',
        /^a volume cannot be mounted: .*timed out$/,
        /describe pod web-node1-x -n shop/,
      ],
    ] as const;
    for (const [message, phase, problem, hint] of rows) {
      const told = held('FailedMount', message);
      assert.equal(told.phase, phase, message);
      assert.equal(told.mayStart, phase === 'failed');
      assert.match(told.problem ?? '', problem);
      assert.match(told.hint ?? '', hint);
    }
    assert.match(held('FailedCreatePodSandBox', 'no runtime').problem ?? '', /^its sandbox cannot be made: no runtime/);
    assert.equal(held('Pulling', 'x').problem, 'starting');
  });

  test("the capture's own Secret may come a moment after its pod; one that does not come is final", () => {
    const at = (seconds: number) => new Date(START.getTime() + seconds * 1000).toISOString();
    const metadata = { ...creating.metadata, uid: 'p1', creationTimestamp: at(0), labels: { 'capture-name': 'web' } };
    const lacks = (name: string, seconds: number) => {
      const message = `MountVolume.SetUp failed for volume "s3" : secret "${name}" not found`;
      const involvedObject = { kind: 'Pod', uid: 'p1' };
      const event = { metadata: {}, involvedObject, reason: 'FailedMount', message, lastTimestamp: at(seconds) };
      return statusOf({ ...creating, metadata }, { events: [event] }).phase;
    };
    assert.deepEqual(
      [lacks('web-x1y2z3', 1), lacks('web-x1y2z3', 20), lacks('keys', 1)],
      ['waiting', 'failed', 'failed'],
    );
  });

  test('what kept a container from starting is over once it runs, though it does not listen yet', () => {
    const pod = podOf(job, running);
    for (const container of pod.status?.containerStatuses ?? []) container.started = false;
    const told = held('FailedMount', 'MountVolume.SetUp failed for volume "s3" : secret "keys" not found', pod);
    assert.deepEqual([told.phase, told.problem, told.hint, told.mayStart], ['waiting', 'starting', undefined, false]);
  });

  test('a pod without a place has a hint for each of the reasons', () => {
    const hintOf = (message: string) =>
      statusOf(
        podOf(job, undefined, { phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', message }] }),
      ).hint ?? '';
    assert.match(hintOf("1 Insufficient memory, 1 node(s) didn't match Pod's node affinity"), /describe node node1/);
    assert.match(hintOf('1 Too many pods'), /as many pods as it may/);
    assert.match(hintOf('persistentvolumeclaim "x" not found'), /describe pvc -n shop/);
    assert.match(hintOf("2 node(s) didn't satisfy plugin(s) [NodeAffinity]"), /get node node1/);
    assert.match(hintOf('something new'), /describe pod web-node1-x -n shop/);
  });

  test('of a node that was looked at: not Ready, or gone', () => {
    const seen = (health: 'gone' | { unready: string | null }, state?: typeof running) => {
      const pods = [podOf(job, state, { phase: state ? 'Running' : 'Pending' })];
      const nodes = new Map([['node1', health]]);
      const [capture] = summarize({ jobs: [job], pods, events: [], nodes }, START);
      return capture?.nodes[0];
    };
    const unready = seen({ unready: 'Kubelet stopped posting node status.' });
    assert.deepEqual(
      [unready?.phase, unready?.problem],
      ['waiting', 'node node1 is not Ready: Kubelet stopped posting node status.'],
    );
    assert.match(unready?.hint ?? '', /describe node node1/);
    assert.equal(seen({ unready: null })?.problem, 'starting');
    for (const gone of [seen('gone'), seen('gone', running)]) {
      assert.deepEqual([gone?.phase, gone?.problem], ['failed', 'node node1 is not in the cluster any more']);
    }
  });

  test('what ended a pod is told beside a result that the signal ended, and beside no other', () => {
    const endedBy = (stopReason: 'terminated' | 'duration') => {
      const message = encodeResult(result({ stopReason }));
      return statusOf(podOf(job, { terminated: { exitCode: 0, message } }, evicted)).endedBy;
    };
    assert.match(endedBy('terminated') ?? '', /^evicted/);
    assert.equal(endedBy('duration'), undefined);
  });

  test('what a Job and its events tell of a pod that has gone', () => {
    const gone = (reason: string, message: string, events: KubeEvent[] = []) =>
      statusOf(undefined, { job: jobOf('node1', { condition: { type: 'Failed', reason, message } }), events })
        .problem ?? '';
    const policy = 'Container capture for pod shop/x failed with exit code 137 matching FailJob rule at index 1';
    assert.match(gone('PodFailurePolicy', policy), /^killed \(SIGKILL, .*exit code 137.*; its pod is gone$/);
    assert.match(
      gone('PodFailurePolicy', 'Pod shop/x has condition DisruptionTarget matching'),
      /^ended by the cluster/,
    );
    assert.match(
      gone('DeadlineExceeded', 'Job was active longer than specified deadline'),
      /^Job was active .*; its pod/,
    );
    const about = { kind: 'Pod', namespace: 'shop', name: `${job.metadata?.name}-abcde` };
    const event = (createdAt: string) => ({
      ...{
        metadata: { creationTimestamp: createdAt },
        involvedObject: about,
        reason: 'Evicted',
        message: 'low on disk',
      },
    });
    assert.match(gone('X', 'y', [event('2026-11-21T10:16:00Z')]), /^evicted by the kubelet of its node: low on disk; /);
    assert.match(gone('X', 'y', [event('2026-11-21T10:14:00Z')]), /^y; its pod is gone/, 'of an earlier capture');
  });
});
