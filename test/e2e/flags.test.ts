import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { retina, retinaOk } from './support/cli.ts';
import { filesOn, namespace, objects, onNode } from './support/cluster.ts';
import { HOST, S3_KEYS, s3Server } from './support/stores.ts';

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
    for (const name of filesOn(`node1`, RESCUED).filter((file) => /^(token|silent)-/.test(file)))
      rmSync(onNode('node1', join(RESCUED, name)));
  });

  const create = (name: string, ...flags: string[]): string[] => [
    ...['capture', 'create', '-n', NS, '--name', name, '--node-names', 'node1', '--duration', '1s'],
    ...flags,
  ];

  const keys = ['--s3-access-key-id', S3_KEYS.accessKeyId, '--s3-secret-access-key', S3_KEYS.secretAccessKey];

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

  test('--upload-timeout: a store that takes the connection and never answers is given up in time', async () => {
    const silent = createServer().listen(17998, HOST);
    const bounded = [
      '--s3-bucket',
      'silent',
      '--s3-endpoint',
      `http://${HOST}:17998`,
      '--upload-timeout',
      '3s',
      '--wait',
    ];
    const ran = await retina(create('silent', ...bounded, ...keys));
    silent.close();
    assert.equal(ran.code, 1);
    assert.match(ran.stderr, /not done 3 s after the capture's end \(--upload-timeout\)/);
    assert.match(ran.stderr, /kept on node1: .*rescued\/silent-node1/);
    assert.ok(ran.seconds < 30, `it took ${ran.seconds} s`);
  });

  test('--min-free: no capture begins on a disk that has less, and it says so', async () => {
    const ran = await retina(create('full', '--min-free', '99%', '--wait', '--host-path', BASE));
    assert.equal(ran.code, 1);
    assert.match(ran.stderr, /node1: the disk is nearly full: \d+ of \d+ bytes of the disk are free; --min-free says/);
    await retinaOk(create('room', '--min-free', '1Mi', '--wait', '--host-path', BASE));
  });

  test('--cache-dir is taken, and nothing is written there', async () => {
    await retinaOk(['capture', 'list', '-n', NS, '--cache-dir', cache]);
    assert.deepEqual(readdirSync(cache), []);
  });

  const store = ['--s3-bucket', 'typed', '--s3-endpoint', s3.url, '--s3-region', 'us-east-1', '--wait'];

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
