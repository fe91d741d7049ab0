import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { execa } from 'execa';
import { retina, retinaOk } from './support/cli.ts';
import { filesOn, kubectl, namespace, onNode, until } from './support/cluster.ts';
import { packetsIn, sha256 } from './support/judge.ts';
import { isTarball } from './support/leavings.ts';
import { type Line, openLine } from './support/line.ts';
import { killWorkload } from './support/planted.ts';
import { blobServer, HOST, S3_KEYS, s3Server } from './support/stores.ts';
import { STREAM_PORT, startStream } from './support/traffic.ts';

const NS = 'e2e-fetch-killed';
const PLACE = '/var/lib/retina';
const s3 = s3Server(17185);
const blob = blobServer(17187);
const LINE = 17186;

/** A store behind a line: the flags that name it, and what it holds. */
type Behind = {
  kind: string;
  port: number;
  location: RegExp;
  env: Record<string, string>;
  flags: () => Promise<string[]>;
  /** For whoever fetches. */
  reading: () => Promise<string[]>;
  names: () => Promise<string[]>;
  read: (name: string) => Promise<Buffer>;
};

const stores: readonly Behind[] = [
  {
    ...{ kind: 's3', port: 17185, location: /s3:/ },
    env: { AWS_ACCESS_KEY_ID: S3_KEYS.accessKeyId, AWS_SECRET_ACCESS_KEY: S3_KEYS.secretAccessKey },
    flags: async () => ['--s3-bucket', 'evidence', '--s3-path', '', '--s3-endpoint', `http://${HOST}:${LINE}`],
    reading: async () => [],
    names: () => s3.names('evidence'),
    read: (name) => s3.read('evidence', name),
  },
  {
    ...{ kind: 'blob', port: 17187, location: /http:/, env: {} },
    flags: async () => ['--blob-upload', (await blob.sas('caps')).replace('17187', String(LINE))],
    reading: async () => ['--blob-url', (await blob.sas('caps', { permissions: 'rl' })).replace('17187', String(LINE))],
    names: () => blob.names('caps'),
    read: (name) => blob.read('caps', name),
  },
];

