import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { execa } from 'execa';
import { retina, retinaOk } from './support/cli.ts';
import { kubectl, namespace, onNode, until } from './support/cluster.ts';
import { packetsIn, sha256 } from './support/judge.ts';
import { type Line, openLine } from './support/line.ts';
import { killWorkload } from './support/planted.ts';
import { S3_KEYS, s3Server } from './support/stores.ts';

const NS = 'e2e-fetch-killed';
const PLACE = '/var/lib/retina';
const s3 = s3Server(17185);
const LINE = 17186;
const KEYS = { AWS_ACCESS_KEY_ID: S3_KEYS.accessKeyId, AWS_SECRET_ACCESS_KEY: S3_KEYS.secretAccessKey };

describe('a pod that is ended while it uploads', () => {
  const output = mkdtempSync(join(tmpdir(), 'retina-e2e-'));
  let clean: () => Promise<void>;
  let line: Line;
  before(async () => {
    clean = await namespace(NS);
    await s3.start();
    await s3.makeBucket('evidence');
  });
  after(async () => {
    await retina(['capture', 'delete', '--all', '-n', NS]);
    await clean();
    await s3.end();
    rmSync(output, { recursive: true });
  });

  /** A capture on node1 that has begun to upload, at 15 kB a second. */
  async function uploading(name: string): Promise<void> {
    line = await openLine(LINE, 17185, { upRate: 15_000 });
    const to = ['--s3-bucket', 'evidence', '--s3-endpoint', `http://10.240.0.1:${LINE}`];
    const flags = ['--node-names', 'node1', '--duration', '1s', ...to];
    await retinaOk(['capture', 'create', '-n', NS, '--name', name, ...flags], { env: KEYS });
    await until('it uploads', () => line.sent() > 20_000, 60);
  }

  const there = async (name: string): Promise<string[]> =>
    (await s3.names('evidence')).filter((key) => key.includes(`/${name}-node1`));

  test('SIGTERM (kubectl delete pod): it is delivered within the grace period, and can be downloaded', async () => {
    await uploading('term');
    assert.deepEqual(await there('term'), []);
    await kubectl('delete', 'pod', '-n', NS, '-l', 'capture-name=term', '--timeout=60s');
    line.close();
    const [json = '', tarball = ''] = await there('term');
    const told = JSON.parse((await s3.read('evidence', json)).toString());
    const bytes = await s3.read('evidence', tarball);
    assert.deepEqual([told.tarball.sha256, told.packets], [sha256(bytes), await packetsIn(bytes)]);
    // The pod has told its result and gone; that all was delivered, its Job still says.
    await until('its Job is complete', async () => (await retina(['capture', 'status', 'term', '-n', NS])).code === 0);
    assert.match((await retinaOk(['capture', 'list', 'term', '-n', NS])).stdout, /term +Completed +1\/1/);
    line = await openLine(LINE, 17185, {});
    const got = await retina(['capture', 'download', 'term', '-n', NS, '-o', output]);
    line.close();
    assert.equal(got.code, 0, got.stderr);
    const [file = ''] = readdirSync(join(output, 'term'));
    assert.equal(sha256(readFileSync(join(output, 'term', file))), sha256(bytes));
  });

  test('SIGKILL: status tells, the packets stay on the node, and no half of an object is in the store', async () => {
    await uploading('kill');
    await killWorkload(NS, 'kill');
    line.close();
    await until('the Job has failed', async () => (await retina(['capture', 'status', 'kill', '-n', NS])).code === 1);
    const status = await retina(['capture', 'status', 'kill', '-n', NS]);
    assert.match(status.stdout, /exit code 137/);
    assert.doesNotMatch(status.stdout, /s3:/);
    const [, scratch = ''] = /What was not delivered is on node1, in (\S+)\./.exec(status.stdout) ?? [];
    const files = readdirSync(onNode('node1', `${scratch}/bundle`));
    const pcap = files.find((name) => name.endsWith('.pcap')) ?? '';
    const { stdout } = await execa('tcpdump', ['-r', onNode('node1', `${scratch}/bundle/${pcap}`), '--count']);
    assert.match(stdout, /^[1-9]\d* packets/);
    assert.deepEqual(await there('kill'), []);
    const got = await retina(['capture', 'download', 'kill', '-n', NS, '-o', output]);
    assert.equal(got.code, 1);
    assert.match(got.stderr, /node node1 has no tarball: .*exit code 137/);
    assert.ok(scratch.startsWith(PLACE), status.stdout);
    rmSync(onNode('node1', scratch), { recursive: true });
  });
});
