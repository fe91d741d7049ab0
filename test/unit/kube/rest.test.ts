import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { constants, createGzip } from 'node:zlib';
import { ClusterError } from '../../../src/errors.ts';
import { loadConfig } from '../../../src/kube/config.ts';
import { createRest } from '../../../src/kube/rest.ts';
import { asking } from '../support/asking.ts';

const get = { method: 'GET', path: '/version' } as const;

function refused(message: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof ClusterError && message.test(error.message) && error.hint !== undefined;
}

test('a short answer that unpacks to more than memory holds is refused at 256 MiB', async () => {
  const bomb: RequestListener = (_request, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip' });
    const gzip = createGzip({ level: constants.Z_BEST_SPEED });
    gzip.pipe(response);
    const zeros = Buffer.alloc(1 << 20);
    // 2 GiB, unless the other side goes away.
    let left = 2048;
    const more = (): void => {
      for (; left > 0 && !response.destroyed; left -= 1) if (!gzip.write(zeros)) return void gzip.once('drain', more);
      gzip.end();
    };
    more();
  };
  const before = process.memoryUsage().rss;
  await assert.rejects(
    asking(bomb, (rest) => rest.json(get)),
    refused(/answer is longer than 256 MiB/),
  );
  assert.ok(process.memoryUsage().rss - before < 1 << 30);
});

test('JSON that is no object is no answer of an API server', async () => {
  for (const text of ['null', '5', '"x"', 'true', '', '<html>']) {
    await assert.rejects(
      asking(
        (_request, response) => response.end(text),
        (rest) => rest.json(get),
      ),
      refused(/did not answer in JSON as an API server does/),
      text,
    );
  }
});

test('an auth-provider whose token has expired: why it cannot be renewed, and what to use instead', async () => {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const config = {
    ...{
      'id-token': `${part({ alg: 'none' })}.${part({ exp: 1 })}.x`,
      'refresh-token': 'again',
      'client-id': 'kubectl',
    },
    'idp-issuer-url': 'http://127.0.0.1:9/',
  };
  const kubeconfig = {
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'c' },
    clusters: [{ name: 'c', cluster: { server: 'http://127.0.0.1:9' } }],
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    users: [{ name: 'u', user: { 'auth-provider': { name: 'oidc', config } } }],
  };
  const directory = mkdtempSync(join(tmpdir(), 'retina-unit-'));
  try {
    const file = join(directory, 'config');
    writeFileSync(file, JSON.stringify(kubeconfig));
    const connection = loadConfig({ kubeconfig: file }, { HOME: '/nonexistent' });
    const rest = createRest(connection, { timeoutMs: 1000, traced: () => undefined, troubled: () => undefined });
    await assert.rejects(rest.json(get), refused(/^the credentials of the kubeconfig cannot be used: /));
  } finally {
    rmSync(directory, { recursive: true });
  }
});
