import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { execa } from 'execa';
import { retina, start } from './support/cli.ts';
import { namespace, SCRIPTS, until } from './support/cluster.ts';
import { packetsIn, sha256 } from './support/judge.ts';
import { ended, isTarball } from './support/leavings.ts';
import { blobServer, S3_KEYS, s3Server } from './support/stores.ts';

const NS = 'e2e-stores-kubelet';
const s3 = s3Server(17079);
const blob = blobServer(17109);
const env = { AWS_ACCESS_KEY_ID: S3_KEYS.accessKeyId, AWS_SECRET_ACCESS_KEY: S3_KEYS.secretAccessKey };

const onNode2 = async (...command: string[]): Promise<string> =>
  (await execa(join(SCRIPTS, 'node'), ['exec', 'node2', ...command])).stdout;

describe("a node's kubelet that stops while a capture runs there", () => {
  let clean: () => Promise<void>;
  before(async () => {
    clean = await namespace(NS);
    await Promise.all([s3.start(), blob.start()]);
    await Promise.all([s3.makeBucket('evidence'), blob.makeContainer('caps')]);
  });
  after(async () => {
    await retina(['capture', 'delete', '--all', '-n', NS]);
    await clean();
    await Promise.all([s3.end(), blob.end()]);
  });

  test('it is told and waited for no longer than asked; the packets are delivered all the same', async () => {
    const status = () => retina(['capture', 'status', 'numb', '-n', NS]);
    const tarballs = async (): Promise<string[]> => (await s3.names('evidence')).filter(isTarball);
    const store = ['--s3-bucket', 'evidence', '--s3-endpoint', s3.url, '--blob-upload', await blob.sas('caps')];
    const bounds = ['--duration', '8s', '--wait', '--timeout', '40s'];
    const create = ['capture', 'create', '-n', NS, '--name', 'numb', '--node-names', 'node2', ...bounds, ...store];
    const waiting = start(create, { env });
    await until('it captures', async () => /node2 +(running|capturing)/.test((await status()).stdout));
    const kubelet = await onNode2('pgrep', '-x', 'kubelet');
    assert.match(kubelet, /^\d+$/);
    await onNode2('kill', '-STOP', kubelet);
    try {
      const ran = await ended(waiting);
      assert.equal(ran.code, 1, ran.stderr);
      assert.match(
        ran.stderr,
        /after 40 s, 1 of 1 nodes of capture numb are not done: node2 \(node node2 does not answer/,
      );
      assert.match(ran.stderr, /It goes on\. Watch it: kubectl retina capture status numb/);
      const told = await status();
      assert.match(told.stdout, /node2: capturing \(node node2 does not answer\)/);
      const [tarball = ''] = await tarballs();
      const copy = await s3.read('evidence', tarball);
      assert.ok((await packetsIn(copy)) > 0, 'the capture needs no kubelet to end');
      const [name = ''] = (await blob.names('caps')).filter(isTarball);
      assert.equal(sha256(await blob.read('caps', name)), sha256(copy));
    } finally {
      await onNode2('kill', '-CONT', kubelet);
    }
    await until('its Job is done', async () => /✔|Completed/.test((await status()).stdout), 60);
    const after = await status();
    assert.equal(after.code, 0, after.stdout);
    assert.match(after.stdout, /s3:\/\/evidence\S+numb-node2\S+ ✔/);
    assert.match(after.stdout, /\/caps\/\S*numb-node2\S+ ✔/);
    assert.equal((await tarballs()).length, 1);
    assert.deepEqual(await s3.unfinished('evidence'), []);
  });
});
