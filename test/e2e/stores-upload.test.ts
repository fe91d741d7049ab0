import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Ran, retina, start } from './support/cli.ts';
import { filesOn, kubectl, NODES, type NodeName, namespace, objects, onNode, until } from './support/cluster.ts';
import { sha256 } from './support/judge.ts';
import { ended, isTarball } from './support/leavings.ts';
import { blobServer, S3_KEYS, s3Server } from './support/stores.ts';
import { inVolume, makeSecrets, makeVolumes, removeVolumes } from './support/volumes.ts';

const NS = 'e2e-upload';
const HOST_DIR = '/mnt/retina/e2e-upload';
const RESCUED = '/var/lib/retina/rescued';
const s3 = s3Server(17190);
const blob = blobServer(17191);
const KEYS = { AWS_ACCESS_KEY_ID: S3_KEYS.accessKeyId, AWS_SECRET_ACCESS_KEY: S3_KEYS.secretAccessKey };
const WRONG = { ...KEYS, AWS_SECRET_ACCESS_KEY: 'wrong' };
const bucket = (name: string): string[] => ['--s3-bucket', name, '--s3-endpoint', s3.url];

/** Captures for a second and waits. */
function capture(name: string, flags: readonly string[], env: Record<string, string> = KEYS): Promise<Ran> {
  const short = ['--duration', '1s', '--wait', '--timeout', '3m'];
  return retina(['capture', 'create', '-n', NS, '--name', name, ...short, ...flags], { env, timeoutSeconds: 240 });
}

/** The environment's keys are not the capture's: they must play no part unless a bucket is named. */
const upload = (args: readonly string[], env: Record<string, string> = {}): Promise<Ran> =>
  retina(['capture', 'upload', '-n', NS, ...args], { env: { ...WRONG, ...env }, timeoutSeconds: 120 });

/** The files of a capture on a node, hidden ones too. */
const on = (node: NodeName, directory: string, name: string): string[] =>
  filesOn(node, directory).filter((file) => file.includes(`${name}-node`));
const kept = (name: string): string[] => NODES.flatMap((node) => on(node, RESCUED, name));
const inBucket = async (Bucket: string, name: string): Promise<string[]> =>
  (await s3.names(Bucket)).filter((key) => key.includes(`/${name}-node`));

