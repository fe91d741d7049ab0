import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { retina, retinaOk } from './support/cli.ts';
import { apply, kubectl, namespace, objects, until } from './support/cluster.ts';
import { allow, allowNodes, CAPTURER, untilMay } from './support/grants.ts';
import { claim, inVolume, makeSecrets, makeVolumes, removeVolumes } from './support/volumes.ts';

const NS = 'e2e-stores-refused';
const CREATE = ['capture', 'create', '-n', NS, '--duration', '1s', '--name'];
const S3 = ['--s3-bucket', 'evidence', '--s3-region', 'eu-central-1'];

const onNode1 = { key: 'kubernetes.io/hostname', operator: 'In', values: ['ip-10-240-0-11'] };
const nodeAffinity = { required: { nodeSelectorTerms: [{ matchExpressions: [onNode1] }] } };
const UNBOUND = {
  ...{ apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata: { name: `${NS}-unbound` } },
  provisioner: 'kubernetes.io/no-provisioner',
};

const sas = (query: string): string => `https://acct.blob.core.windows.net/caps?sv=2026-10-06&sr=c&${query}&sig=SECRET`;

describe('storage that cannot take the tarballs', () => {
  let clean: () => Promise<void>;
  before(async () => {
    clean = await namespace(NS);
    await makeVolumes(NS, {
      wide: {},
      once: { mode: 'ReadWriteOnce' },
      'one-pod': { mode: 'ReadWriteOncePod' },
      reading: { mode: 'ReadOnlyMany' },
      local: { spec: { nodeAffinity } },
    });
    await apply(UNBOUND, claim(NS, 'unbound', 'ReadWriteMany', UNBOUND.metadata.name));
    await makeSecrets(NS, {
      'blob-two': { a: 'x', b: 'y' },
      'blob-none': { 'blob-upload-url': 'SECRET' },
      'blob-reading': { 'blob-upload-url': sas('sp=rl') },
      'blob-expired': { 'blob-sas-url': sas('sp=w&se=2026-01-01') },
      'blob-short': { 'blob-upload-url': sas(`sp=w&se=${new Date(Date.now() + 120_000).toISOString()}`) },
    });
  });
  after(async () => {
    await retina(['capture', 'delete', '--all', '-n', NS]);
    await clean();
    await kubectl('delete', 'storageclass', UNBOUND.metadata.name);
    await removeVolumes(NS);
  });

  const claims: readonly [what: string, flags: string[], message: RegExp][] = [
    [
      'a claim that is not there',
      ['--pvc', 'wied'],
      /no PersistentVolumeClaim wied in namespace .*Did you mean: --pvc wide/s,
    ],
    [
      'ReadWriteOnce and two nodes',
      ['--pvc', 'once'],
      /ReadWriteOnce, which is for one node at a time, .*node1, node2/,
    ],
    ['ReadWriteOncePod and two nodes', ['--pvc', 'one-pod'], /ReadWriteOncePod, which is for one pod/],
    ['ReadOnlyMany', ['--pvc', 'reading', '--node-names', 'node1'], /it can only be read \(ReadOnlyMany\)/],
    ['a volume that another node has', ['--pvc', 'local'], /its volume cannot be reached from node2/],
    ['a claim without a volume', ['--pvc', 'unbound'], /no volume is bound to it \(it is Pending\)/],
    ['a Secret that is not there', ['--blob-secret', 'nosuch'], /there is no Secret nosuch in namespace/],
    [
      'a Secret with two keys, none of them ours',
      ['--blob-secret', 'blob-two'],
      /blob-two does not have the key.*its keys: a, b/s,
    ],
    ['a Secret without a SAS URL', ['--blob-secret', 'blob-none'], /blob-none holds no SAS URL: that is no URL/],
    [
      'a Secret with a SAS for reading',
      ['--blob-secret', 'blob-reading'],
      /blob-reading cannot be used: the SAS of \S+caps does not allow to write \(sp=rl.*--blob-upload '\S+caps\?<SAS>'/s,
    ],
    ['a Secret with an expired SAS', ['--blob-secret', 'blob-expired'], /the SAS of \S+caps expired at 2026-01-01T/],
    [
      'a Secret with a SAS that does not last',
      ['--blob-secret', 'blob-short', '--duration', '5m'],
      /blob-short cannot be used: the SAS of \S+caps expires at \S+Z, before the capture can end \(/,
    ],
    [
      'a Secret without the keys of S3',
      [...S3, '--s3-secret', 'blob-two'],
      /lacks s3-access-key-id and s3-secret-access-key/,
    ],
  ];
  for (const [what, flags, message] of claims) {
    test(`${what}: refused before anything is created`, async () => {
      const ran = await retina([...CREATE, 'refused', ...flags]);
      assert.equal(ran.code, 1);
      assert.match(ran.stderr, message);
      assert.doesNotMatch(ran.stderr, /SECRET/);
      assert.deepEqual(
        (await objects(NS)).filter((name) => name.includes('/refused-')),
        [],
      );
    });
  }

  test('a Job that is refused: the Secret and the Jobs before it are removed', async () => {
    await kubectl('create', 'quota', 'one', '-n', NS, '--hard=count/jobs.batch=1');
    await until('the quota holds', async () => {
      const used = await kubectl('get', 'quota', 'one', '-n', NS, '-o', 'jsonpath={.status.used}');
      return used.includes('jobs');
    });
    const env = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' };
    // Whoever may read quotas is told before.
    const user = `${NS}-user`;
    const secrets = { apiGroups: [''], resources: ['secrets'], verbs: ['create', 'get', 'list', 'patch', 'delete'] };
    await allow(NS, user, [...CAPTURER, secrets]);
    const end = await allowNodes(user);
    await untilMay(user, ['list', 'nodes']);
    await untilMay(user, ['create', 'secrets', '-n', NS]);
    const ran = await retina([...CREATE, 'quota', '--as', user, ...S3], { env });
    await end();
    await kubectl('delete', 'quota', 'one', '-n', NS);
    assert.equal(ran.code, 1);
    assert.match(ran.stderr, /was refused: .*exceeded quota.*1 Job and the Secret created before it removed/s);
    assert.deepEqual(
      (await objects(NS)).filter((name) => name.includes('/quota-')),
      [],
    );
  });

  test('ReadWriteOnce and one node: delivered; a volume of one node takes that node', async () => {
    await retinaOk([...CREATE, 'one-node', '--wait', '--pvc', 'once', '--node-names', 'node2']);
    await retinaOk([...CREATE, 'its-node', '--wait', '--pvc', 'local', '--node-names', 'node1']);
    assert.equal(readdirSync(inVolume(NS, 'once')).length, 2);
    assert.equal(readdirSync(inVolume(NS, 'local')).length, 2);
  });
});
