import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { execa } from 'execa';
import { buildJob } from '../../src/capture/job.ts';
import { captureStem } from '../../src/capture/names.ts';
import type { Job } from '../../src/kube/cluster.ts';
import { request, spec } from '../unit/support/builders.ts';
import { namespace } from './support/cluster.ts';

const NS = 'e2e-wrong-names';
const LONG_CAPTURE = `c${'x'.repeat(62)}`;
/** 253 characters, in labels of 63 as DNS has them. */
const LONG_NODE = ['n', 'o', 'd']
  .map((letter) => letter.repeat(63))
  .join('.')
  .concat('.', 'e'.repeat(61));

const PAIRS: readonly (readonly [capture: string, node: string])[] = [
  ['web', 'node1'],
  [LONG_CAPTURE, LONG_NODE],
  [LONG_CAPTURE, `${LONG_NODE.slice(0, -1)}x`],
  [LONG_CAPTURE, LONG_NODE.replaceAll('.', '-')],
  ['a-b', 'c'],
  ['a', 'b-c'],
  ['a', 'b.c'],
  ['0', '1.2.3.4'],
];

function jobOf(capture: string, node: string): Job {
  const startedAt = new Date();
  const stem = captureStem(capture, node, startedAt);
  return buildJob(spec({ capture, node, stem, namespace: NS }), request().job, { id: 'x', startedAt });
}

describe('names at their limits, judged by the API server', () => {
  let clean: () => Promise<void>;
  before(async () => {
    clean = await namespace(NS);
  });
  after(() => clean());

  test('every Job is admitted, without a warning, under a name of its own', async () => {
    const jobs = PAIRS.map(([capture, node]) => jobOf(capture, node));
    const list = { apiVersion: 'v1', kind: 'List', items: jobs };
    const { stdout, stderr } = await execa('kubectl', ['create', '--dry-run=server', '-o', 'name', '-f', '-'], {
      input: JSON.stringify(list),
    });
    // kubectl tells the server's warnings there.
    assert.equal(stderr, '');
    const created = stdout.split('\n');
    assert.deepEqual(
      created,
      jobs.map((job) => `job.batch/${job.metadata?.name}`),
    );
    assert.equal(new Set(created).size, PAIRS.length);
  });

  test('what is too long by one is refused: the limits are the real ones', async () => {
    const job = jobOf('web', 'node1');
    const tooLong = { ...job, metadata: { ...job.metadata, name: 'j'.repeat(64) } };
    const command = ['create', '--dry-run=server', '-f', '-'];
    const refused = await execa('kubectl', command, { input: JSON.stringify(tooLong), reject: false });
    assert.notEqual(refused.exitCode, 0);
    assert.match(refused.stderr, /must be no more than 63/);
    const label = await execa('kubectl', command, {
      input: JSON.stringify(jobOf(`${LONG_CAPTURE}x`, 'n')),
      reject: false,
    });
    assert.match(label.stderr, /must be no more than 63/);
  });
});
