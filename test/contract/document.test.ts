import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import * as z from 'zod';
import { summarize } from '../../src/capture/status.ts';
import { encodeResult, type WorkloadResult } from '../../src/capture/workload-spec.ts';
import { listDocument, statusDocument } from '../../src/commands/capture-document.ts';
import { jobOf, podOf, result, START } from '../unit/support/builders.ts';

const file = join(import.meta.dirname, '../../docs/schema/capture-status.json');
const text = JSON.parse(readFileSync(file, 'utf8'));
const schema = z.fromJSONSchema(text);

function observe(told?: Partial<WorkloadResult>) {
  const job = jobOf('node1');
  const state =
    told === undefined ? { running: {} } : { terminated: { exitCode: 1, message: encodeResult(result(told)) } };
  return summarize({ jobs: [job, jobOf('node2')], pods: [podOf(job, state)], events: [] }, START);
}

const error = { kind: 'host-path' as const, location: '/x', ok: false, error: 'disk full' };
const captures = [...observe(), ...observe({}), ...observe({ tarball: null, destinations: [error] })];

suite('docs/schema/capture-status.json', () => {
  test('holds for captures in every state, alone and in lists', () => {
    for (const document of [...captures.map(statusDocument), listDocument(captures), listDocument([])]) {
      const read = schema.safeParse(JSON.parse(JSON.stringify(document)));
      assert.ok(read.success, `${read.error?.message}\n${JSON.stringify(document, null, 2)}`);
    }
  });

  test('refuses a field that is gone, new, or of another type', () => {
    const [first] = captures;
    assert.ok(first !== undefined);
    const whole: Record<string, unknown> = statusDocument(first);
    const { nodesFailed: _gone, ...less } = whole;
    for (const wrong of [less, { ...whole, extra: 1 }, { ...whole, packets: '3' }, { ...whole, state: 'Done' }]) {
      assert.equal(schema.safeParse(JSON.parse(JSON.stringify(wrong))).success, false, JSON.stringify(wrong));
    }
  });

  test('says of each field what it means', () => {
    const shapes = Object.values<{ properties: Record<string, { description?: string; const?: string }> }>(text.$defs);
    for (const [name, field] of shapes.flatMap(({ properties }) => Object.entries(properties))) {
      const itself = name === 'kind' || name === 'items';
      assert.ok(itself || (field.description ?? '').length > 0, name);
    }
  });

  test('sums are of the nodes that have told, and null before', () => {
    const [running, done] = captures.map(statusDocument);
    assert.deepEqual([running?.packets, running?.bytes, running?.startedAt], [null, null, null]);
    assert.deepEqual([done?.packets, done?.bytes, done?.nodesFailed], [12_408, 2_400_000, 1]);
    // The other node still runs.
    assert.deepEqual([done?.startedAt, done?.endedAt], ['2026-11-21T10:15:01Z', null]);
  });
});
