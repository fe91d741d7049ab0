import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Ran, retina, retinaOk, start } from './support/cli.ts';
import { filesOn, kubectl, NODES, namespace, objects, onNode, until } from './support/cluster.ts';
import { openGate } from './support/gate.ts';
import { packetsIn, sha256 } from './support/judge.ts';
import { assertNoScratch, ended, isTarball } from './support/leavings.ts';
import { blobServer, S3_KEYS, s3Server } from './support/stores.ts';
import { startTraffic } from './support/traffic.ts';
import { inVolume, makeSecrets, makeVolumes, removeVolumes } from './support/volumes.ts';

const NS = 'e2e-stores';
const HOST_DIR = '/mnt/retina/e2e-stores';
const RESCUED = '/var/lib/retina/rescued';
const s3 = s3Server(17070);
const blob = blobServer(17100);

const S3 = ['--s3-bucket', 'evidence', '--s3-endpoint', s3.url];
/** No packet has this port. */
const NONE = ['--pcap-filter', 'tcp port 1'];
const KEYS = { AWS_ACCESS_KEY_ID: S3_KEYS.accessKeyId, AWS_SECRET_ACCESS_KEY: S3_KEYS.secretAccessKey };

/** Captures for a second and waits. */
function capture(name: string, flags: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  const short = ['--duration', '1s', '--wait', '--timeout', '3m'];
  return retina(['capture', 'create', '-n', NS, '--name', name, ...short, ...flags], { env, timeoutSeconds: 240 });
}

async function captureOk(name: string, flags: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  const ran = await capture(name, flags, env);
  assert.equal(ran.code, 0, ran.stdout + ran.stderr);
  return ran;
}

const mine = (names: readonly string[], capture: string): string[] =>
  names.filter((name) => name.includes(`${capture}-node`));
const rescued = (capture: string): string[] => NODES.flatMap((node) => mine(filesOn(node, RESCUED), capture));

async function prepare(): Promise<void> {
  await Promise.all([s3.start(), blob.start()]);
  await s3.makeBucket('evidence');
  await blob.makeContainer('caps');
  await makeVolumes(NS, { wide: {} });
  await makeSecrets(NS, {
    s3: { 's3-access-key-id': S3_KEYS.accessKeyId, 's3-secret-access-key': S3_KEYS.secretAccessKey },
    'blob-nowhere': { 'blob-upload-url': await blob.sas('nowhere') },
    'blob-forged': { 'blob-upload-url': (await blob.sas('caps')).replace(/sig=[^&]+/, `sig=${'A'.repeat(43)}%3D`) },
    'blob-reading': {
      'blob-upload-url': await blob.policySas('caps', 'reading', { permissions: 'rl', seconds: 3600 }),
    },
    'blob-expired': {
      'blob-sas-url': await blob.policySas('caps', 'expired', { permissions: 'w', seconds: -60 }),
    },
  });
}

