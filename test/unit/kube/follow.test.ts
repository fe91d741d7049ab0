import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { follow } from '../../../src/kube/follow.ts';
import { asking } from '../support/asking.ts';

const object = (uid: string, resourceVersion: string) => ({ metadata: { uid, resourceVersion } });

/** Follows until both objects are known in their version 30; the answer is what was asked for, in turn. */
async function asked(created: readonly object[], answer: RequestListener): Promise<string[]> {
  const seen: string[] = [];
  const listen: RequestListener = (request, response) => {
    const { searchParams } = new URL(request.url ?? '', 'http://server');
    seen.push(searchParams.has('watch') ? `watch from ${searchParams.get('resourceVersion')}` : 'list');
    answer(request, response);
  };
  const enough = new AbortController();
  const signal = AbortSignal.any([enough.signal, AbortSignal.timeout(10_000)]);
  await asking(listen, (rest) =>
    follow<{ metadata?: { uid?: string; resourceVersion?: string } }>(
      rest,
      { path: '/jobs', selection: {} },
      { signal, traced: () => undefined, created },
      (items) => {
        if (items.length === 2 && items.every(({ metadata }) => metadata?.resourceVersion === '30')) enough.abort();
      },
    ),
  );
  assert.ok(enough.signal.aborted, 'both were seen');
  return seen;
}

const modified = (uid: string): string => `${JSON.stringify({ type: 'MODIFIED', object: object(uid, '30') })}\n`;
const page = { metadata: { resourceVersion: '30' }, items: [object('a', '30'), object('b', '30')] };
const tooOld = { type: 'ERROR', object: { kind: 'Status', code: 410 } };

/** Tells what both became, to whoever watches; or lists it. */
const both: RequestListener = (request, response) => {
  if (request.url?.includes('watch=true') !== true) return void response.end(JSON.stringify(page));
  response.write(modified('a'));
  void sleep(20).then(() => response.end(modified('b')));
};

test('what was just created is watched from its first version on, by number, and not listed', async () => {
  assert.deepEqual(await asked([object('a', '10'), object('b', '9')], both), ['watch from 9']);
});

test('versions that are no numbers are listed', async () => {
  assert.deepEqual((await asked([object('a', 'x10'), object('b', '9')], both)).slice(0, 1), ['list']);
});

test('a first version that is too old by now: listed anew', async () => {
  let watches = 0;
  const answer: RequestListener = (request, response) => {
    watches += request.url?.includes('watch=true') === true ? 1 : 0;
    if (watches === 1 && request.url?.includes('watch=true') === true) response.end(`${JSON.stringify(tooOld)}\n`);
    else both(request, response);
  };
  const seen = await asked([object('a', '10'), object('b', '9')], answer);
  assert.deepEqual(seen.slice(0, 2), ['watch from 9', 'list']);
});
