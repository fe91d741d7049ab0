import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CaptureDocument } from '../../src/commands/capture-document.ts';
import { retina, retinaOk, start } from './support/cli.ts';
import { items, NODES, namespace, onNode, until } from './support/cluster.ts';
import { pcaps, spanOf, unpack } from './support/judge.ts';
import { DIR, ended, filesOf, forget, leavings, said, tarballsOf } from './support/leavings.ts';
import { startTraffic } from './support/traffic.ts';

const NS = 'e2e-sync';
/** Seconds: the nodes have one clock here, but a machine that is busy with other tests starts tcpdump late. */
const TOGETHER = 1.5;
const CAPTURES = ['together', 'later', 'lost', 'unready', 'stopped', 'deleted', 'cut', 'left'];

const create = (name: string, ...flags: readonly string[]) =>
  retina(['capture', 'create', '-n', NS, '--name', name, '--duration', '3s', ...flags]);

async function documentOf(name: string): Promise<CaptureDocument> {
  const { stdout } = await retina(['capture', 'status', name, '-n', NS, '-o', 'json']);
  return JSON.parse(stdout) as CaptureDocument;
}

const seconds = (time: string | null | undefined): number => Date.parse(time ?? '') / 1000;

/** All nodes began at one instant, and nothing of the time before it is in their files. */
async function assertTogether(name: string, at: number): Promise<void> {
  const { nodes } = await documentOf(name);
  assert.equal(nodes.length, 2);
  const firsts: number[] = [];
  for (const { node, startAt, startedAt, endedAt } of nodes) {
    assert.equal(seconds(startAt), at, node);
    const late = seconds(startedAt) - at;
    assert.ok(late >= 0 && late < TOGETHER, `${node} began ${late} s after its instant`);
    const span = seconds(endedAt) - seconds(startedAt);
    assert.ok(span >= 3 && span < 15, `the duration counts from the start: ${span} s`);
  }
  for (const { node, name: file } of tarballsOf(name)) {
    const beside = JSON.parse(readFileSync(onNode(node, `${DIR}/${file.replace('.tar.gz', '.json')}`), 'utf8'));
    assert.equal(beside.startedAt, nodes.find((one) => one.node === node)?.startedAt);
    const [pcap = ''] = pcaps(await unpack(onNode(node, `${DIR}/${file}`)));
    firsts.push((await spanOf(pcap)).first - at);
  }
  const began = nodes.map(({ startedAt }) => `${((seconds(startedAt) - at) * 1000).toFixed(0)} ms`);
  const packets = firsts.map((first) => `${(first * 1000).toFixed(0)} ms`);
  process.stdout.write(`${name}: began ${began.join(', ')} after the instant; first packets ${packets.join(', ')}\n`);
  assert.equal(firsts.length, 2);
  for (const first of firsts) assert.ok(first >= 0 && first < 2 * TOGETHER, `the first packet is of ${first} s after`);
}

/** A capture that never began: nothing was saved, and nobody says so. */
async function assertNothingOf(name: string): Promise<void> {
  assert.deepEqual(filesOf(name), []);
  const { stdout } = await retina(['capture', 'status', name, '-n', NS]);
  assert.equal(stdout.match(/failed +ended before it began/g)?.length, 2, stdout);
}