describe('destinations beside the host path', () => {
  let clean: () => Promise<void>;
  before(async () => {
    clean = await namespace(NS);
    await Promise.all([prepare(), startTraffic(NS)]);
  });
  after(async () => {
    await retina(['capture', 'delete', '--all', '-n', NS]);
    await clean();
    await removeVolumes(NS);
    await Promise.all([s3.end(), blob.end()]);
    for (const node of NODES)
      for (const path of [HOST_DIR, RESCUED]) rmSync(onNode(node, path), { recursive: true, force: true });
  });

  test('all four at once, on two nodes: the same bytes everywhere, and the same packets', async () => {
    const flags = ['--host-path', HOST_DIR, '--pvc', 'wide', '--blob-upload', `"${await blob.sas('caps')}"\n`, ...S3];
    const ran = await captureOk('four', flags, KEYS);
    assert.match(ran.stderr, /✔ 2 of 2 tarballs saved/);
    assert.equal(ran.stdout.trim().split('\n').length, 8, ran.stdout);
    const shared = inVolume(NS, 'wide');
    const objectsThere = mine(await s3.names('evidence'), 'four').map((name) => name.replace('retina/captures/', ''));
    const blobs = mine(await blob.names('caps'), 'four');
    const names = mine(readdirSync(shared).sort(), 'four');
    assert.equal(names.length, 4);
    assert.deepEqual([objectsThere, blobs], [names, names]);
    for (const name of names.filter(isTarball)) {
      const node = NODES.find((each) => name.includes(`-${each}-`)) ?? 'node1';
      const copies = [
        readFileSync(onNode(node, `${HOST_DIR}/${name}`)),
        readFileSync(join(shared, name)),
        await blob.read('caps', name),
        await s3.read('evidence', `retina/captures/${name}`),
      ];
      assert.equal(new Set(copies.map(sha256)).size, 1, name);
      const words = [await blob.metadata('caps', name), await s3.metadata('evidence', `retina/captures/${name}`)];
      for (const word of words) assert.equal(word.sha256, sha256(copies[0] ?? Buffer.of()));
      const told = JSON.parse(
        (await s3.read('evidence', `retina/captures/${name.replace('.tar.gz', '.json')}`)).toString(),
      );
      assert.deepEqual(
        [told.tarball.sha256, told.tarball.bytes],
        [sha256(copies[0] ?? Buffer.of()), copies[0]?.length],
      );
      for (const copy of copies) assert.equal(await packetsIn(copy), told.packets);
    }
    assertNoScratch();
    const { stdout } = await retinaOk(['capture', 'list', '-n', NS]);
    assert.match(
      stdout,
      /host path, pvc\/wide, 10.240.0.1:17100\/devstoreaccount1\/caps, s3:\/\/evidence\/retina\/captures/,
    );
  });

  test('download: from S3, Blob (both without a cluster) and the volume, verified; what is damaged is not kept', async () => {
    const output = mkdtempSync(join(tmpdir(), 'retina-e2e-'));
    const alone = { ...KEYS, KUBECONFIG: '/nonexistent' };
    const reading = await blob.sas('caps', { permissions: 'rl' });
    const sources: [string, string[]][] = [
      ['s3', ['four', ...S3]],
      ['blob', ['--all', '--blob-url', reading]],
      ['pvc', ['four', '-n', NS]],
    ];
    for (const [name, flags] of sources) {
      const env = name === 'pvc' ? {} : alone;
      const ran = await retinaOk(['capture', 'download', '-o', join(output, name), ...flags], { env });
      assert.match(ran.stderr, /✔ 2 tarballs downloaded and verified/);
      for (const file of readdirSync(join(output, name, 'four')))
        assert.equal(
          sha256(readFileSync(join(output, name, 'four', file))),
          sha256(readFileSync(join(inVolume(NS, 'wide'), file))),
        );
    }
    const again = await retinaOk(['capture', 'download', '-o', join(output, 's3'), 'four', ...S3], { env: alone });
    assert.match(again.stderr, /is already here, and whole/);
    const [name = ''] = mine(await s3.names('evidence'), 'four').filter(isTarball);
    const whole = await s3.read('evidence', name);
    const flipped = Buffer.from(whole);
    flipped[0] = ~(whole[0] ?? 0);
    await s3.write('evidence', name, flipped);
    const damaged = await retina(['capture', 'download', '-o', join(output, 'x'), 'four', ...S3], { env: alone });
    assert.equal(damaged.code, 1);
    assert.match(damaged.stderr, /four-node\S+ is damaged: its SHA-256 is not/);
    assert.equal(readdirSync(join(output, 'x', 'four')).length, 1);
    await s3.write('evidence', name, whole);
    const none = await retina(['capture', 'download', '-o', output, 'fou', ...S3], { env: alone });
    assert.match(none.stderr, /no tarball of capture fou is in s3:\/\/evidence/);
    const refused = await retina(['capture', 'download', 'four', '--blob-url', await blob.sas('caps')], { env: alone });
    assert.match(refused.stderr, /cannot list \S+caps: AuthorizationPermissionMismatch/);
    assert.deepEqual([none.code, refused.code], [1, 1]);
    rmSync(output, { recursive: true });
  });

  test('each alone, in turn; the Secret goes with the Jobs', async () => {
    const own = async (): Promise<string[]> => (await objects(NS)).filter((name) => name.includes('/alone-'));
    await captureOk('alone-pvc', ['--pvc', 'wide']);
    assert.equal((await own()).filter((name) => name.startsWith('Secret')).length, 0);
    await captureOk('alone-blob', ['--blob-upload', await blob.sas('caps', { permissions: 'w' })]);
    await captureOk('alone-s3', [...S3, '--s3-path', '/a//b/'], KEYS);
    await captureOk('alone-secret', [...S3, '--s3-secret', 's3', '--s3-path', '']);
    assert.equal(mine(readdirSync(inVolume(NS, 'wide')), 'alone-pvc').filter(isTarball).length, 2);
    assert.equal(mine(await blob.names('caps'), 'alone-blob').filter(isTarball).length, 2);
    const names = await s3.names('evidence');
    assert.equal(mine(names, 'a/b/alone-s3').length, 4, names.join());
    assert.equal(names.filter((name) => name.startsWith('alone-secret-node')).length, 4);
    assert.equal((await own()).filter((name) => name.startsWith('Secret')).length, 2);
    assertNoScratch();
    assert.equal(rescued('alone').length, 0);
    await kubectl('delete', 'jobs', '-n', NS, '-l', 'retina.sh/app=capture');
    await until('the Secrets are gone with their owners', async () => (await own()).length === 0, 60);
    assert.equal(await kubectl('get', 'secret', 's3', '-n', NS, '-o', 'name'), 'secret/s3');
  });

  test('a failure is one: the destination, the reason and the place of the file are told; the others go on', async () => {
    const flags = ['--node-names', 'node1', '--blob-secret', 'blob-reading', ...S3];
    const ran = await capture('half', flags, KEYS);
    assert.equal(ran.code, 1);
    assert.match(ran.stderr, /not saved to .*caps\/half-node1-\d+UTC.tar.gz: .*AuthorizationPermissionMismatch/);
    assert.match(ran.stderr, /kept on node1: \/var\/lib\/retina\/rescued\/half-node1-\d+UTC.tar.gz/);
    const [name = ''] = mine(await s3.names('evidence'), 'half').filter(isTarball);
    const file = name.split('/').at(-1) ?? '';
    const kept = readFileSync(onNode('node1', `${RESCUED}/${file}`));
    assert.equal(sha256(kept), sha256(await s3.read('evidence', name)));
    assert.deepEqual(mine(await blob.names('caps'), 'half'), []);
    assertNoScratch();
    const status = await retina(['capture', 'status', 'half', '-n', NS]);
    assert.equal(status.code, 1);
    const output = mkdtempSync(join(tmpdir(), 'retina-e2e-'));
    await retinaOk(['capture', 'download', 'half', '-n', NS, '-o', output]);
    assert.equal(sha256(readFileSync(join(output, 'half', file))), sha256(kept));
    rmSync(output, { recursive: true });
    assert.match(status.stdout, /s3:\/\/evidence\S+ ✔ .*rescued\/half-node1\S+ \(kept on the node\)/s);
  });

  const faults: readonly [
    what: string,
    name: string,
    flags: () => string[],
    env: Record<string, string>,
    why: RegExp,
  ][] = [
    [
      'a wrong secret key',
      'wrong-key',
      () => S3,
      { ...KEYS, AWS_SECRET_ACCESS_KEY: 'not-the-key' },
      /SignatureDoesNotMatch/,
    ],
    ['a bucket that is not there', 'no-bucket', () => ['--s3-bucket', 'nowhere', ...S3.slice(2)], KEYS, /NoSuchBucket/],
    [
      'an unknown access key, and no packets',
      'silent',
      () => [...NONE, ...S3],
      { ...KEYS, AWS_ACCESS_KEY_ID: 'x' },
      /InvalidAcc/,
    ],
    ['a container that is not there', 'no-container', () => ['--blob-secret', 'blob-nowhere'], {}, /ContainerNotFound/],
    ['a forged SAS', 'forged', () => ['--blob-secret', 'blob-forged'], {}, /AuthorizationFailure/],
    ['a SAS whose policy has run out', 'expired', () => ['--blob-secret', 'blob-expired'], {}, /AuthorizationFailure/],
    ['a SAS for reading', 'reading', () => ['--blob-secret', 'blob-reading'], {}, /AuthorizationPermissionMismatch/],
    [
      ...(['a server that is down', 'down', () => [...S3.slice(0, 3), 'http://10.240.0.1:17999'], KEYS] as const),
      /ECONNREFUSED.*10 tries/,
    ],
  ];
  for (const [what, name, flags, env, why] of faults) {
    test(`${what}: exit code 1, the reason, the tarball on its node, nothing at the store`, async () => {
      const ran = await capture(name, ['--node-names', 'node2', ...flags()], env);
      assert.equal(ran.code, 1, ran.stderr);
      assert.match(ran.stderr, why);
      assert.doesNotMatch(ran.stderr, /not saved to (\S+): cannot write \1/);
      assert.match(ran.stderr, /✖ 0 of 1 tarball saved/);
      const [tarball = ''] = rescued(name).filter(isTarball);
      const kept = onNode('node2', `${RESCUED}/${tarball}`);
      const { packets } = JSON.parse(readFileSync(kept.replace('.tar.gz', '.json'), 'utf8'));
      assert.equal(await packetsIn(readFileSync(kept)), packets);
      assert.equal(packets > 0, name !== 'silent');
      assert.ok(ran.stderr.includes(`${RESCUED}/${tarball}`), ran.stderr);
      assert.deepEqual(mine([...(await s3.names('evidence')), ...(await blob.names('caps'))], name), []);
      assert.deepEqual(await s3.unfinished('evidence'), []);
      assertNoScratch();
      const failed = [
        'get',
        'jobs',
        '-n',
        NS,
        '-l',
        `capture-name=${name}`,
        '-o',
        'jsonpath={.items[*].status.failed}',
      ];
      await until('the Job has failed', async () => (await kubectl(...failed)) === '1');
    });
  }

  test('--cleanup-after-upload: with --wait at once, and only when all was delivered; else by the cluster', async () => {
    const own = async (): Promise<string[]> => (await objects(NS)).filter((name) => name.includes('/tidy'));
    const flags = ['--node-names', 'node1', '--cleanup-after-upload', ...S3];
    await captureOk('tidy', flags, KEYS);
    assert.deepEqual(await own(), []);
    assert.equal(mine(await s3.names('evidence'), 'tidy').filter(isTarball).length, 1);
    const failed = await capture('tidy-not', flags, { ...KEYS, AWS_SECRET_ACCESS_KEY: 'wrong' });
    assert.equal(failed.code, 1);
    assert.equal((await own()).length, 3);
    const name = ['capture', 'create', '-n', NS, '--name', 'tidy-later', '--duration', '1s'];
    await retinaOk([...name, ...flags], { env: KEYS });
    const ttl = 'jsonpath={.items[*].spec.ttlSecondsAfterFinished}';
    assert.equal(await kubectl('get', 'jobs', '-n', NS, '-l', 'capture-name=tidy-later', '-o', ttl), '300');
  });

  test('--cleanup-after-upload that is ended while it removes: exit 130, and the command that goes on', async () => {
    const gate = await openGate();
    const flags = ['--node-names', 'node1', '--duration', '1s', '--wait', '--cleanup-after-upload', ...S3];
    const creating = start(['capture', 'create', '-n', NS, '--name', 'swept', ...flags, ...gate.flags], { env: KEYS });
    // After the Job, its Secret and the ownership.
    gate.arm(4, 'asked', () => {
      creating.kill('SIGINT');
      return undefined;
    });
    const ran = await ended(creating);
    gate.close();
    assert.equal(ran.code, 130, ran.stderr);
    assert.match(ran.stderr, /1 of 1 tarball saved/);
    assert.match(
      ran.stderr,
      /no longer waiting; what was deleted so far goes on .*\n.* capture delete swept -n e2e-stores$/m,
    );
    await retina(['capture', 'delete', 'swept', '-n', NS]);
    await until('nothing is left', async () => !(await objects(NS)).some((name) => name.includes('/swept')));
  });
});