describe('a pod that is ended while it uploads', () => {
  const output = mkdtempSync(join(tmpdir(), 'retina-e2e-'));
  let clean: () => Promise<void>;
  let line: Line;
  before(async () => {
    clean = await namespace(NS);
    await Promise.all([s3.start(), blob.start()]);
    await Promise.all([s3.makeBucket('evidence'), blob.makeContainer('caps')]);
  });
  after(async () => {
    await retina(['capture', 'delete', '--all', '-n', NS]);
    await clean();
    await Promise.all([s3.end(), blob.end()]);
    rmSync(output, { recursive: true });
    // A workload that is killed cannot take away what it was at, and other tests look that nothing is left there.
    const left = filesOn('node1', PLACE).filter((name) => /^\.retina-(term|kill)-/.test(name));
    for (const name of left) rmSync(onNode('node1', `${PLACE}/${name}`), { recursive: true });
  });

  /** A capture on node1 that has begun to upload, at 15 kB a second. */
  async function uploading(name: string, store: Behind): Promise<void> {
    line = await openLine(LINE, store.port, { upRate: 15_000 });
    const flags = ['--node-names', 'node1', '--duration', '1s', ...(await store.flags())];
    await retinaOk(['capture', 'create', '-n', NS, '--name', name, ...flags], { env: store.env });
    await until('it uploads', () => line.sent() > 20_000, 60);
  }

  const there = async (name: string, store: Behind): Promise<string[]> =>
    (await store.names()).filter((file) => file.startsWith(`${name}-node1`));

  /** A capture of 4 MB a second on node1, which has sent at least one part of several, at a quarter of that. */
  async function inParts(name: string, store: Behind): Promise<void> {
    line = await openLine(LINE, store.port, { upRate: 1_000_000 });
    const what = ['--node-names', 'node1', '--duration', '10m', '--pcap-filter', `udp port ${STREAM_PORT}`];
    await retinaOk(['capture', 'create', '-n', NS, '--name', name, ...what, ...(await store.flags())], {
      env: store.env,
    });
    await until('a part has gone, and more are on their way', () => line.sent() > 6_000_000, 90);
  }

  const unfinished = async (name: string): Promise<string[]> =>
    (await s3.unfinished('evidence')).filter((key) => key.startsWith(`${name}-node1`));

  for (const store of stores) terminated(store);
  for (const store of stores) killed(store);
  describe('of packets that fill several parts', () => {
    before(() => startStream(NS, 'node1'));
    for (const store of stores) endedBetweenParts(store);
  });

  function terminated(store: Behind): void {
    const name = `term-${store.kind}`;
    test(`${store.kind}: SIGTERM (kubectl delete pod): it is delivered within the grace period, and can be downloaded`, async () => {
      await uploading(name, store);
      assert.deepEqual(await there(name, store), []);
      await kubectl('delete', 'pod', '-n', NS, '-l', `capture-name=${name}`, '--timeout=60s');
      line.close();
      const [json = '', tarball = ''] = await there(name, store);
      const told = JSON.parse((await store.read(json)).toString());
      const bytes = await store.read(tarball);
      assert.deepEqual([told.tarball.sha256, told.packets], [sha256(bytes), await packetsIn(bytes)]);
      // The pod has told its result and gone; that all was delivered, its Job still says.
      const complete = async (): Promise<boolean> => (await retina(['capture', 'status', name, '-n', NS])).code === 0;
      await until('its Job is complete', complete);
      const { stdout } = await retinaOk(['capture', 'list', name, '-n', NS]);
      assert.match(stdout, new RegExp(`${name} +Completed +1/1`));
      line = await openLine(LINE, store.port, {});
      const got = await retina(['capture', 'download', name, '-n', NS, '-o', output, ...(await store.reading())]);
      line.close();
      assert.equal(got.code, 0, got.stderr);
      const [file = ''] = readdirSync(join(output, name));
      assert.equal(sha256(readFileSync(join(output, name, file))), sha256(bytes));
    });
  }

  function killed(store: Behind): void {
    const name = `kill-${store.kind}`;
    test(`${store.kind}: SIGKILL: status tells, the packets stay on the node, and no half of an object is in the store`, async () => {
      await uploading(name, store);
      await killWorkload(NS, name);
      line.close();
      await until('the Job has failed', async () => (await retina(['capture', 'status', name, '-n', NS])).code === 1);
      const status = await retina(['capture', 'status', name, '-n', NS]);
      assert.match(status.stdout, /exit code 137/);
      assert.doesNotMatch(status.stdout, store.location);
      const [, scratch = ''] = /What was not delivered is on node1, in (\S+)\./.exec(status.stdout) ?? [];
      const files = readdirSync(onNode('node1', `${scratch}/bundle`));
      const pcap = files.find((name) => name.endsWith('.pcap')) ?? '';
      const { stdout } = await execa('tcpdump', ['-r', onNode('node1', `${scratch}/bundle/${pcap}`), '--count']);
      assert.match(stdout, /^[1-9]\d* packets/);
      assert.deepEqual(await there(name, store), []);
      const got = await retina(['capture', 'download', name, '-n', NS, '-o', output]);
      assert.equal(got.code, 1);
      assert.match(got.stderr, /node node1 has no tarball: .*exit code 137/);
      assert.ok(scratch.startsWith(PLACE), status.stdout);
    });
  }

  function endedBetweenParts(store: Behind): void {
    test(`${store.kind}, between two of them: by SIGTERM the whole is delivered; by SIGKILL there is no object, and --partial fetches the packets`, async () => {
      const [term, kill] = [`term-parts-${store.kind}`, `kill-parts-${store.kind}`];
      await inParts(term, store);
      await kubectl('delete', 'pod', '-n', NS, '-l', `capture-name=${term}`, '--timeout=90s');
      line.close();
      const [json = '', tarball = ''] = await there(term, store);
      const told = JSON.parse((await store.read(json)).toString());
      const bytes = await store.read(tarball);
      assert.deepEqual([told.tarball.sha256, told.packets], [sha256(bytes), await packetsIn(bytes)]);
      assert.ok(bytes.length > 2 * 5 * 2 ** 20, `${bytes.length} bytes are several parts`);
      assert.deepEqual(await unfinished(term), []);

      await inParts(kill, store);
      await killWorkload(NS, kill);
      line.close();
      await until('the Job has failed', async () => (await retina(['capture', 'status', kill, '-n', NS])).code === 1);
      assert.deepEqual(await there(kill, store), []);
      assert.equal(
        (await unfinished(kill)).length,
        store.kind === 's3' ? 1 : 0,
        'parts of S3 stay, for nobody is left to take them back',
      );
      const got = await retina(['capture', 'download', kill, '-n', NS, '-o', output, '--partial']);
      assert.match(got.stderr, /✖ 0 tarballs downloaded and verified, 1 partial, 1 not/);
      const [file = ''] = readdirSync(join(output, kill)).filter(isTarball);
      assert.ok((await packetsIn(readFileSync(join(output, kill, file)))) > 1000, got.stderr);
    });
  }
});
