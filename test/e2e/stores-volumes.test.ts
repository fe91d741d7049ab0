import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { execa } from 'execa';
import { type Ran, retina, retinaOk } from './support/cli.ts';
import { apply, filesOn, kubectl, namespace, objects, onNode, SCRIPTS } from './support/cluster.ts';
import { packetsIn, sha256 } from './support/judge.ts';
import { assertNoScratch, isTarball } from './support/leavings.ts';
import { blobServer, S3_KEYS, s3Server } from './support/stores.ts';
import { STREAM_PORT, startStream } from './support/traffic.ts';
import { claim, inVolume, makeVolumes, removeVolumes } from './support/volumes.ts';

const NS = 'e2e-fetch-volumes';
const RESCUED = '/var/lib/retina/rescued';
const FULL = '/mnt/e2e-fetch-full';
const KEYS = { AWS_ACCESS_KEY_ID: S3_KEYS.accessKeyId, AWS_SECRET_ACCESS_KEY: S3_KEYS.secretAccessKey };
const s3 = s3Server(17082);
const blob = blobServer(17112);

function capture(name: string, claimName: string): Promise<Ran> {
  const short = ['--duration', '1s', '--wait', '--timeout', '2m', '--node-names', 'node1'];
  return retina(['capture', 'create', '-n', NS, '--name', name, '--pvc', claimName, ...short], { timeoutSeconds: 150 });
}

/** Runs a shell command on node1, whose mounts are not visible here. */
const onNode1 = async (command: string): Promise<string> =>
  (await execa(join(SCRIPTS, 'node'), ['exec', 'node1', 'sh', '-c', command])).stdout;

const rescued = (name: string): string[] =>
  filesOn('node1', RESCUED).filter((file) => file.startsWith(`${name}-node1-`));

