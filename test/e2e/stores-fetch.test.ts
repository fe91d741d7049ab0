import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Ran, retina, retinaOk } from './support/cli.ts';
import { apply, kubectl, NODES, namespace, objects, onNode } from './support/cluster.ts';
import { packetsIn, sha256 } from './support/judge.ts';
import { isTarball } from './support/leavings.ts';
import { blobServer, S3_KEYS, s3Server } from './support/stores.ts';
import { makeSecrets } from './support/volumes.ts';

const NS = 'e2e-fetch';
const HOST_DIR = '/mnt/retina/e2e-fetch';
// As AWS does it: a body that nobody reads would keep the program from ending.
const s3 = s3Server(17180, { keepAlive: true });
const blob = blobServer(17181);
const S3 = ['--s3-bucket', 'evidence', '--s3-endpoint', s3.url];
const KEYS = { AWS_ACCESS_KEY_ID: S3_KEYS.accessKeyId, AWS_SECRET_ACCESS_KEY: S3_KEYS.secretAccessKey };
const output = mkdtempSync(join(tmpdir(), 'retina-e2e-'));

async function capture(name: string, flags: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  const short = ['--duration', '1s', '--wait', '--timeout', '3m'];
  return retinaOk(['capture', 'create', '-n', NS, '--name', name, ...short, ...flags], { env, timeoutSeconds: 240 });
}

const download = (to: string, ...args: string[]): Promise<Ran> =>
  retina(['capture', 'download', '-n', NS, '-o', join(output, to), ...args]);

/** The tarballs of a capture that were downloaded are those of the store. */
async function assertSame(to: string, name: string, tarballs = 2): Promise<void> {
  const files = readdirSync(join(output, to, name));
  assert.equal(files.length, tarballs);
  for (const file of files) {
    const there = await s3.read('evidence', `retina/captures/${file}`);
    assert.equal(sha256(readFileSync(join(output, to, name, file))), sha256(there), file);
  }
}

/** A user who may see captures, and no Secret. */
function looker(): object[] {
  const rules = [
    { apiGroups: ['batch'], resources: ['jobs'], verbs: ['list', 'create', 'delete', 'get'] },
    { apiGroups: [''], resources: ['pods', 'events'], verbs: ['list', 'watch'] },
  ];
  const group = 'rbac.authorization.k8s.io';
  const metadata = { name: 'looker', namespace: NS };
  const subjects = [{ apiGroup: group, kind: 'User', name: 'looker' }];
  const roleRef = { apiGroup: group, kind: 'Role', name: 'looker' };
  return [
    { apiVersion: `${group}/v1`, kind: 'Role', metadata, rules },
    { apiVersion: `${group}/v1`, kind: 'RoleBinding', metadata, roleRef, subjects },
  ];
}

