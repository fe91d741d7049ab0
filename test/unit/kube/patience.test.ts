import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ClusterError } from '../../../src/errors.ts';
import { mayTryAgain, type Patience, parseRetryAfter, patiently } from '../../../src/kube/patience.ts';

const answered = (status: number, retryAfter?: number) => new ClusterError(`says ${status}`, { status, retryAfter });
const broken = (code: string) => new ClusterError(code, { cause: Object.assign(new Error(code), { code }) });
const timedOut = new ClusterError('late', { cause: new DOMException('late', 'TimeoutError') });

suite('whether another try can do better', () => {
  const rows: readonly [what: string, error: unknown, known: [first: boolean, first3: boolean, later: boolean]][] = [
    ['429', answered(429), [true, true, true]],
    ['502', answered(502), [true, true, true]],
    ['503', answered(503), [true, true, true]],
    ['504', answered(504), [true, true, true]],
    ['500', answered(500), [true, true, false]],
    ['501', answered(501), [false, false, false]],
    ['400', answered(400), [false, false, false]],
    ['401', answered(401), [false, false, false]],
    ['403', answered(403), [false, false, false]],
    ['404', answered(404), [false, false, false]],
    ['409', answered(409), [false, false, false]],
    ['410', answered(410), [false, false, false]],
    ['a cut connection', broken('ECONNRESET'), [true, false, true]],
    ['no answer in time', timedOut, [true, false, true]],
    ['a refused connection', broken('ECONNREFUSED'), [false, false, true]],
    ['a name that is not known', broken('ENOTFOUND'), [false, false, true]],
    ['a certificate by another authority', broken('SELF_SIGNED_CERT_IN_CHAIN'), [false, false, false]],
    ['a server that does not speak TLS', broken('EPROTO'), [false, false, false]],
    ['a fault of our own', new TypeError('x'), [false, false, false]],
  ];
  for (const [what, error, [first, first3, later]] of rows) {
    test(what, () => {
      assert.equal(mayTryAgain(error, { tries: 1, answered: false }), first, 'the first try of all');
      assert.equal(mayTryAgain(error, { tries: 3, answered: false }), first3, 'the third, without any answer yet');
      assert.equal(mayTryAgain(error, { tries: 9, answered: true }), later, 'of a server that has answered');
    });
  }

  test('a proxy that tells that the server is away', () => {
    const error = new ClusterError('the proxy answered 503', { cause: new Error('Bad response: 503') });
    assert.equal(mayTryAgain(error, { tries: 1, answered: true }), true);
    assert.equal(mayTryAgain(error, { tries: 1, answered: false }), false);
  });
});

test('Retry-After is seconds or a date', () => {
  const now = Date.parse('2026-11-21T10:15:00Z');
  assert.equal(parseRetryAfter('7', now), 7);
  assert.equal(parseRetryAfter('Sat, 21 Nov 2026 10:15:30 GMT', now), 30);
  assert.equal(parseRetryAfter('Sat, 21 Nov 2026 10:14:30 GMT', now), 0);
  assert.equal(parseRetryAfter('soon', now), undefined);
  assert.equal(parseRetryAfter(undefined, now), undefined);
});

suite('trying', () => {
  const how = (more: Partial<Patience>): Patience => ({
    ...{ totalMs: 60_000, signal: undefined, answered: () => true, again: () => undefined },
    ...more,
  });

  test('until it is done; each failure is told', async () => {
    const told: string[] = [];
    const value = await patiently(
      async (tries) => {
        if (tries < 3) throw answered(503);
        return tries;
      },
      how({ again: ({ message }, tries) => told.push(`${tries} ${message}`) }),
    );
    assert.equal(value, 3);
    assert.deepEqual(told, ['1 says 503', '2 says 503']);
  });

  test('a server is left alone for as long as it asks', async () => {
    const began = performance.now();
    await patiently(async (tries) => {
      if (tries === 1) throw answered(429, 1);
    }, how({}));
    assert.ok(performance.now() - began >= 1000);
  });

  test('but not for longer than there is time: that is told at once', async () => {
    const began = performance.now();
    await assert.rejects(
      patiently(() => Promise.reject(answered(429, 61)), how({})),
      /^ClusterError: says 429$/,
    );
    assert.ok(performance.now() - began < 1000);
  });

  test('the end of the time: the last reason, and how often it was tried', async () => {
    await assert.rejects(
      patiently(() => Promise.reject(broken('ECONNREFUSED')), how({ totalMs: 1500 })),
      /^ClusterError: ECONNREFUSED \(tried [23] times in [01] s\)$/,
    );
  });

  test("the caller's own limit tells the last reason; an interrupt is itself", async () => {
    const limited = patiently(() => Promise.reject(answered(503)), how({ signal: AbortSignal.timeout(300) }));
    await assert.rejects(limited, /^ClusterError: says 503/);
    const interrupt = new AbortController();
    const interrupted = patiently(() => Promise.reject(answered(503)), how({ signal: interrupt.signal }));
    interrupt.abort(new Error('interrupted'));
    await assert.rejects(interrupted, /^Error: interrupted$/);
  });
});
