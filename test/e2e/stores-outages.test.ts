import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Ran, retina, retinaOk } from './support/cli.ts';
import { filesOn, kubectl, NODES, type NodeName, namespace, onNode, until } from './support/cluster.ts';
import { type Fate, faultyLines, goBetween } from './support/faults.ts';
import { packetsIn, sha256 } from './support/judge.ts';
import { assertNoScratch, isTarball } from './support/leavings.ts';
import { blobServer, S3_KEYS, s3Server } from './support/stores.ts';
import { STREAM_PORT, startStream } from './support/traffic.ts';

const NS = 'e2e-stores-outages';
const HOST_DIR = '/mnt/retina/e2e-outages';
const RESCUED = '/var/lib/retina/rescued';
const KEYS = { AWS_ACCESS_KEY_ID: S3_KEYS.accessKeyId, AWS_SECRET_ACCESS_KEY: S3_KEYS.secretAccessKey };
const s3 = s3Server(17078);
const blob = blobServer(17108);
const lines = faultyLines(18475);
/** Ways to both stores that look into requests. */
const storm = [goBetween(17320, s3.url), goBetween(17321, blob.url)] as const;
const lost = [goBetween(17322, s3.url), goBetween(17323, blob.url)] as const;

/** Outages while captures send, each to both stores at once. All captures run side by side, for they take a minute. */
describe('stores that go away while captures send to them', () => {
  const output = mkdtempSync(join(tmpdir(), 'retina-e2e-'));
  const runs: Record<string, Promise<Ran>> = Object.create(null);
  let clean: () => Promise<void>;
  let port = 17300;

  before(async () => {
    clean = await namespace(NS);
    const servers = [s3, blob, lines, ...storm, ...lost];
    await Promise.all([...servers.map((server) => server.start()), ...NODES.map((node) => startStream(NS, node))]);
    await Promise.all([s3.makeBucket('evidence'), blob.makeContainer('caps')]);
    for (const fault of [down, back, gone, slow, overloaded, unheard]) runs[fault.name] = fault();
    await Promise.allSettled(Object.values(runs));
  });
  after(async () => {
    await retina(['capture', 'delete', '--all', '-n', NS]);
    await clean();
    for (const between of [...storm, ...lost]) between.end();
    await Promise.all([s3.end(), blob.end(), lines.end()]);
    rmSync(output, { recursive: true });
    for (const node of NODES) for (const name of rescued('', node)) rmSync(onNode(node, join(RESCUED, name)));
    rmSync(onNode('node2', HOST_DIR), { recursive: true, force: true });
  });

  /** A capture to both stores at these addresses. */
  async function capture(name: string, node: NodeName, to: readonly string[], flags: readonly string[]): Promise<Ran> {
    const [s3Url = '', blobUrl = ''] = to;
    const sas = (await blob.sas('caps')).replace(blob.url, blobUrl);
    const stores = ['--s3-bucket', 'evidence', '--s3-path', '', '--s3-endpoint', s3Url, '--blob-upload', sas];
    const what = ['--node-names', node, '--pcap-filter', `udp port ${STREAM_PORT}`, '--wait', ...flags];
    const args = ['capture', 'create', '-n', NS, '--name', `away-${name}`, ...what, ...stores];
    return retina(args, { env: KEYS, timeoutSeconds: 240 });
  }
  const lay = (name: string): Promise<string[]> =>
    Promise.all([lines.lay(`s3-${name}`, port++, s3.url), lines.lay(`blob-${name}`, port++, blob.url)]);
  const both = (name: string, fault: (line: string) => Promise<void>) =>
    Promise.all([fault(`s3-${name}`), fault(`blob-${name}`)]);
  const inMidUpload = (name: string): Promise<void> =>
    until(`away-${name} has sent a part`, async () => (await unfinished(name)).length > 0, 90);

  async function down(): Promise<Ran> {
    const to = await lay('down');
    await both('down', lines.cut);
    return capture('down', 'node1', to, ['--duration', '2s']);
  }
  async function back(): Promise<Ran> {
    const running = capture('back', 'node1', await lay('back'), ['--duration', '15s']);
    await inMidUpload('back');
    await both('back', lines.cut);
    await sleep(10_000);
    await both('back', lines.mend);
    return running;
  }
  async function gone(): Promise<Ran> {
    const running = capture('gone', 'node1', await lay('gone'), ['--duration', '12s', '--upload-timeout', '5s']);
    await inMidUpload('gone');
    await both('gone', lines.cut);
    return running;
  }
  async function slow(): Promise<Ran> {
    const to = await lay('slow');
    // Two parts are under way at once.
    await both('slow', (line) => lines.slow(line, 500));
    const flags = ['--duration', '60s', '--max-size', '1000', '--host-path', HOST_DIR];
    const running = capture('slow', 'node2', to, flags);
    await sleep(75_000);
    await both('slow', lines.hurry);
    return running;
  }
  let asked: Ran | undefined;
  async function overloaded(): Promise<Ran> {
    const running = capture('storm', 'node2', urlsOf(storm), ['--duration', '12s']);
    await inMidUpload('storm');
    for (const { state } of storm) state.fate = () => 503;
    await sleep(4000);
    asked = await retina(['capture', 'status', 'away-storm', '-n', NS]);
    await sleep(4000);
    for (const { state } of storm) state.fate = () => 'passes';
    return running;
  }
  async function unheard(): Promise<Ran> {
    // AWS forgets a completed upload after a while: the next try finds none. Azure takes the same list again.
    const next = [404, 'passes'] as const;
    lost.forEach(({ state }, index) => {
      let commits = 0;
      state.fate = (message): Fate =>
        isCommit(message) ? (commits++ === 0 ? 'answer lost' : (next[index] ?? 'passes')) : 'passes';
    });
    return capture('lost', 'node2', urlsOf(lost), ['--duration', '10s']);
  }

  const mine = (names: readonly string[], name: string): string[] =>
    names.filter((file) => file.startsWith(`away-${name}-node`));
  const unfinished = async (name: string): Promise<string[]> => mine(await s3.unfinished('evidence'), name);
  const inStores = async (name: string): Promise<string[]> =>
    mine([...(await s3.names('evidence')), ...(await blob.names('caps'))], name);
  const rescued = (name: string, node: NodeName): string[] =>
    filesOn(node, RESCUED).filter((file) => file.startsWith(`away-${name}`));
  const logOf = (name: string): Promise<string> =>
    kubectl('logs', '-n', NS, '-l', `capture-name=away-${name}`, '--tail=-1');

  /** Both stores have the same tarball, of all packets; the answer is the result beside it. */
  async function assertDelivered(name: string, ran: Ran): Promise<{ packets: number; pcapBytes: number }> {
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(ran.stderr, /✔ 1 of 1 tarball saved/);
    const [tarball = ''] = mine(await s3.names('evidence'), name).filter(isTarball);
    const [copy, other] = await Promise.all([s3.read('evidence', tarball), blob.read('caps', tarball)]);
    const told = JSON.parse((await blob.read('caps', tarball.replace('.tar.gz', '.json'))).toString());
    assert.deepEqual([sha256(copy), sha256(other)], [told.tarball.sha256, told.tarball.sha256]);
    assert.deepEqual([await packetsIn(copy), told.droppedByKernel], [told.packets, 0]);
    assert.equal((await inStores(name)).length, 4);
    assert.deepEqual(await unfinished(name), []);
    return told;
  }

  /** No store has anything, both are named, and what is kept on the node can be downloaded. */
  async function assertKept(name: string, ran: Ran): Promise<void> {
    assert.equal(ran.code, 1, ran.stderr);
    assert.match(ran.stderr, /✖ 0 of 1 tarball saved/);
    const [tarball = ''] = rescued(name, 'node1').filter(isTarball);
    assert.ok(ran.stderr.includes(`kept on node1: ${RESCUED}/${tarball}`), ran.stderr);
    assert.deepEqual(await inStores(name), []);
    const status = await retina(['capture', 'status', `away-${name}`, '-n', NS]);
    assert.equal(status.code, 1);
    assert.match(status.stdout, /not saved to s3:\/\/evidence/);
    assert.match(status.stdout, /not saved to http:\/\/10.240.0.1:\d+\/devstoreaccount1\/caps/);
    await retinaOk(['capture', 'download', `away-${name}`, '-n', NS, '-o', output]);
    const [got = ''] = readdirSync(join(output, `away-${name}`));
    const kept = readFileSync(onNode('node1', join(RESCUED, tarball)));
    assert.equal(sha256(readFileSync(join(output, `away-${name}`, got))), sha256(kept));
    const told = JSON.parse(readFileSync(onNode('node1', join(RESCUED, tarball.replace('.tar.gz', '.json'))), 'utf8'));
    assert.deepEqual([await packetsIn(kept), told.droppedByKernel], [told.packets, 0]);
  }

  test('down from the start: given up after 10 tries; kept', async () => {
    const ran = await runs.down;
    assert.ok(ran);
    await assertKept('down', ran);
    assert.equal(ran.stderr.match(/ECONNREFUSED.*10 tries/g)?.length, 2, ran.stderr);
    assert.deepEqual(await unfinished('down'), []);
  });

  test('cut in mid-upload and back after 10 s: delivered, and each try that failed was told', async () => {
    const ran = await runs.back;
    assert.ok(ran);
    await assertDelivered('back', ran);
    const log = await logOf('back');
    assert.match(log, /s3:\/\/evidence\/away-back\S+: attempt 2 failed: .*ECONNREFUSED/);
    assert.match(log, /caps\/away-back\S+: attempt 2 failed: .*ECONNREFUSED/);
    assert.match(ran.stderr, /\nnode\d: capturing \(\S+\/away-back\S+: attempt \d+ failed: .*ECONNREFUSED/);
  });

  test('cut in mid-upload and never back: over with --upload-timeout; kept; what parts stay is told', async () => {
    const ran = await runs.gone;
    assert.ok(ran);
    await assertKept('gone', ran);
    assert.equal(ran.stderr.match(/not done 5 s after the capture's end .*ECONNREFUSED/g)?.length, 2, ran.stderr);
    assert.match(ran.stderr, /parts of s3:\/\/evidence\/away-gone\S+ stay in the bucket, unfinished/);
  });

  test('slow, 1 MB/s for 60 s of 4 MB/s: delivered, no packet is lost for it, and the lag is told', async () => {
    const ran = await runs.slow;
    assert.ok(ran);
    const { pcapBytes } = await assertDelivered('slow', ran);
    assert.ok(pcapBytes > 120e6, `${pcapBytes} bytes`);
    assert.match(await logOf('slow'), /\d+ MB of \d+ MB are not sent yet and wait on the node's disk/);
    assert.match(ran.stderr, /\nnode\d: capturing \(\d+ MB of \d+ MB are not sent yet/);
  });

  test('a directory beside slow stores has the whole tarball some seconds after the capture, long before they have', async () => {
    const log = await logOf('slow');
    const durable = new Map(
      log
        .matchAll(/durable ([\d.]+) s after the capture's end: (\S+)/g)
        .map(([, seconds, place = '']) => [place, seconds]),
    );
    const own = [...durable.keys()].find((place) => place.startsWith(HOST_DIR)) ?? '';
    assert.equal(durable.size, 3, log);
    assert.ok(Number(durable.get(own)) < 5, log);
    for (const [place, seconds] of durable) assert.ok(place === own || Number(seconds) > 5, log);
    assert.match(log, /s3:\S+ does not keep up: the other destinations go on without it/);
    const [kept = ''] = filesOn('node2', HOST_DIR).filter(isTarball);
    const [sent = ''] = mine(await s3.names('evidence'), 'slow').filter(isTarball);
    assert.equal(sha256(readFileSync(onNode('node2', join(HOST_DIR, kept)))), sha256(await s3.read('evidence', sent)));
  });

  test('a storm of 503 for 8 s: delivered, and each try that failed was told', async () => {
    const ran = await runs.overloaded;
    assert.ok(ran);
    await assertDelivered('storm', ran);
    const log = await logOf('storm');
    assert.match(log, /s3:\/\/evidence\/away-storm\S+: attempt 2 failed: HTTP 503/);
    assert.match(log, /caps\/away-storm\S+: attempt 2 failed: HTTP 503/);
    assert.match(asked?.stdout ?? '', /\n {2}node2: capturing \(\S+\/away-storm\S+: attempt \d+ failed: HTTP 503\)/);
  });

  test('the answer to the commit is lost: delivered, for the object is there', async () => {
    const ran = await runs.unheard;
    assert.ok(ran);
    await assertDelivered('lost', ran);
    assert.match(await logOf('lost'), /away-lost\S+: the answer was lost, but the object is there/);
    for (const { state } of lost) assert.ok(state.seen.some((line) => line.endsWith('answer lost')));
    assertNoScratch();
  });
});

const urlsOf = (ways: readonly { url: string }[]): string[] => ways.map(({ url }) => url);

/** The request that makes what was sent an object. */
function isCommit({ method, url = '' }: IncomingMessage): boolean {
  return url.includes('comp=blocklist') || (method === 'POST' && url.includes('uploadId='));
}
