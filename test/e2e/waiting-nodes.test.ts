import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { execa } from 'execa';
import { retina, retinaOk, start } from './support/cli.ts';
import { items, kubectl, namespace, nodesReady, objects, SCRIPTS, until } from './support/cluster.ts';
import { packetCount, pcaps, unpack } from './support/judge.ts';
import { downloads, ended, filesOf, forget, said, tarballsOf, writes, written } from './support/leavings.ts';
import { killWorkload } from './support/planted.ts';
import { assertInTime, timed, waitBeside, watchSign } from './support/seen.ts';
import { startStream } from './support/traffic.ts';

const NS = 'e2e-waits-nodes';
const ON2 = ['--node-names', 'node2'];

const node = (...args: readonly string[]) => execa(join(SCRIPTS, 'node'), args, { reject: false });

/** Boots node2, and waits until it is Ready; a loaded machine takes longer than the script waits. */
async function boot(): Promise<void> {
  for (let tries = 1; (await node('start', 'node2')).exitCode !== 0; tries += 1) {
    assert.ok(tries < 4, 'node2 is still not Ready');
    // A kubelet that has not become Ready may be stuck: its supervisor starts another.
    await node('exec', 'node2', 'pkill', '-x', 'kubelet');
  }
}

/** Has the kubelet of node2 take so much free memory for too little. */
async function threshold(now: string, next: string): Promise<void> {
  const file = '/etc/kubernetes/kubelet.yaml';
  const edit = ['sed', '-i', `s/memory.available: ${now}/memory.available: ${next}/`, file];
  const edited = await node('exec', 'node2', ...edit);
  assert.equal(edited.exitCode, 0, edited.stderr);
  // One that starts just now may have read the file before, or not.
  await until('a kubelet was there to end', async () => {
    const killed = await node('exec', 'node2', 'pkill', '-x', 'kubelet');
    return killed.exitCode === 0;
  });
}

const create = (name: string, ...flags: readonly string[]) => ['capture', 'create', '-n', NS, '--name', name, ...flags];

async function capturing(name: string): Promise<void> {
  await until(`${name} captures`, async () =>
    (await retina(['capture', 'status', name, '-n', NS])).stdout.includes(' capturing '),
  );
}

