import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { execa } from 'execa';
import { type Ran, retina, retinaOk } from './support/cli.ts';
import { items, NODES, namespace, objects, onNode, until } from './support/cluster.ts';
import { packetCount, pcaps, spanOf, unpack } from './support/judge.ts';
import { DIR, downloads, filesOf, forget, leavings, tarballsOf } from './support/leavings.ts';
import { startTraffic } from './support/traffic.ts';

const NS = 'e2e-left-stop';
const STOP_LIMIT = 3;

const create = (name: string, ...flags: readonly string[]) =>
  retinaOk(['capture', 'create', '-n', NS, '--name', name, ...flags]);

async function capturing(name: string, nodes: number): Promise<void> {
  await until(`${name} captures on ${nodes} nodes`, async () => {
    const { stdout } = await retina(['capture', 'status', name, '-n', NS]);
    return stdout.match(/ capturing /g)?.length === nodes;
  });
}

describe('capture stop', () => {
  let clean: () => Promise<void>;
  /** The kubelet tries for a while before it gives up. */
  let pulling: Promise<Ran>;
  before(async () => {
    clean = await namespace(NS);
    await startTraffic(NS);
    const image = ['--image', 'registry.invalid/retina:none', '--duration', '10m'];
    pulling = retina(['capture', 'create', '-n', NS, '--name', 'unpullable', '--wait', ...image]);
    forget('middle', 'ended', 'early', 'unpullable');
  });
  after(async () => {
    await retina(['capture', 'delete', '--all', '-n', NS]);
    await clean();
  });

  test('in mid-capture: soon done, whole, with the packets up to the stop, and told as such', async () => {
    await create('middle', '--duration', '10m');
    await capturing('middle', 2);
    await new Promise((resolve) => setTimeout(resolve, 3000));
    const commanded = Date.now() / 1000;
    const ran = await retinaOk(['capture', 'stop', 'middle', '-n', NS]);
    const told = Number(/stopped in ([\d.]+) s; 2 of 2 tarballs saved/.exec(ran.stderr)?.[1]);
    process.stdout.write(`stop: ${ran.seconds.toFixed(2)} s measured, ${told} s told\n`);
    assert.ok(ran.seconds <= STOP_LIMIT, `took ${ran.seconds} s`);
    assert.ok(told <= ran.seconds + 0.05 && told > ran.seconds - 1, `told ${told} s, took ${ran.seconds} s`);
    assert.equal(ran.stdout.trim().split('\n').length, 2);

    const status = await retinaOk(['capture', 'status', 'middle', '-n', NS]);
    assert.equal(status.stdout.match(/completed +stopped by request/g)?.length, 2, status.stdout);
    assert.match((await retinaOk(['capture', 'list', '-n', NS])).stdout, /middle +Completed +2\/2/);
    assert.deepEqual(
      tarballsOf('middle').map(({ node }) => node),
      [...NODES],
    );
    for (const { node, name } of tarballsOf('middle')) {
      const [pcap = ''] = pcaps(await unpack(onNode(node, `${DIR}/${name}`)));
      assert.ok((await packetCount(pcap)) > 0);
      const { first, last } = await spanOf(pcap);
      assert.ok(last > commanded - 1, `on ${node} the last packet is of ${(commanded - last).toFixed(2)} s before`);
      assert.ok(
        first < commanded - 1.5,
        `on ${node} the first packet is of ${(commanded - first).toFixed(2)} s before`,
      );
    }
    const output = mkdtempSync(join(tmpdir(), 'retina-e2e-'));
    assert.match((await retinaOk(['capture', 'download', 'middle', '-n', NS, '-o', output])).stderr, /2 tarballs/);
  });

  test('of a capture that has ended: says so, changes nothing', async () => {
    await create('ended', '--node-names', 'node1', '--duration', '1s', '--wait');
    const files = filesOf('ended');
    const ran = await retinaOk(['capture', 'stop', 'ended', '-n', NS]);
    assert.match(ran.stderr, /capture ended had already ended; 1 of 1 tarball saved/);
    assert.match((await retinaOk(['capture', 'status', 'ended', '-n', NS])).stdout, /duration reached/);
    assert.deepEqual(filesOf('ended'), files);
  });

  test('before its pods run: they end as soon as they begin, and nothing is captured for ten minutes', async () => {
    await create('early', '--duration', '10m');
    const ran = await retinaOk(['capture', 'stop', 'early', '-n', NS]);
    assert.match(ran.stderr, /capture early stopped in .*; 2 of 2 tarballs saved/);
    assert.ok(ran.seconds < 15, `took ${ran.seconds} s`);
    assert.equal(tarballsOf('early').length, 2);
    const { stdout } = await retinaOk(['capture', 'status', 'early', '-n', NS]);
    assert.equal(stdout.match(/stopped by request/g)?.length, 3, stdout);
  });

  test('of one whose image cannot be pulled: exit 1, why and what next; delete then removes all', async () => {
    const made = await pulling;
    assert.equal(made.code, 1);
    assert.ok(made.seconds < 60, `create --wait took ${made.seconds} s`);
    const ran = await retina(['capture', 'stop', 'unpullable', '-n', NS]);
    assert.equal(ran.code, 1);
    assert.match(ran.stderr, /capture unpullable has not begun; 0 of 2 tarballs saved/);
    // The kubelet tries again and again: what it tells in between is that the pod waits.
    const why = /node1: (can't start|waiting): the image can't be pulled: registry\.invalid\/retina:none: \D{5,60}$/m;
    for (const { stderr } of [made, ran]) {
      assert.match(stderr, why);
      assert.match(stderr, /--image/);
      assert.ok(Math.max(...stderr.split('\n').map((line) => line.length)) < 160, stderr);
    }
    assert.match(ran.stderr, /Next: kubectl retina capture delete unpullable -n e2e-left-stop/);
    const pods = await items<{ metadata: { annotations: Record<string, string> } }>(
      'pods',
      '-n',
      NS,
      '-l',
      'capture-name=unpullable',
    );
    assert.deepEqual(
      pods.map((pod) => pod.metadata.annotations['retina.sh/stop']),
      ['keep', 'keep'],
      'pods that start later would stop at once',
    );
    await retinaOk(['capture', 'delete', 'unpullable', '-n', NS]);
    assert.deepEqual(await leavings(NS, 'unpullable'), []);
  });

  test('of one that is not there: exit 1, and those that are', async () => {
    const ran = await retina(['capture', 'stop', 'nobody', '-n', NS]);
    assert.equal(ran.code, 1);
    assert.match(
      ran.stderr,
      /error: there is no capture nobody in namespace e2e-left-stop\n {2}Captures (there|in namespace e2e-left-stop): early, ended/,
    );
  });
});

describe('with only the rights of the README in namespace captures', () => {
  const kubeconfig = join(process.env.RETINA_TESTCLUSTER ?? '/tmp/retina-testcluster', 'kubeconfig-capturer');
  const name = 'e2e-left-rights';
  const as = (...args: readonly string[]) =>
    retinaOk(['capture', ...args, '-n', 'captures', '--kubeconfig', kubeconfig]);
  after(async () => {
    await retina(['capture', 'delete', name, '-n', 'captures']);
  });

  test('every command works', async () => {
    await as('create', '--name', name, '--node-names', 'node1,node2', '--duration', '10m');
    assert.match((await as('status', name)).stdout, /node1/);
    assert.match((await as('stop', name)).stderr, /2 of 2 tarballs saved/);
    assert.match((await as('list')).stdout, /e2e-left-rights +Completed +2\/2/);
    const output = mkdtempSync(join(tmpdir(), 'retina-e2e-'));
    const got = await as('download', name, '-o', output);
    for (const line of got.stdout.trim().split('\n')) await execa('gzip', ['-t', line.split(/\s+/)[1] ?? '']);
    assert.deepEqual(await downloads('captures'), []);
    assert.match((await as('delete', name)).stdout, /job\.batch\/e2e-left-rights-node1-\w+ deleted/);
    assert.deepEqual(
      (await objects('captures')).filter((object) => object.includes(name)),
      [],
    );
  });

  test('elsewhere: the rights that are missing are named, and nothing is created or fetched', async () => {
    const ran = await retina(['capture', 'create', '-n', NS, '--name', 'denied', '--kubeconfig', kubeconfig]);
    assert.equal(ran.code, 1);
    assert.match(ran.stderr, /you may not create, list jobs\.batch in namespace e2e-left-stop \(user capturer\)/);
    assert.deepEqual(await leavings(NS, 'denied'), []);
    const output = mkdtempSync(join(tmpdir(), 'retina-e2e-'));
    const fetch = ['capture', 'download', 'middle', '-n', NS, '-o', output, '--kubeconfig', kubeconfig];
    const fetched = await retina(fetch);
    assert.equal(fetched.code, 1);
    assert.match(fetched.stderr, /you may not list (jobs\.batch|pods) in namespace e2e-left-stop \(user capturer\)/);
    assert.equal(fetched.stdout, '');
    assert.deepEqual(await downloads(NS), []);
    assert.deepEqual(readdirSync(output), []);
  });
});