describe('what is in stores comes back', () => {
  let clean: () => Promise<void>;
  before(async () => {
    clean = await namespace(NS);
    await Promise.all([s3.start(), blob.start(), apply(...looker())]);
    await s3.makeBucket('evidence');
    await blob.makeContainer('caps');
    await makeSecrets(NS, {
      s3: { 's3-access-key-id': S3_KEYS.accessKeyId, 's3-secret-access-key': S3_KEYS.secretAccessKey },
      blob: { 'blob-sas-url': await blob.sas('caps', { permissions: 'rw' }) },
    });
  });
  after(async () => {
    await retina(['capture', 'delete', '--all', '-n', NS]);
    await clean();
    await Promise.all([s3.end(), blob.end()]);
    rmSync(output, { recursive: true });
    for (const node of NODES) rmSync(onNode(node, HOST_DIR), { recursive: true, force: true });
  });

  test("download by the capture's own Secret, from the first store that lets it be read, without a pod", async () => {
    await capture('own', ['--blob-upload', await blob.sas('caps', { permissions: 'w' }), ...S3], KEYS);
    const before = await objects(NS);
    const ran = await download('own', 'own');
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(ran.stderr, /node1: cannot read \S+caps\/own-node1\S+: AuthorizationP\S+: .*; trying the next/);
    assert.match(ran.stderr, /node1: own-node1-\d+UTC.tar.gz, .* from s3:\/\/evidence\/retina\/captures\n/);
    assert.match(ran.stderr, /✔ 2 tarballs downloaded and verified/);
    assert.doesNotMatch(ran.stderr, /sig=/);
    await assertSame('own', 'own');
    assert.deepEqual(await objects(NS), before);
  });

  test('download by Secrets that were there before; from Blob by a SAS that may not list', async () => {
    await capture('theirs', ['--blob-secret', 'blob', '--s3-secret', 's3', ...S3]);
    const ran = await download('theirs', 'theirs');
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(ran.stderr, /from http:\S+\/caps\n/);
    assert.doesNotMatch(ran.stderr, /s3:/);
    await assertSame('theirs', 'theirs');
  });

  test('--all: each capture from where it is; a host path whose file has gone gives way to the store', async () => {
    await capture('both', ['--node-names', 'node1', '--host-path', HOST_DIR, ...S3], KEYS);
    await capture('disk', ['--node-names', 'node2', '--host-path', HOST_DIR]);
    rmSync(onNode('node1', HOST_DIR), { recursive: true });
    const ran = await download('all', '--all');
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(ran.stderr, /✔ 4 of 4 captures downloaded whole/);
    assert.match(ran.stderr, /node1: .*; trying the next destination/);
    await assertSame('all', 'both', 1);
    assert.equal(readdirSync(join(output, 'all', 'disk')).filter(isTarball).length, 1);
    assert.equal((await objects(NS)).filter((name) => name.includes('download')).length, 0);
  });

  test('list: what a store holds, without a cluster, in every format; a name that was used twice is there twice', async () => {
    const alone = { ...KEYS, KUBECONFIG: '/nonexistent' };
    const list = (...args: string[]): Promise<Ran> => retina(['capture', 'list', ...args], { env: alone });
    await kubectl('delete', 'jobs', '-n', NS, '-l', 'capture-name=both');
    await capture('both', S3, KEYS);
    const table = await list(...S3);
    assert.equal(table.code, 0, table.stderr);
    assert.match(table.stdout, /^NAME +STATE +NODES +PACKETS +LOST +SIZE +TO +AGE\n/);
    assert.match(table.stdout, /\nown +Completed +2\/2 +[\d,]+ +0 +[\d.]+ kB +s3:\/\/evidence\/retina\/captures +\d+s/);
    assert.match(table.stdout, /\nboth +Completed +1\/1 .*\nboth +Completed +2\/2 /);
    const wide = await list(
      'theirs',
      '-o',
      'wide',
      '--no-headers',
      '--blob-url',
      await blob.sas('caps', { permissions: 'rl' }),
    );
    assert.equal(wide.stdout.split('\n').length, 2, wide.stderr);
    assert.match(wide.stdout, /theirs +completed +node2 .*http:\S+\/caps\/theirs-node2-\d+UTC.tar.gz/);
    const json = await list('own', '-o', 'json', ...S3);
    const [item] = JSON.parse(json.stdout).items;
    assert.deepEqual([item.namespace, item.nodesTotal, item.nodesCompleted, item.state], [null, 2, 2, 'Completed']);
    for (const node of item.nodes) {
      const bytes = await s3.read('evidence', `retina/captures/${node.tarball}`);
      assert.deepEqual([node.bytes, node.sha256], [bytes.length, sha256(bytes)]);
      assert.equal(node.packets, await packetsIn(bytes));
    }
    assert.equal((await list('-o', 'name', '--sort-by', 'name', ...S3)).stdout, 'both\nboth\nown\ntheirs');
    const none = await list('own2', ...S3);
    assert.deepEqual([none.code, none.stdout], [1, '']);
    assert.match(none.stderr, /there is no capture own2 in s3:\/\/evidence\/retina\/captures/);
  });

  test('list: what is cut is told as failed; what has no sound result is named, and no more', async () => {
    const at = 'cut-node1-20261121101500UTC';
    const put = (name: string, text: string) => s3.write('evidence', `odd/${name}`, Buffer.from(text));
    const own = (await s3.names('evidence')).find((name) => /own-node1.*json$/.test(name)) ?? '';
    const told = JSON.parse((await s3.read('evidence', own)).toString());
    const cut = { ...told, capture: 'cut', tarball: { ...told.tarball, name: `${at}.tar.gz`, bytes: 9 } };
    await put(`${at}.tar.gz`, 'short');
    await put(`${at}.json`, JSON.stringify(cut));
    await put('theirs-node1-20261121101500UTC.tar.gz', 'by another tool');
    await put('bad-node1-20261121101500UTC.tar.gz', 'x');
    await put('bad-node1-20261121101500UTC.json', JSON.stringify({ ...cut, capture: '../x' }));
    const odd = [...S3, '--s3-path', 'odd'];
    const ran = await retina(['capture', 'list', '-o', 'json', ...odd], { env: KEYS });
    const { items } = JSON.parse(ran.stdout);
    assert.deepEqual([items.length, items[0].name, items[0].state], [1, 'cut', 'Failed']);
    assert.match(items[0].nodes[0].problem, /has 5 bytes, and had 9 when it was captured/);
    assert.match(ran.stderr, /Without a result beside them: 2 tarballs, bad-node1-\S+, theirs-node1-\S+gz$/m);
    const got = await retina(['capture', 'download', '--all', '-o', join(output, 'odd'), ...odd], { env: KEYS });
    assert.equal(got.code, 1);
    assert.match(got.stderr, /cut-node1\S+ has 5 bytes, and had 9 when it was captured/);
    assert.deepEqual(readdirSync(join(output, 'odd', 'cut')), []);
  });

  test('a Secret that may not be read, or has gone: exit code 1, and the flags to give', async () => {
    const hidden = await download('none', 'own', '--as', 'looker');
    assert.equal(hidden.code, 1);
    assert.match(hidden.stderr, /Secret own-\w+, which has the credentials, may not be read by you: /);
    assert.match(hidden.stderr, /capture download own --blob-url 'http:\S+caps\?<SAS>'/);
    await kubectl('delete', 'secret', '-n', NS, '-l', 'capture-name=both');
    const gone = await download('none', 'both');
    assert.doesNotMatch(gone.stderr, /--host-path/);
    assert.equal(gone.code, 1);
    assert.match(gone.stderr, /in s3:\/\/evidence\/retina\/captures, and Secret both-\w+, .* is not there any more/);
    assert.match(
      gone.stderr,
      /download both --s3-bucket evidence .*--s3-endpoint http:\S+ --s3-path retina\/captures /,
    );
  });

  test('a store that is out of reach from here: exit code 1, the reason and the flags', async () => {
    await s3.stop();
    const ran = await download('down', 'own', '--node-names', 'node1');
    await s3.start();
    assert.equal(ran.code, 1);
    assert.match(ran.stderr, /cannot read s3:\/\/evidence\/retina\/captures\/own-node1\S+: .*ECONNREFUSED/);
    assert.match(ran.stderr, /✖ 0 tarballs downloaded and verified, 1 not/);
    assert.match(ran.stderr, /download own --s3-bucket evidence/);
    assert.deepEqual(readdirSync(join(output, 'down', 'own')), []);
  });
});