describe('a capture that is killed', () => {
  const output = mkdtempSync(join(tmpdir(), 'retina-e2e-'));
  let clean: () => Promise<void>;
  before(async () => {
    clean = await namespace(NS);
    forget('slain', 'early', 'cut', 'cold', 'lost', 'cordoned', 'drained', 'pressed');
    await until('pods may be made', async () => (await items('serviceaccounts', '-n', NS)).length > 0);
    await startStream(NS, 'node1');
  });
  after(async () => {
    await boot();
    await kubectl('uncordon', 'node2');
    await retina(['capture', 'delete', '--all', '-n', NS]);
    rmSync(output, { recursive: true });
    forget('slain', 'cut', 'pressed');
    await clean();
  });

  /** Fetches what a capture has left; fails unless it is told as partial, opens without complaint and holds packets. */
  async function assertPartial(name: string, node: 'node1' | 'node2'): Promise<void> {
    const before = filesOf(name);
    const got = await retina(['capture', 'download', name, '-n', NS, '-o', output, '--partial']);
    assert.equal(got.code, 1, got.stderr);
    const row = new RegExp(`${node} +\\S+\\.partial\\.tar\\.gz +.* partial: ([\\d,]+) packets`);
    const told = Number(row.exec(got.stdout)?.[1]?.replaceAll(',', ''));
    assert.match(got.stderr, /✖ 0 tarballs downloaded and verified, 1 partial, 1 not/);
    const names = readdirSync(join(output, name));
    assert.deepEqual(
      names.filter((file) => !file.endsWith('.partial.tar.gz')),
      [],
    );
    const [file = ''] = names;
    const directory = await unpack(join(output, name, file));
    const [pcap = ''] = pcaps(directory);
    assert.equal(await packetCount(pcap), told);
    assert.ok(told > 100, `${told} packets`);
    const { stderr } = await execa('tshark', ['-r', pcap, '-c', '1000000', '-T', 'fields', '-e', 'frame.number']);
    assert.doesNotMatch(stderr, /cut short|damaged/);
    assert.match(readFileSync(join(directory, 'PARTIAL.txt'), 'utf8'), /did not come to its end/);
    assert.deepEqual(filesOf(name), before, 'nothing is removed on the node');
    assert.deepEqual(await downloads(NS), []);
  }

  test('by SIGKILL: --partial fetches what it had written, also when its Job has gone', async () => {
    await retinaOk(create('slain', '--node-names', 'node1', '--duration', '10m'));
    await capturing('slain');
    await until('it has written', () => written('slain', 'node1') > 1_000_000);
    await killWorkload(NS, 'slain');
    await until('it has failed', async () => (await retina(['capture', 'status', 'slain', '-n', NS])).code === 1);
    const whole = await retina(['capture', 'download', 'slain', '-n', NS, '-o', output]);
    assert.equal(whole.code, 1);
    assert.match(whole.stderr, /node node1 has no tarball: killed \(SIGKILL\)/);
    await assertPartial('slain', 'node1');
    await kubectl('delete', 'pod', '-n', NS, '-l', 'capture-name=slain');
    const status = await retina(['capture', 'status', 'slain', '-n', NS]);
    assert.match(status.stdout, /killed \(SIGKILL, as where memory runs out\): .*exit code 137.*; its pod is gone/);
    assert.match(status.stdout, /capture download slain -n e2e-waits-nodes --partial/);
    await retinaOk(['capture', 'delete', 'slain', '-n', NS]);
    rmSync(join(output, 'slain'), { recursive: true });
    await assertPartial('slain', 'node1');
  });

  test('a node that is cordoned is captured on; kubectl drain ends it in good order', async () => {
    await kubectl('cordon', 'node2');
    const waiting = start(create('drained', ...ON2, '--duration', '10m', '--wait'));
    await until('it writes', () => writes('drained', 'node2'));
    const only = ['--pod-selector', 'capture-name=drained', '--force', '--ignore-daemonsets', '--timeout=60s'];
    await kubectl('drain', 'node2', ...only);
    await kubectl('uncordon', 'node2');
    const ran = await ended(waiting);
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(ran.stderr, /node2: saved .*; ended early: evicted, as kubectl drain does/);
    assert.equal(tarballsOf('drained').length, 1);
    await until(
      'its Job is complete',
      async () => (await retina(['capture', 'status', 'drained', '-n', NS])).code === 0,
    );
  });

  test('by the kubelet, whose node runs out of memory: its words are told, and nothing is called saved that is not', async () => {
    await startStream(NS, 'node2');
    const words = /(evicted|ended) by the kubelet of its node: The node was low on resource: memory/;
    const pressure = async (): Promise<void> => {
      await until('it has written', () => written('pressed', 'node2') > 1_000_000);
      await threshold('100Mi', '99%');
    };
    try {
      const ran = await waitBeside(NS, {
        ...{ name: 'pressed', flags: [...ON2, '--duration', '10m'], words, hint: words, meanwhile: pressure },
        sign: { kind: 'pods', shows: /pressed-.*The node was low on resource: memory/ },
      });
      assert.match((await retina(['capture', 'status', 'pressed', '-n', NS])).stdout, words);
      // A kubelet in need leaves it a second: long enough for what streams out, or not.
      const saved = ran.code === 0 ? 1 : 0;
      assert.match(ran.stderr, new RegExp(`${saved} of 1 tarball saved`));
      assert.ok(tarballsOf('pressed').length >= saved, ran.stderr);
    } finally {
      await threshold('99%', '100Mi');
    }
    await nodesReady();
    const got = await retina(['capture', 'download', 'pressed', '-n', NS, '-o', output, '--partial']);
    assert.equal(readdirSync(join(output, 'pressed')).length, 1, got.stderr);
    rmSync(join(output, 'pressed'), { recursive: true });
    await retinaOk(['capture', 'delete', 'pressed', '-n', NS]);
  });

  test('by a power cut: told while the node is away, by each command; fetched when it is back', async (t) => {
    await startStream(NS, 'node2');
    const sign = watchSign(NS, { kind: 'nodes', shows: /"name":"node2".*"status":"Unknown","type":"Ready"/ });
    t.after(sign.end);
    await retinaOk(create('early', ...ON2, '--duration', '1s', '--wait'));
    const waiting = start(create('cut', ...ON2, '--duration', '10m', '--wait'), { timeoutSeconds: 500 });
    const lines = timed(waiting.stderr);
    const told = said(waiting, 'node2: capturing (node node2 does not answer)', 90);
    await capturing('cut');
    await until('it has written', () => written('cut', 'node2') > 1_000_000);
    await node('stop', 'node2');
    const begun = retina(['capture', 'download', 'early', '-n', NS, '-o', output], { timeoutSeconds: 120 });
    await told;
    const silent = { name: 'cut', words: /node2: capturing \(node node2 does not answer\)/ };
    assertInTime(silent, lines, sign.at());
    const half = await begun;
    assert.equal(half.code, 1, half.stderr);
    assert.match(
      half.stderr,
      /download pod on node node2 could not be removed: node node2 is not Ready: Kubelet stopped/,
    );
    assert.match(half.stderr, /It is deleted, and goes once the node is Ready again, or removed/);
    assert.doesNotMatch(half.stderr, /API server/);

    const far = await retina(['capture', 'download', 'early', '-n', NS, '-o', output]);
    assert.equal(far.code, 1);
    assert.match(far.stderr, /node node2 is not Ready: Kubelet stopped posting node status/);
    assert.ok(far.seconds < 10, `took ${far.seconds} s`);

    const cold = await retina(create('cold', ...ON2, '--duration', '10m', '--wait', '--timeout', '5s'));
    assert.equal(cold.code, 1);
    assert.match(cold.stderr, /node2: waiting: node node2 is not Ready: Kubelet stopped posting node status/);
    assert.match(cold.stderr, /See: kubectl describe node node2/);
    assert.match(cold.stderr, /after 5 s, 1 of 1 nodes of capture cold are not done: node2 \(node node2 is not Ready/);
    const held = await retina(['capture', 'status', 'cold', '-n', NS]);
    assert.match(held.stdout, /node2: waiting: node node2 is not Ready/);

    const stopped = await retina(['capture', 'stop', 'cut', '-n', NS, '--timeout', '5s']);
    assert.equal(stopped.code, 1);
    assert.match(
      stopped.stderr,
      /stop was asked for, but after 5 s, 1 of 1 nodes of capture cut are not done: node2 \(node node2 does not answer/,
    );
    const gone = await retina(['capture', 'delete', 'cold', '-n', NS, '--timeout', '5s']);
    assert.equal(gone.code, 1);
    assert.match(gone.stderr, /deletion was accepted, but after 5 s these are still there: .*pods\/cold-node2-/);
    assert.match(gone.stderr, /A pod on a node that does not answer stays until the node is back or removed/);

    await boot();
    await until(
      'the kubelet has told',
      async () => (await retina(['capture', 'status', 'cut', '-n', NS])).code === 1,
      90,
    );
    const ran = await ended(waiting);
    assert.equal(ran.code, 1, ran.stderr);
    assert.match(ran.stderr, /node2: failed: /);
    assert.doesNotMatch(ran.stderr, /API server/, 'a node that is silent is no server that is');
    await until('the download pod has gone', async () => (await downloads(NS)).length === 0, 90);
    await assertPartial('cut', 'node2');
    for (const name of ['cut', 'early']) await retinaOk(['capture', 'delete', name, '-n', NS]);
    await until(
      'the one that was deleted meanwhile has gone',
      async () => !(await objects(NS)).some((object) => object.includes('/cold-')),
      60,
    );
    const left = await items('jobs,pods', '-n', NS, '-l', 'retina.sh/app');
    assert.deepEqual(
      left.filter((object) => !JSON.stringify(object).includes('"drained')),
      [],
    );
  });
});
