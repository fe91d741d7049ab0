import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { execa } from 'execa';
import type { WorkloadSpec } from '../../src/capture/workload-spec.ts';
import { type Lab, labProblem, openLab } from './lab.ts';
import { sendLong, startPod, startSink } from './pod.ts';

const FLOOD = join(import.meta.dirname, '../../bench/support/flood.ts');
const GROWN = join(import.meta.dirname, 'grown.ts');
const MOST_MIB = 150;
const PACKETS = 140_000;

type Case = {
  name: string;
  pace?: number;
  kind?: 'random' | 'text';
  to?: 'all' | 'directory';
  spec?: Partial<WorkloadSpec>;
};
const cases: readonly Case[] = [
  { name: 'a directory alone', to: 'directory' },
  { name: 'a directory alone, payload that shrinks', to: 'directory', kind: 'text' },
  { name: 'S3, Azure Blob and a directory at once' },
  { name: 'the same, with stores that take 20 MB/s', pace: 20 },
  { name: 'two interfaces, whose packets are merged', spec: { interfaces: ['lo', 'veth-a'] } },
  { name: 'a ring of files', spec: { fileCount: 5, maxBytes: 40e6 } },
];

async function flood(lab: Lab, kind: string): Promise<void> {
  await execa('ip', ['netns', 'exec', lab.namespace, process.execPath, FLOOD, '10.99.0.2', `${PACKETS}`, kind]);
}

suite('memory of the program in a pod, with 200 MB of packets', { skip: labProblem() ?? false }, () => {
  for (const { name, pace = 0, kind = 'random', to = 'all', spec } of cases) {
    test(`${name}: at most ${MOST_MIB} MiB`, async (t) => {
      const lab = await openLab();
      t.after(() => lab.close());
      const sink = await startSink(lab, pace);
      t.after(sink.stop);
      const directory = join(lab.directory, 'out');
      await mkdir(directory);
      const local = { kind: 'host-path' as const, path: directory, directory };
      const destinations = to === 'all' ? [local, sink.s3, sink.blob] : [local];
      const pod = await startPod(lab, { interfaces: ['veth-a'], ...spec, destinations });
      await pod.capturing;
      await flood(lab, kind);
      pod.stop();
      const { result, peakMiB } = await pod.ended();
      t.diagnostic(`${name}: ${peakMiB.toFixed(0)} MiB`);
      assert.deepEqual([result.destinations.map(({ ok }) => ok), result.errors], [destinations.map(() => true), []]);
      const told = pod.log.filter(({ line }) => /^durable \d+\.\d s after the capture's end: /.test(line));
      assert.equal(told.length, destinations.length);
      assert.ok(result.destinations.every(({ durableAt = '' }) => durableAt >= result.endedAt));
      assert.ok(result.pcapBytes > 100e6, `${result.pcapBytes} bytes`);
      assert.ok(peakMiB > 20 && peakMiB <= MOST_MIB, `${peakMiB.toFixed(0)} MiB`);
    });
  }
});

suite('memory of uploads', { skip: labProblem() ?? false }, () => {
  test('parts that have grown to 160 MiB take no more than small ones, at any pace of the stores', async (t) => {
    const lab = await openLab();
    t.after(() => lab.close());
    const peakOf = async (maxParts: number, pace: number): Promise<number> => {
      const sink = await startSink(lab, pace);
      const argv = [GROWN, JSON.stringify([sink.s3, sink.blob]), `${maxParts}`, '400'];
      const { stdout } = await execa('ip', ['netns', 'exec', lab.namespace, process.execPath, ...argv]).finally(
        sink.stop,
      );
      return Number(stdout);
    };
    const small = await peakOf(10_000, 0);
    for (const pace of [0, 40]) {
      const grown = await peakOf(20, pace);
      t.diagnostic(`${grown.toFixed(0)} MiB, and ${small.toFixed(0)} with small parts`);
      assert.ok(small > 20 && grown <= small + 5, `${grown} MiB, and ${small} with small parts`);
    }
  });

  test(`an upload pod, 1 GB to S3: at most ${MOST_MIB} MiB`, async (t) => {
    const lab = await openLab();
    t.after(() => lab.close());
    const sink = await startSink(lab, 0);
    t.after(sink.stop);
    const { peakMiB, sent } = await sendLong(lab, sink.s3, 1e9);
    t.diagnostic(`${peakMiB.toFixed(0)} MiB`);
    assert.deepEqual([sent.destinations.map(({ ok }) => ok), sent.errors], [[true], []]);
    assert.ok(peakMiB > 20 && peakMiB <= MOST_MIB, `${peakMiB.toFixed(0)} MiB`);
  });
});