describe('volumes that are late or full, and what a killed client leaves', () => {
  const output = mkdtempSync(join(tmpdir(), 'retina-e2e-'));
  let clean: () => Promise<void>;
  before(async () => {
    clean = await namespace(NS);
  });
  after(async () => {
    await retina(['capture', 'delete', '--all', '-n', NS]);
    await clean();
    await removeVolumes(NS);
    await kubectl('delete', 'storageclass', NS, '--ignore-not-found');
    await onNode1(`rm -rf /mnt/small/e2e; umount ${FULL} && rmdir ${FULL}`);
    await Promise.all([s3.end(), blob.end()]);
    rmSync(output, { recursive: true });
    for (const file of rescued('full')) rmSync(onNode('node1', join(RESCUED, file)));
  });

  test('a claim that is bound once a pod needs it (WaitForFirstConsumer) takes the tarball, and gives it back', async () => {
    const path = `/srv/shared/${NS}/late`;
    await apply(
      {
        ...{ apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata: { name: NS } },
        ...{ provisioner: 'kubernetes.io/no-provisioner', volumeBindingMode: 'WaitForFirstConsumer' },
      },
      {
        ...{ apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: `${NS}-late`, labels: { e2e: NS } } },
        spec: {
          ...{ storageClassName: NS, capacity: { storage: '1Mi' }, accessModes: ['ReadWriteOnce'] },
          hostPath: { path, type: 'DirectoryOrCreate' },
        },
      },
      claim(NS, 'late', 'ReadWriteOnce'),
    );
    assert.equal(await kubectl('get', 'pvc', 'late', '-n', NS, '-o', 'jsonpath={.status.phase}'), 'Pending');
    const ran = await capture('late', 'late');
    assert.equal(ran.code, 0, ran.stderr);
    assert.doesNotMatch(ran.stderr, /Pending/);
    assert.equal(await kubectl('get', 'pvc', 'late', '-n', NS, '-o', 'jsonpath={.status.phase}'), 'Bound');
    const [tarball = ''] = readdirSync(inVolume(NS, 'late')).filter(isTarball);
    await retinaOk(['capture', 'download', 'late', '-n', NS, '-o', output]);
    const [got, there] = [join(output, 'late', tarball), join(inVolume(NS, 'late'), tarball)];
    assert.equal(sha256(readFileSync(got)), sha256(readFileSync(there)));
    assert.deepEqual(rescued('late'), []);
  });

  test('a volume that is full: exit code 1, the volume named, the tarball on the node, nothing half in the volume', async () => {
    await onNode1(`mkdir -p ${FULL} && mount -t tmpfs -o size=4k small ${FULL}`);
    await makeVolumes(NS, { full: { spec: { hostPath: { path: FULL } } } });
    const ran = await capture('full', 'full');
    assert.equal(ran.code, 1, ran.stderr);
    assert.match(ran.stderr, /node1: not saved to pvc\/full\/full-node1-\d+UTC.tar.gz: no space is left .*\(ENOSPC\)/);
    assert.match(ran.stderr, /kept on node1: \/var\/lib\/retina\/rescued\/full-node1-\d+UTC.tar.gz/);
    assert.match(ran.stderr, /✖ 0 of 1 tarball saved/);
    assert.equal(await onNode1(`ls -A ${FULL}`), '');
    assertNoScratch();
    const status = await retina(['capture', 'status', 'full', '-n', NS]);
    assert.equal(status.code, 1);
    assert.match(status.stdout, /not saved to pvc\/full/);
    await retinaOk(['capture', 'download', 'full', '-n', NS, '-o', output]);
    const [tarball = ''] = rescued('full').filter(isTarball);
    const kept = readFileSync(onNode('node1', join(RESCUED, tarball)));
    assert.equal(sha256(readFileSync(join(output, 'full', tarball))), sha256(kept));
  });

  test('a disk that fills up: the capture ends early with that reason, and the stores get what there is', async () => {
    await Promise.all([s3.start(), blob.start(), startStream(NS, 'node1')]);
    await Promise.all([s3.makeBucket('evidence'), blob.makeContainer('caps')]);
    const small = ['--host-path', '/mnt/small/e2e', '--min-free', '50%', '--pcap-filter', `udp port ${STREAM_PORT}`];
    const bucket = ['--s3-bucket', 'evidence', '--s3-endpoint', s3.url, '--s3-path', ''];
    const store = [...bucket, '--blob-upload', await blob.sas('caps')];
    const bounds = ['--node-names', 'node1', '--duration', '1m', '--wait', '--timeout', '2m'];
    const create = ['capture', 'create', '-n', NS, '--name', 'filling', ...bounds, ...small, ...store];
    const ran = await retina(create, { env: KEYS });
    await kubectl('delete', 'pod', '-n', NS, 'stream-node1', '--wait=false');
    const status = await retina(['capture', 'status', 'filling', '-n', NS]);
    assert.match(status.stdout, /disk nearly full/);
    const tarball = (await s3.names('evidence')).find(isTarball) ?? '';
    const told = JSON.parse((await s3.read('evidence', tarball.replace('.tar.gz', '.json'))).toString());
    assert.deepEqual([told.stopReason, told.droppedByKernel], ['disk-nearly-full', 0]);
    const copy = await s3.read('evidence', tarball);
    assert.deepEqual([sha256(copy), await packetsIn(copy)], [told.tarball.sha256, told.packets]);
    assert.ok(told.packets > 100 && ran.seconds < 30, `${told.packets} packets, ${ran.seconds} s`);
    assert.equal(sha256(await blob.read('caps', tarball)), told.tarball.sha256);
    assert.deepEqual(await s3.unfinished('evidence'), []);
    const kept = await onNode1('ls -A /mnt/small/e2e');
    // Whether the disk has room for the tarball too depends on how fast it filled: what is told must be so.
    assert.equal(ran.code, kept.includes(tarball) ? 0 : 1, ran.stderr + kept);
    if (ran.code === 1) assert.match(ran.stderr, /not saved to \/mnt\/small\/e2e\/.*ENOSPC/);
    assert.doesNotMatch(kept, /\.retina-/);
  });

  test('delete finds a Secret that a killed client left without Jobs, by the name of its capture', async () => {
    const labels = { 'retina.sh/app': 'capture', 'capture-name': 'left' };
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'left-x1y2z', namespace: NS, labels } };
    await apply({ ...secret, stringData: { 'blob-upload-url': 'https://x/c?sig=abc' } });
    const ran = await retinaOk(['capture', 'delete', 'left', '-n', NS]);
    assert.match(ran.stdout, /left-x1y2z/);
    assert.deepEqual(
      (await objects(NS)).filter((object) => object.includes('left')),
      [],
    );
    assert.equal((await retina(['capture', 'delete', 'left', '-n', NS])).code, 1);
  });
});
