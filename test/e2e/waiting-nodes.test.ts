import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { execa } from 'execa';
import { retina, retinaOk, start } from './support/cli.ts';
import { items, kubectl, namespace, SCRIPTS, until } from './support/cluster.ts';
import { packetCount, pcaps, unpack } from './support/judge.ts';
import { downloads, ended, filesOf, forget, tarballsOf, writes, written } from './support/leavings.ts';
import { killWorkload } from './support/planted.ts';
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
    forget('slain', 'early', 'cut', 'cold', 'lost', 'cordoned', 'drained');
    await until('pods may be made', async () => (await items('serviceaccounts', '-n', NS)).length > 0);
    await startStream(NS, 'node1');
  });
  after(async () => {
    await boot();
    await kubectl('uncordon', 'node2');
    await retina(['capture', 'delete', '--all', '-n', NS]);
    rmSync(output, { recursive: true });
    forget('slain', 'cut');
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
});
