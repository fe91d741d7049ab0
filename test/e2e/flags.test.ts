import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { retina, retinaOk } from './support/cli.ts';
import { filesOn, namespace, objects, onNode } from './support/cluster.ts';
import { S3_KEYS, s3Server } from './support/stores.ts';

const NS = 'e2e-flags';
const BASE = '/mnt/retina-e2e-flags';
const RESCUED = '/var/lib/retina/rescued';
const s3 = s3Server(17072);

describe('flags that no other test needs', () => {
  let clean: () => Promise<void>;
  const cache = mkdtempSync(join(tmpdir(), 'retina-cache-'));
  before(async () => {
    clean = await namespace(NS);
    await s3.start();
    await s3.makeBucket('typed');
  });
  after(async () => {
    await retina(['capture', 'delete', '--all', '-n', NS]);
    await clean();
    await s3.end();
    rmSync(cache, { recursive: true });
    rmSync(onNode('node1', BASE), { recursive: true, force: true });
    for (const name of filesOn(`node1`, RESCUED).filter((file) => file.startsWith('token-')))
      rmSync(onNode('node1', join(RESCUED, name)));
  });

  const create = (name: string, ...flags: string[]): string[] => [
    ...['capture', 'create', '-n', NS, '--name', name, '--node-names', 'node1', '--duration', '1s'],
    ...flags,
  ];

  test('--no-wait returns when the Jobs are there, and tells where the tarballs will be', async () => {
    const { stdout, seconds } = await retinaOk(create('at-once', '--no-wait', '--duration', '60s'));
    assert.match(stdout, /^node1 +job\/at-once-node1-\w+ +\/mnt\/retina\/captures\/at-once-node1-\d{14}UTC\.tar\.gz$/m);
    assert.ok(seconds < 15, `it took ${seconds} s`);
    assert.ok((await objects(NS)).some((object) => object.startsWith(`Job/${NS}/at-once-`)));
    const waited = await retinaOk(create('in-the-end', '--no-wait=false'));
    assert.match(waited.stderr, /1 of 1 tarball saved/);
  });

  test('--host-path-base-dir is what a relative --host-path is joined to', async () => {
    const { stdout } = await retinaOk(create('joined', '--host-path', 'x/y', '--host-path-base-dir', BASE, '--wait'));
    assert.match(stdout, new RegExp(`${BASE}/x/y/joined-node1-\\d{14}UTC\\.tar\\.gz`));
    assert.equal(filesOn('node1', `${BASE}/x/y`).filter((name) => name.endsWith('.tar.gz')).length, 1);
  });

  test('--cache-dir is taken, and nothing is written there', async () => {
    await retinaOk(['capture', 'list', '-n', NS, '--cache-dir', cache]);
    assert.deepEqual(readdirSync(cache), []);
  });

  const store = ['--s3-bucket', 'typed', '--s3-endpoint', s3.url, '--s3-region', 'us-east-1', '--wait'];
  const keys = ['--s3-access-key-id', S3_KEYS.accessKeyId, '--s3-secret-access-key', S3_KEYS.secretAccessKey];

  test('--s3-access-key-id and --s3-secret-access-key open the store', async () => {
    const { stdout } = await retinaOk(create('typed', ...store, ...keys));
    assert.match(stdout, /s3:\/\/typed\/retina\/captures\/typed-node1-/);
    assert.equal((await s3.names('typed')).filter((name) => name.endsWith('.tar.gz')).length, 1);
    assert.ok(!stdout.includes(S3_KEYS.secretAccessKey));
  });

  test('--s3-session-token reaches the store, which knows no such session; what was captured is kept', async () => {
    const ran = await retina(create('token', ...store, ...keys, '--s3-session-token', 'none-of-this-store'));
    assert.equal(ran.code, 1, ran.stdout);
    assert.match(ran.stderr, /InvalidToken|InvalidAccessKeyId/);
    assert.match(ran.stderr, new RegExp(`${RESCUED}/token-node1-`));
    assert.ok(!ran.stderr.includes('none-of-this-store'));
    assert.equal(filesOn('node1', RESCUED).filter((name) => /^token-.*\.tar\.gz$/.test(name)).length, 1);
  });
});
