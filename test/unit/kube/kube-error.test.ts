import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { ClusterError } from '../../../src/errors.ts';
import { type Identity, toClusterError, toConnectionError } from '../../../src/kube/kube-error.ts';

const SERVER = 'https://10.0.0.1:6443';
/** Client certificates by an authority of their own: one expired in 2024, the other lasts. */
const [expired, lasting] = ['expired', 'lasting'].map((name) =>
  readFileSync(join(import.meta.dirname, '../../golden', `${name}.crt`)),
);

function connection(error: unknown): ClusterError {
  const told = toConnectionError(error, SERVER);
  assert.ok(told instanceof ClusterError, String(told));
  assert.ok(told.hint !== undefined && !told.message.includes('\n'));
  assert.equal(told.cause, error);
  assert.equal(told.status, undefined);
  return told;
}

function withCode(code: string, extra: object = {}): Error {
  return Object.assign(new Error(`${code} of some library\nsecond line`), { code, ...extra });
}

function answer(status: number, message: string, identity: Identity = {}): ClusterError {
  return toClusterError(status, JSON.stringify({ kind: 'Status', message, reason: 'R' }), identity);
}

suite('failed connections', () => {
  const rows: readonly (readonly [code: string, message: RegExp, hint: RegExp])[] = [
    ['ECONNREFUSED', /API server 10\.0\.0\.1:6443 refused/, /cluster-info/],
    ['ECONNRESET', /closed the connection/, /cluster-info/],
    ['ENOTFOUND', /cannot be resolved/, /cluster-info/],
    ['EAI_AGAIN', /cannot be resolved at the moment/, /cluster-info/],
    ['EHOSTUNREACH', /no route/, /cluster-info/],
    ['ETIMEDOUT', /does not answer/, /cluster-info/],
    ['CERT_HAS_EXPIRED', /certificate of the API server .* has expired/, /certificate-authority/],
    ['SELF_SIGNED_CERT_IN_CHAIN', /unknown authority/, /--certificate-authority FILE/],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', /unknown authority/, /--certificate-authority FILE/],
    ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', /unknown authority/, /--certificate-authority FILE/],
    ['ERR_SSL_WRONG_VERSION_NUMBER', /does not speak TLS/, /http or https/],
    ['ERR_OSSL_PEM_NO_START_LINE', /certificate or key .* cannot be used/, /do they fit/],
    ['ESOMETHING', /failed: ESOMETHING of some library$/, /cluster-info/],
  ];
  for (const [code, message, hint] of rows) {
    test(code, () => {
      const told = connection(withCode(code));
      assert.match(told.message, message);
      assert.match(told.hint ?? '', hint);
    });
  }

  test('a certificate for another name tells which', () => {
    assert.match(
      connection(withCode('ERR_TLS_CERT_ALTNAME_INVALID', { host: 'x.y' })).message,
      /not for the name x\.y/,
    );
  });

  test('no answer in time; an answer that is not JSON', () => {
    assert.match(connection(new DOMException('timed out', 'TimeoutError')).message, /did not answer in time/);
    assert.match(connection(new SyntaxError('Unexpected token <')).message, /did not answer in JSON/);
  });

  test('a server that is no URL is told as it is', () => {
    const told = toConnectionError(withCode('ECONNREFUSED'), 'nonsense');
    assert.match((told as Error).message, /API server nonsense refused/);
  });

  test('faults of this program, and errors that were told already, stay what they are', () => {
    const others = [
      new TypeError('x is not a function'),
      new ClusterError('told'),
      new Error('plain'),
      'text',
      undefined,
    ];
    for (const error of [...others, withCode('ERR_INVALID_ARG_TYPE')])
      assert.equal(toConnectionError(error, SERVER), error);
  });

  test('a SOCKS proxy that refuses is named, though its library gives no code', () => {
    const error = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:9'), { options: { proxy: {} } });
    const told = toConnectionError(error, SERVER, 'socks5://127.0.0.1:9');
    assert.ok(told instanceof ClusterError);
    assert.equal(told.message, 'the proxy 127.0.0.1:9 refused the connection');
    const other = Object.assign(new Error('Proxy connection timed out'), { options: { proxy: {} } });
    assert.match(
      String(toConnectionError(other, SERVER, 'socks5://127.0.0.1:9')),
      /the proxy 127\.0\.0\.1:9 failed: Proxy/,
    );
  });
});

suite('refusals of the API server', () => {
  test('401: an expired client certificate is told with its end', () => {
    const told = answer(401, 'Unauthorized', { certificate: expired });
    assert.match(told.message, /your client certificate expired at 2024-02-02T03:04:05\.000Z/);
    assert.match(told.hint ?? '', /--context NAME/);
  });

  test('401: otherwise what was shown is told', () => {
    assert.match(answer(401, 'x', { certificate: lasting }).message, /your client certificate$/);
    assert.match(answer(401, 'x', { token: true }).message, /your token$/);
    assert.match(answer(401, 'x').message, /your credentials$/);
  });

  test('403: verb, resource, place and user', () => {
    const forbidden = (resource: string, group: string, place: string) =>
      `${resource} is forbidden: User "dev" cannot create resource "${resource}" in API group "${group}"${place}`;
    const jobs = answer(403, forbidden('jobs', 'batch', ' in the namespace "shop"'));
    assert.equal(jobs.message, 'you may not create jobs.batch in namespace shop (user dev)');
    assert.match(jobs.hint ?? '', /kubectl auth can-i create jobs\.batch -n shop$/);
    const nodes = answer(403, forbidden('nodes', '', ' at the cluster scope'));
    assert.equal(nodes.message, 'you may not create nodes cluster-wide (user dev)');
    assert.match(nodes.hint ?? '', /can-i create nodes$/);
    assert.equal(answer(403, 'pods "x" is forbidden: exceeded quota').message, 'pods "x" is forbidden: exceeded quota');
  });

  test('404: a namespace that is not there', () => {
    assert.equal(answer(404, 'namespaces "shpo" not found').message, 'there is no namespace shpo');
    assert.equal(answer(404, 'jobs.batch "x" not found').message, 'jobs.batch "x" not found');
  });

  test('status and reason are kept for programs, in one line for people', () => {
    const told = answer(409, 'already\n  exists');
    assert.deepEqual([told.status, told.reason, told.message], [409, 'R', 'already exists']);
  });

  test('an answer that is no Status: a proxy, or another kind of server', () => {
    for (const body of ['<html>\nBad Gateway', '{"kind":"Other"}', 'null', '7', '']) {
      const told = toClusterError(502, body);
      assert.match(told.message, /^the API server answered 502: /);
      assert.match(told.hint ?? '', /--server URL/);
      assert.ok(!told.message.includes('\n'));
    }
    assert.ok(toClusterError(500, 'x'.repeat(10_000)).message.length < 600);
  });
});