describe('what a destination did not take is sent again from its node', () => {
  let clean: () => Promise<void>;
  before(async () => {
    clean = await namespace(NS);
    await Promise.all([s3.start(), blob.start()]);
    await s3.makeBucket('evidence');
    await blob.makeContainer('caps');
    await makeVolumes(NS, { wide: {} });
    await makeSecrets(NS, {
      s3: { 's3-access-key-id': S3_KEYS.accessKeyId, 's3-secret-access-key': S3_KEYS.secretAccessKey },
      blob: { 'blob-upload-url': await blob.sas('caps', { permissions: 'rw' }) },
    });
  });
  after(async () => {
    await retina(['capture', 'delete', '--all', '-n', NS]);
    await clean();
    await removeVolumes(NS);
    await Promise.all([s3.end(), blob.end()]);
    for (const node of NODES) {
      rmSync(onNode(node, HOST_DIR), { recursive: true, force: true });
      for (const name of ['late', 'locked', 'damaged', 'broken', 'mixed'])
        for (const file of on(node, RESCUED, name)) rmSync(onNode(node, `${RESCUED}/${file}`));
    }
  });

  test('to the same bucket once it is there: the failure names the command, and the command sends the very bytes', async () => {
    const failed = await capture('late', bucket('not-yet'));
    assert.equal(failed.code, 1);
    assert.match(
      failed.stderr,
      /node1: not saved to s3:\/\/not-yet\/\S+tar.gz: NoSuchBucket: .*; kept on node1: \/var\/lib\/retina\/rescued\/late-node1/,
    );
    assert.match(failed.stderr, /^Next: kubectl retina capture upload late -n e2e-upload$/m);
    const status = await retina(['capture', 'status', 'late', '-n', NS]);
    assert.match(status.stderr, /^Next: kubectl retina capture upload late -n e2e-upload$/m);
    await s3.makeBucket('not-yet');
    const before = await objects(NS);
    const ran = await upload(['late']);
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(ran.stderr, /✔ 2 of 2 tarballs saved by every destination/);
    assert.match(ran.stdout, /^node1 +s3:\/\/not-yet\/retina\/captures\/late-node1-\d+UTC.tar.gz +[\d.]+ [kM]B$/m);
    assert.deepEqual(await objects(NS), before);
    for (const node of NODES) {
      const [name = ''] = on(node, RESCUED, 'late').filter(isTarball);
      const sent = await s3.read('not-yet', `retina/captures/${name}`);
      assert.deepEqual(sent, readFileSync(onNode(node, `${RESCUED}/${name}`)));
      const told = JSON.parse(
        (await s3.read('not-yet', `retina/captures/${name.replace('.tar.gz', '.json')}`)).toString(),
      );
      assert.deepEqual([told.tarball.sha256, told.destinations[0].ok], [sha256(sent), true]);
      assert.equal((await s3.metadata('not-yet', `retina/captures/${name}`)).sha256, sha256(sent));
    }
  });

  test('with other keys: a failure tells the reason and what is kept; the copy goes only when it is asked for', async () => {
    await capture('locked', ['--node-names', 'node1', ...bucket('evidence')], WRONG);
    const before = await objects(NS);
    const again = await upload(['locked', '--cleanup-after-upload', '--upload-timeout', '20s']);
    assert.equal(again.code, 1);
    assert.match(again.stderr, /node1: not saved to s3:\S+: SignatureDoesNotMatch: /);
    assert.match(again.stderr, /node1: kept on the node: \/var\/lib\/retina\/rescued\/locked-node1\S+tar.gz/);
    assert.match(again.stderr, /^Next, with other keys .*: kubectl retina capture upload locked -n e2e-upload$/m);
    assert.equal(kept('locked').length, 2);
    const typed = ['--s3-access-key-id', S3_KEYS.accessKeyId, '--s3-secret-access-key', S3_KEYS.secretAccessKey];
    const ran = await upload(['locked', ...typed]);
    assert.equal(ran.code, 0, ran.stderr);
    assert.equal(kept('locked').length, 2);
    assert.doesNotMatch(ran.stderr + ran.stdout, /test-root-secret/);
    const gone = await upload(['--name', 'locked', '--s3-secret', 's3', '--cleanup-after-upload']);
    assert.equal(gone.code, 0, gone.stderr);
    assert.match(gone.stderr, /node1: removed \/var\/lib\/retina\/rescued\/locked-node1/);
    assert.deepEqual(kept('locked'), []);
    assert.equal((await inBucket('evidence', 'locked')).length, 2);
    assert.deepEqual(await objects(NS), before);
  });

  test('to other destinations, from one node; also what the host path alone has', async () => {
    await capture('mixed', ['--host-path', HOST_DIR, ...bucket('nowhere')]);
    const flags = ['mixed', '--node-names', 'node2', '--pvc', 'wide', '--blob-secret', 'blob', ...bucket('evidence')];
    const ran = await upload(flags, KEYS);
    assert.equal(ran.code, 0, ran.stderr);
    const [name = ''] = on('node2', HOST_DIR, 'mixed').filter(isTarball);
    const bytes = readFileSync(onNode('node2', `${HOST_DIR}/${name}`));
    assert.deepEqual(await s3.read('evidence', `retina/captures/${name}`), bytes);
    assert.deepEqual(await blob.read('caps', name), bytes);
    assert.deepEqual(readFileSync(`${inVolume(NS, 'wide')}/${name}`), bytes);
    assert.equal((await inBucket('evidence', 'mixed')).length, 2);
    const moved = await upload([
      'mixed',
      '--blob-upload',
      await blob.sas('caps', { permissions: 'w' }),
      '--cleanup-after-upload',
    ]);
    assert.equal(moved.code, 1);
    assert.match(moved.stderr, /node1: the copy on the node stays: cannot look at \S+: /);
    assert.equal(on('node1', HOST_DIR, 'mixed').length, 2);
  });

  test('a tarball that has changed on its node is not sent', async () => {
    await capture('damaged', ['--node-names', 'node1', ...bucket('nowhere')]);
    const [name = ''] = kept('damaged').filter(isTarball);
    const path = onNode('node1', `${RESCUED}/${name}`);
    const bytes = readFileSync(path);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    writeFileSync(path, bytes);
    const ran = await upload(['damaged', ...bucket('evidence')], KEYS);
    assert.equal(ran.code, 1);
    assert.match(ran.stderr, /rescued\/damaged-node1\S+: its SHA-256 is not \w{64}: it has changed/);
    assert.equal(ran.stdout, '');
    writeFileSync(path, bytes.subarray(1));
    assert.match((await upload(['damaged', ...bucket('evidence')], KEYS)).stderr, /it has \d+ bytes, and had \d+ when/);
    assert.deepEqual(await inBucket('evidence', 'damaged'), []);
  });

  test('Ctrl-C leaves nothing: no Job, pod or Secret, and the tarball on its node', async () => {
    await capture('broken', ['--node-names', 'node1', ...bucket('nowhere')]);
    const before = await objects(NS);
    await s3.stop();
    const args = ['capture', 'upload', 'broken', '-n', NS, ...bucket('evidence')];
    const process = start(args, { env: KEYS });
    await until('the pod runs', async () =>
      (await kubectl('get', 'pods', '-n', NS, '-l', 'retina.sh/upload-of=broken', '-o', 'jsonpath={..phase}')).includes(
        'Running',
      ),
    );
    await sleep(1000);
    process.kill('SIGINT');
    const ran = await ended(process);
    await s3.start();
    assert.equal(ran.code, 130, ran.stderr);
    assert.match(ran.stderr, /upload interrupted; its pods are removed, and the tarballs stay on their nodes/);
    assert.deepEqual(await objects(NS), before);
    assert.equal(kept('broken').length, 2);
    assert.deepEqual(await inBucket('evidence', 'broken'), []);
  });

  test('a Secret that has gone is told, and the flags to give', async () => {
    await kubectl('delete', 'secret', '-n', NS, '-l', 'capture-name=broken');
    const ran = await upload(['broken']);
    assert.equal(ran.code, 1);
    assert.match(ran.stderr, /Secret broken-\w+, which has the credentials, is not there any more.*--s3-secret/s);
    assert.match(ran.stderr, /node1: kept on the node: \/var\/lib\/retina\/rescued\/broken-node1/);
  });

  test('what cannot be sent is told: exit code 1, or 2 for a wrong command line', async () => {
    await capture('whole', ['--node-names', 'node1', ...bucket('evidence')]);
    const nothing = await upload(['whole']);
    assert.equal(nothing.code, 0);
    assert.match(nothing.stderr, /every destination has every tarball of whole: there is nothing to send/);
    const far = await upload(['whole', '--pvc', 'wide']);
    assert.equal(far.code, 1);
    assert.match(far.stderr, /node node1 has no copy of its tarball; it is in s3:\/\/evidence\//);
    assert.match((await upload(['whole', '--node-names', 'node2'])).stderr, /capture whole has no node node2/);
    assert.match((await upload(['whole', '--s3-path', 'x'])).stderr, /has no bucket that lacks a tarball/);
    assert.match((await upload(['late', '--pvc', 'wied'])).stderr, /Did you mean: --pvc wide/);
    const wrong = await upload([
      'late',
      '--s3-secret',
      's3',
      '--s3-access-key-id',
      'x',
      '--upload-timeout',
      '0',
      '--pvc',
      '_',
    ]);
    assert.equal(wrong.code, 2);
    assert.match(
      wrong.stderr,
      /^error: 3 problems, nothing was uploaded\n {2}--pvc.*\n {2}--s3-secret and.*\n {2}--upload-timeout/,
    );
    assert.equal((await upload([])).code, 2);
    assert.match((await upload(['nosuch'])).stderr, /there is no capture nosuch in namespace e2e-upload/);
  });
});

describe('--cleanup-after-upload and the copy in the host path', () => {
  let clean: () => Promise<void>;
  before(async () => {
    clean = await namespace(`${NS}-tidy`);
    await Promise.all([s3.start(), blob.start()]);
    await s3.makeBucket('tidy');
    await blob.makeContainer('tidy');
  });
  after(async () => {
    await clean();
    await Promise.all([s3.end(), blob.end()]);
    for (const node of NODES) rmSync(onNode(node, HOST_DIR), { recursive: true, force: true });
  });
  const tidy = (name: string, flags: readonly string[], env: Record<string, string> = KEYS): Promise<Ran> => {
    const how = [
      '--duration',
      '1s',
      '--wait',
      '--node-names',
      'node1',
      '--host-path',
      HOST_DIR,
      '--cleanup-after-upload',
    ];
    return retina(['capture', 'create', '-n', `${NS}-tidy`, '--name', name, ...how, ...flags], { env });
  };
  const copies = (name: string): string[] => on('node1', HOST_DIR, name).filter(isTarball);

  test('goes when every other destination has confirmed it', async () => {
    const ran = await tidy('all', [...bucket('tidy'), '--blob-upload', await blob.sas('tidy', { permissions: 'rw' })]);
    assert.equal(ran.code, 0, ran.stderr);
    assert.deepEqual(on('node1', HOST_DIR, 'all'), []);
    assert.doesNotMatch(ran.stdout, /e2e-upload\//);
    assert.equal((await s3.names('tidy')).filter(isTarball).length, 1);
    const [beside = ''] = (await s3.names('tidy')).filter((name) => name.endsWith('.json'));
    const told = JSON.parse((await s3.read('tidy', beside)).toString());
    assert.deepEqual(
      told.destinations.map((to: { removed?: boolean }) => to.removed),
      [true, undefined, undefined],
    );
  });

  test('stays when one of them did not take it', async () => {
    const ran = await tidy('one', [...bucket('tidy'), '--blob-upload', await blob.sas('nowhere')]);
    assert.equal(ran.code, 1);
    assert.equal(copies('one').length, 1);
    assert.match(ran.stderr, /kept on node1: \/mnt\/retina\/e2e-upload\/one-node1/);
  });

  test('stays when one of them may not be asked what it holds', async () => {
    const ran = await tidy('unsure', ['--blob-upload', await blob.sas('tidy', { permissions: 'w' })]);
    assert.equal(ran.code, 0, ran.stderr);
    assert.equal(copies('unsure').length, 1);
    assert.match(ran.stdout, /\/mnt\/retina\/e2e-upload\/unsure-node1/);
    assert.equal((await blob.names('tidy')).filter((name) => name.startsWith('unsure')).length, 2);
  });

  test('a store alone: nothing stays on the node', async () => {
    const how = ['--duration', '1s', '--wait', '--node-names', 'node1', '--cleanup-after-upload', ...bucket('tidy')];
    const ran = await retina(['capture', 'create', '-n', `${NS}-tidy`, '--name', 'alone', ...how], { env: KEYS });
    assert.equal(ran.code, 0, ran.stderr);
    assert.deepEqual([...on('node1', RESCUED, 'alone'), ...on('node1', '/var/lib/retina', 'alone')], []);
    assert.deepEqual(
      readdirSync(onNode('node1', '/var/lib/retina')).filter((name) => name.includes('alone')),
      [],
    );
  });
});
