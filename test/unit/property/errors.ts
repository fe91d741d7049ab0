import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ClusterError } from '../../../src/errors.ts';
import { toClusterError, toConnectionError } from '../../../src/kube/kube-error.ts';
import { explainAzure } from '../../../src/upload/azure-error.ts';
import { connectS3 } from '../../../src/upload/s3-client.ts';
import { almost, almostJson, hostile, json } from './inputs.ts';
import { property } from './property.ts';

const SECRET = 'S3cr3tS1gnature';
const status = fc.constantFrom(400, 401, 403, 404, 409, 410, 422, 429, 500, 503);
const user = fc.constantFrom('anna', 'system:serviceaccount:shop:x', '', '\u001b[2J');
const refusal = fc
  .tuple(
    user,
    fc.constantFrom('list', 'create', 'impersonate-on:user-info:list', 'x y'),
    fc.constantFrom('pods', 'pods/exec', 'x"; rm -rf ~; "', 'userextras/scopes'),
    fc.constantFrom('', 'batch'),
    fc.constantFrom('', ' in the namespace "shop"', ' in the namespace "$(x)"'),
  )
  .map(
    ([who, verb, resource, group, where]) =>
      `pods is forbidden: User "${who}" cannot ${verb} resource "${resource}" in API group "${group}"${where}`,
  );
const words = fc.oneof(
  refusal,
  almost(refusal),
  hostile,
  fc.constantFrom('', 'namespaces "x" not found', 'x\n\n  y', 'x'.repeat(9000)),
);
const body = fc.oneof(
  almostJson(words.map((message) => ({ kind: 'Status', message, reason: 'Forbidden' }))).map(
    (value) => JSON.stringify(value) ?? '',
  ),
  json.map((value) => JSON.stringify(value)),
  words,
  fc.constantFrom('<html><body>502 Bad Gateway</body></html>', 'null', '[]', '5', '"x"'),
);

property(
  'refusals of an API server, or of what stands between: words, and hints that no shell would run',
  4000,
  fc.tuple(status, body),
  ([code, text]) => {
    const error = toClusterError(code, text);
    assert.ok(error instanceof ClusterError && error.status === code);
    assert.ok(error.message.trim() !== '' && error.message.length < 4200, 'says nothing, or too much');
    assert.doesNotMatch(error.message, /\n|\[object |undefined/);
    assert.doesNotMatch(error.hint ?? '', /undefined|[;$`"\p{Cc}]/u);
  },
);

const codes = fc.constantFrom(
  'ECONNREFUSED',
  'ENOTFOUND',
  'CERT_HAS_EXPIRED',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'ERR_OSSL_X',
  'EPROTO',
  'ERR_INVALID_ARG_TYPE',
  'HPE_INVALID_CONSTANT',
  'EWHATEVER',
  undefined,
);
const thrown = fc
  .tuple(hostile, codes, fc.constantFrom(Error, TypeError, SyntaxError))
  .map(([message, code, Kind]) => Object.assign(new Kind(message), code === undefined ? {} : { code }));

property(
  'failed connections: told by the cause, and what is our fault stays so',
  3000,
  fc.tuple(
    thrown,
    fc.constantFrom('https://10.0.0.1:6443', 'x', 'https://[::1]'),
    fc.constantFrom(undefined, 'http://proxy.example:3128'),
  ),
  ([error, server, proxy]) => {
    const told = toConnectionError(error, server, proxy);
    if (!(told instanceof ClusterError)) {
      assert.equal(told, error);
      return;
    }
    assert.ok(told.message.length > 10 && !told.message.includes('\n') && told.hint !== undefined);
    assert.equal(told.cause, error);
    assert.doesNotMatch(told.message, /undefined|\[object /);
  },
);

const { explain } = await connectS3(
  { bucket: 'b', region: 'r', endpoint: null, prefix: '', ca: null, checksums: 'when_supported' },
  { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: SECRET },
);
const said = fc.oneof(
  hostile,
  fc.constantFrom('UnknownError', `the key ${SECRET} is wrong`, `?X-Amz-Signature=${SECRET}&x`, 'AccessDenied', ''),
);
const s3 = fc.oneof(
  fc
    .tuple(
      fc.constantFrom('AccessDenied', 'UnknownError', 'NoSuchBucket', ''),
      said,
      fc.constantFrom(undefined, 403, 503),
      fc.nat(5),
    )
    .map(([name, message, httpStatusCode, attempts]) =>
      Object.assign(new Error(message), { name, $metadata: { httpStatusCode, attempts } }),
    ),
  thrown,
  fc.array(said, { maxLength: 3 }).map(
    (all) =>
      new AggregateError(
        all.map((text) => new Error(text)),
        '',
      ),
  ),
);

property('what an S3 store says: one line, never a key', 3000, s3, (error) => {
  const text = explain(error);
  assert.ok(text.trim().length > 0 && !text.includes('\n'));
  assert.doesNotMatch(text, new RegExp(`${SECRET}|AKIAEXAMPLE|\\[object |undefined`));
});

const sas = {
  url: `https://a.example/caps?sv=1&sig=${SECRET}`,
  container: 'https://a.example/caps',
  expiresAt: undefined,
  startsAt: undefined,
};
const access = fc.constantFrom({ kind: 'sas', sas } as const, { kind: 'identity', container: sas.container } as const);
const azure = fc.oneof(
  fc
    .tuple(said, fc.constantFrom(undefined, 'AuthenticationFailed', ''), fc.constantFrom(undefined, 403, 404, 500))
    .map(([message, code, statusCode]) =>
      Object.assign(
        new Error(`${message}\nRequestId:x\n${sas.url}`),
        code === undefined ? { statusCode } : { code, statusCode },
      ),
    ),
  thrown,
  fc
    .tuple(said, fc.constantFrom('AuthenticationError', 'CredentialUnavailableError', 'AggregateAuthenticationError'))
    .map(([message, name]) => Object.assign(new Error(message), { name })),
);

property('what Azure Blob says: one line, never the signature', 3000, fc.tuple(azure, access), ([error, by]) => {
  const text = explainAzure(error, by);
  assert.ok(text.length > 0);
  if (by.kind === 'sas') assert.ok(!text.includes(SECRET), text);
  assert.doesNotMatch(text, /\[object |undefined/);
});