describe('captures that begin together', { concurrency: 3 }, () => {
  let clean: () => Promise<void>;
  before(async () => {
    clean = await namespace(NS);
    await startTraffic(NS);
    forget(...CAPTURES);
  });
  after(async () => {
    await retina(['capture', 'delete', '--all', '-n', NS]);
    await clean();
  });

  test('--sync: both nodes begin at the instant that is told, and say when', async () => {
    const ran = await create('together', '--sync', '--wait');
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(ran.stderr, /Capture together in namespace e2e-sync: 2 whole nodes, together for 3 s or up to /);
    assert.match(ran.stderr, /Now all 2 nodes are ready: the capture begins at \d\d:\d\d:\d\d UTC\n/);
    assert.match(ran.stderr, /node1: waits for \d\d:\d\d:\d\d UTC\n/);
    const [first] = (await documentOf('together')).nodes;
    await assertTogether('together', seconds(first?.startAt));
  });

  test('--start-at: create returns at once, status says what the nodes wait for, and they need no client', async () => {
    const at = Math.ceil(Date.now() / 1000) + 20;
    const ran = await create('later', '--start-at', new Date(at * 1000).toISOString());
    assert.equal(ran.code, 0, ran.stderr);
    assert.ok(ran.seconds < 15, `create took ${ran.seconds} s`);
    const clock = new Date(at * 1000).toISOString().slice(11, 19);
    const waits = new RegExp(`node\\d +waits for ${clock} UTC`, 'g');
    let seen = '';
    await until('both wait', async () => {
      seen = (await retinaOk(['capture', 'status', 'later', '-n', NS])).stdout;
      return seen.match(waits)?.length === 2;
    });
    assert.match(seen, /later · Pending/);
    assert.deepEqual(
      (await documentOf('later')).nodes.map(({ phase, startAt }) => [phase, seconds(startAt)]),
      [
        ['waiting', at],
        ['waiting', at],
      ],
    );
    const watching = await retinaOk(['capture', 'status', 'later', '-n', NS, '--watch']);
    assert.match(watching.stderr, /node1: waits for .*\n.*node1: capturing\n.*node1: saved /s);
    await assertTogether('later', at);
  });

  test('a node that cannot begin: named, none has begun, nothing is left', async () => {
    const ran = await create(
      'lost',
      '--sync',
      '--image',
      'registry.invalid/retina:none',
      '--node-names',
      'node2,node1',
    );
    assert.equal(ran.code, 1);
    assert.match(
      ran.stderr,
      /error: no node has begun, .*: cannot begin: node\d \(can't start: the image can't be pulled/,
    );
    assert.match(ran.stderr, /2 Jobs created before it removed; /);
    assert.match(ran.stderr, /Without --sync, /);
    assert.deepEqual(await leavings(NS, 'lost'), []);
  });

  test('nodes that are not ready in time: named, none has begun, nothing is left', async () => {
    const ran = await create('unready', '--sync', '--sync-timeout', '1s');
    assert.equal(ran.code, 1);
    assert.match(ran.stderr, /error: no node has begun, .*: not ready after 1 s: node1 \(.*\), node2 \(/);
    assert.deepEqual(await leavings(NS, 'unready'), []);
  });

  test('stop before the start: exit 1, nothing was captured and nobody says so; delete leaves nothing', async () => {
    await create('stopped', '--start-at', '+1h');
    await until('both wait', async () => (await documentOf('stopped')).nodes.every(({ phase }) => phase === 'waiting'));
    const ran = await retina(['capture', 'stop', 'stopped', '-n', NS]);
    assert.equal(ran.code, 1);
    assert.match(ran.stderr, /capture stopped has not begun; 0 of 2 tarballs saved/);
    assert.match(ran.stderr, /node1: it was ended before it began, which was to be at .*: nothing was captured/);
    await assertNothingOf('stopped');
    await retinaOk(['capture', 'delete', 'stopped', '-n', NS]);
    assert.deepEqual(await leavings(NS, 'stopped'), []);
  });

  test('delete before the start: soon done, nothing is left', async () => {
    await create('deleted', '--start-at', '+1h');
    await until('one waits', async () => {
      return /waits for/.test((await retina(['capture', 'status', 'deleted', '-n', NS])).stdout);
    });
    const ran = await retinaOk(['capture', 'delete', 'deleted', '-n', NS]);
    assert.ok(ran.seconds < 20, `took ${ran.seconds} s`);
    assert.deepEqual(await leavings(NS, 'deleted'), []);
  });

  test('Ctrl-C while nodes get ready: nothing is left', async () => {
    for (const milliseconds of [0, 400]) {
      const creating = start(['capture', 'create', '-n', NS, '--name', 'cut', '--duration', '10m', '--sync']);
      await said(creating, 'Waiting until all 2 nodes are ready');
      await sleep(milliseconds);
      creating.kill('SIGINT');
      const ran = await ended(creating);
      assert.equal(ran.code, 130, ran.stderr);
      assert.match(ran.stderr, /interrupted while creating capture cut: /);
      assert.deepEqual(await leavings(NS, 'cut'), [], ran.stderr);
    }
  });

  test('a client that is killed before it gives the word: its pods end by themselves, without a file', async () => {
    const creating = start(['capture', 'create', '-n', NS, '--name', 'left', '--sync', '--sync-timeout', '1m']);
    await until(
      'its Jobs are there',
      async () => (await items('jobs', '-n', NS, '-l', 'capture-name=left')).length === 2,
    );
    creating.kill('SIGKILL');
    await ended(creating);
    const [order] = await items<{ spec: { template: { metadata: { annotations: Record<string, string> } } } }>(
      ...['jobs', '-n', NS, '-l', 'capture-name=left'],
    );
    const { start: told } = JSON.parse(order?.spec.template.metadata.annotations['retina.sh/workload'] ?? '');
    assert.deepEqual(told, { kind: 'word', withinMs: 60_000 + 60_000 + 2 * 50 });
    await until('both wait', async () => {
      const { stdout } = await retina(['capture', 'status', 'left', '-n', NS]);
      return stdout.match(/ready, waits for the word to start/g)?.length === 2;
    });
    await retinaOk(['capture', 'delete', 'left', '-n', NS]);
    assert.deepEqual(await leavings(NS, 'left'), []);
  });

  test('a time that has passed, or is too far: exit 2, nothing is created', async () => {
    const past = new Date(Date.now() - 60_000).toISOString();
    for (const [flags, words] of [
      [['--start-at', past], /--start-at: "20.*" has passed: /],
      [['--start-at', '+25h'], /--start-at: "\+25h" is more than a day away/],
      [['--start-at', '+5s', '--sync'], /--sync: chooses the instant itself/],
    ] as const) {
      const ran = await create('never', ...flags);
      assert.equal(ran.code, 2);
      assert.match(ran.stderr, words);
    }
    assert.deepEqual(await leavings(NS, 'never'), []);
  });
});

describe('capturing', () => {
  let clean: () => Promise<void>;
  before(async () => {
    clean = await namespace(`${NS}-listens`);
    forget('listens');
  });
  after(async () => {
    await retina(['capture', 'delete', '--all', '-n', `${NS}-listens`]);
    await clean();
  });

  test('is told only once tcpdump listens', async () => {
    const ns = `${NS}-listens`;
    await retinaOk(['capture', 'create', '-n', ns, '--name', 'listens', '--duration', '0']);
    let told = 0;
    await until('both capture', async () => {
      const { stdout } = await retina(['capture', 'status', 'listens', '-n', ns]);
      told = Date.now();
      return stdout.match(/ capturing /g)?.length === NODES.length;
    });
    await retinaOk(['capture', 'stop', 'listens', '-n', ns]);
    const { stdout } = await retina(['capture', 'status', 'listens', '-n', ns, '-o', 'json']);
    for (const { node, startedAt } of (JSON.parse(stdout) as CaptureDocument).nodes) {
      const lag = told - Date.parse(startedAt ?? '');
      assert.ok(lag > 0, `${node} was told to capture ${-lag} ms before it did`);
    }
  });
});
