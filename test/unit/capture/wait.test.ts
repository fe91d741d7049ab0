import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CaptureSummary } from '../../../src/capture/status.ts';
import { waitForCapture } from '../../../src/capture/wait.ts';
import { encodeResult } from '../../../src/capture/workload-spec.ts';
import { CaptureError, ClusterError } from '../../../src/errors.ts';
import { jobOf, podOf, result, START } from '../support/builders.ts';
import { clusterPart } from '../support/cluster-part.ts';

type Changed = (items: readonly object[]) => void;

/** A cluster of which only that is there which a wait of less than a second calls, and what it is told to see. */
function watched() {
  const told = new Map<string, Changed>();
  const follow = (kind: string, _: object, until: AbortSignal, changed: Changed) => {
    told.set(kind, changed);
    return new Promise<void>((resolve) => until.addEventListener('abort', () => resolve()));
  };
  const cluster = clusterPart({ namespace: 'shop', now: () => START, follow, withSignal: () => cluster });
  const tell = async (jobs: readonly object[], pods: readonly object[]): Promise<void> => {
    told.get('jobs')?.(jobs);
    told.get('pods')?.(pods);
    await sleep(40);
  };
  return { cluster, tell };
}

const settings = { timeoutMs: 5000, signal: new AbortController().signal, progress: () => undefined };
const [first, second] = [jobOf('node1'), jobOf('node2')];
const ended = { terminated: { exitCode: 0, message: encodeResult(result()) } };
const phases = (capture: CaptureSummary): string[] => capture.nodes.map(({ node, phase }) => `${node} ${phase}`);

suite('waiting', () => {
  test('a Job whose time to live is over while others run: its tarball still counts', async () => {
    const { cluster, tell } = watched();
    const waiting = waitForCapture(cluster, 'web', settings);
    await tell([first, second], [podOf(first, ended), podOf(second, { running: {} })]);
    await tell([second], [podOf(second, { running: {} })]);
    await tell([second], [podOf(second, ended)]);
    assert.deepEqual(phases(await waiting), ['node1 completed', 'node2 completed']);
  });

  test('a pod that goes after it has told its result, as in a drain: the result stays', async () => {
    const { cluster, tell } = watched();
    const waiting = waitForCapture(cluster, 'web', settings);
    const lost = jobOf('node1', { condition: { type: 'Failed', message: 'backoff' } });
    await tell([first, second], [podOf(first, ended), podOf(second, { running: {} })]);
    await tell([lost, second], [podOf(second, { running: {} })]);
    await tell([lost, second], [podOf(second, ended)]);
    const capture = await waiting;
    assert.deepEqual(phases(capture), ['node1 completed', 'node2 completed']);
    assert.equal(capture.nodes[0]?.result?.packets, result().packets);
  });

  test('a Job that is deleted while it runs, even before it was seen, fails its node', async () => {
    for (const jobs of [undefined, [first, second]]) {
      const { cluster, tell } = watched();
      const waiting = waitForCapture(cluster, 'web', { ...settings, ...(jobs === undefined ? {} : { jobs }) });
      if (jobs === undefined) await tell([first, second], [podOf(first, { running: {} }), podOf(second, ended)]);
      await tell([second], [podOf(second, ended)]);
      const capture = await waiting;
      assert.deepEqual(phases(capture), ['node1 failed', 'node2 completed']);
      assert.equal(capture.state, 'Failed');
      assert.equal(capture.nodes[0]?.problem, 'its Job was deleted');
    }
  });

  test('the time that is over: each open node is named with what it waits for, and what to type', async () => {
    const { cluster, tell } = watched();
    const waiting = waitForCapture(cluster, 'web', { ...settings, timeoutMs: 100 });
    const conditions = [{ type: 'PodScheduled', status: 'False', message: '1 Insufficient memory' }];
    await tell(
      [first, second],
      [podOf(first, undefined, { phase: 'Pending', conditions }), podOf(second, { running: {} })],
    );
    await assert.rejects(waiting, (error: CaptureError) => {
      assert.match(
        error.message,
        /2 of 2 nodes .*: node1 \(cannot be scheduled: 1 Insufficient memory\), node2 \(capturing\)$/,
      );
      assert.match(error.hint ?? '', /--memory-limit.*\nIt goes on\. .*capture status web -n shop/);
      return true;
    });
  });

  test('a server that no longer answers: how it ended is not known, and the capture goes on', async () => {
    const away = new ClusterError('the API server refused the connection (tried 99 times in 300 s)');
    const follow = () => Promise.reject(away);
    const cluster = clusterPart({ namespace: 'shop', now: () => START, follow });
    const waiting = waitForCapture(cluster, 'web', {
      ...{ timeoutMs: null, signal: new AbortController().signal, progress: () => undefined },
    });
    await assert.rejects(waiting, (error) => {
      assert.ok(error instanceof CaptureError);
      assert.match(error.message, /^how capture web ended is not known: the API server refused the connection/);
      assert.match(error.hint ?? '', /It goes on on its nodes.*kubectl retina capture status web -n shop/);
      return true;
    });
  });
});
