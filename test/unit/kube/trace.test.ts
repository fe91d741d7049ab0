import assert from 'node:assert/strict';
import { test } from 'node:test';
import { trace } from '../../../src/kube/trace.ts';

async function traced(send: () => Promise<{ value: number; outcome: number }>): Promise<string[]> {
  const lines: string[] = [];
  const query = {
    labelSelector: 'a=b',
    continue: 'secret',
    resourceVersion: '5',
    limit: 500,
    fieldSelector: undefined,
  };
  const request = { method: 'GET', path: '/api/v1/pods', query };
  await trace((line) => lines.push(line), request, send).catch(() => undefined);
  return lines;
}

test('a request is one line: method, path, what it selects, its outcome and its time', async () => {
  const [line, ...more] = await traced(async () => ({ value: 1, outcome: 200 }));
  assert.match(line ?? '', /^GET \/api\/v1\/pods\?labelSelector=a=b&limit=500 200 in \d+ ms$/);
  assert.deepEqual(more, []);
});

test('a request without an answer is told too', async () => {
  const lines = await traced(() => Promise.reject(new Error('refused')));
  assert.match(lines.join('\n'), /limit=500 failed in \d+ ms$/);
});
