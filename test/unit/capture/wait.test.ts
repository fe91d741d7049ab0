import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitForCapture } from '../../../src/capture/wait.ts';
import { encodeResult } from '../../../src/capture/workload-spec.ts';
import { CaptureError, ClusterError } from '../../../src/errors.ts';
import type { Cluster } from '../../../src/kube/cluster.ts';
import { jobOf, podOf, result } from '../support/builders.ts';

type Changed = (items: readonly object[]) => void;

suite('waiting', () => {
  test('a Job whose time to live is over while others run: its tarball still counts', async () => {
    const told = new Map<string, Changed>();
    const follow = (kind: string, _: object, until: AbortSignal, changed: Changed) => {
      told.set(kind, changed);
      return new Promise<void>((resolve) => until.addEventListener('abort', () => resolve()));
    };
    // Only what a wait of less than five seconds calls.
    const cluster = { namespace: 'shop', follow } as unknown as Cluster;
    const tell = async (jobs: readonly object[], pods: readonly object[]): Promise<void> => {
      told.get('jobs')?.(jobs);
      told.get('pods')?.(pods);
      await sleep(40);
    };
    const waiting = waitForCapture(cluster, 'web', {
      timeoutMs: 5000,
      signal: new AbortController().signal,
      progress: () => undefined,
    });
    const [first, second] = [jobOf('node1'), jobOf('node2')];
    const ended = { terminated: { exitCode: 0, message: encodeResult(result()) } };
    await tell([first, second], [podOf(first, ended), podOf(second, { running: {} })]);
    await tell([second], [podOf(second, { running: {} })]);
    await tell([second], [podOf(second, ended)]);
    const capture = await waiting;
    assert.deepEqual(
      capture.nodes.map(({ node, phase }) => `${node} ${phase}`),
      ['node1 completed', 'node2 completed'],
    );
  });

  test('a server that no longer answers: how it ended is not known, and the capture goes on', async () => {
    const away = new ClusterError('the API server refused the connection (tried 99 times in 300 s)');
    const cluster = { namespace: 'shop', follow: () => Promise.reject(away) } as unknown as Cluster;
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
