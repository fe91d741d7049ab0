import assert from 'node:assert/strict';
import { existsSync, rmSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { retina, retinaOk, start } from './support/cli.ts';
import { apply, kubectl, namespace, objects, onNode, until } from './support/cluster.ts';
import { ended, filesOf, forget, tarballsOf } from './support/leavings.ts';
import { killWorkload } from './support/planted.ts';
import { CTRL_C, CTRL_D, sit } from './support/terminal.ts';

const NS = 'e2e-prune';
const OTHER = 'e2e-prune-other';
const prune = (...flags: readonly string[]) => retina(['capture', 'prune', '-n', NS, ...flags]);
const create = (name: string, ...flags: readonly string[]) =>
  retinaOk(['capture', 'create', '-n', NS, '--name', name, '--node-names', 'node1', ...flags]);
const state = async (name: string): Promise<string> => (await retina(['capture', 'status', name, '-n', NS])).stdout;

const labels = { 'retina.sh/app': 'capture', 'capture-name': 'lost' };
const secret = (name: string): object => ({
  ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: NS, labels }, stringData: { key: 'value' } },
});

describe('capture prune', () => {
  let clean: (() => Promise<void>)[];
  before(async () => {
    clean = [await namespace(NS), await namespace(OTHER)];
    forget('done', 'busy', 'dead', 'asked', 'yonder');
    await Promise.all([
      create('done', '--duration', '1s', '--wait'),
      create('busy', '--duration', '10m'),
      apply(secret('lost-key')),
    ]);
  });
  after(async () => {
    await retina(['capture', 'delete', '--all', '-n', NS]);
    forget('done', 'busy', 'dead', 'asked', 'yonder');
    for (const remove of clean) await remove();
  });

  test('younger than a day: stays; an age that is none, and no terminal to ask at: exit 2, nothing is removed', async () => {
    const there = await objects(NS);
    assert.match((await retinaOk(['capture', 'prune', '-n', NS, '--yes'])).stderr, /There is nothing to remove/);
    for (const [flags, message] of [
      [[], /^error: --yes: there is no terminal to ask at, .*--dry-run client/],
      [['--older-than', '0'], /^error: --yes: there is no terminal/],
      [['--older-than', 'old', '--dry-run', 'clint', '--yes'], /^error: 2 problems, nothing was removed\n.*--older/],
    ] as const) {
      const ran = await prune(...flags);
      assert.equal(ran.code, 2);
      assert.match(ran.stderr, message);
    }
    assert.deepEqual(await objects(NS), there);
  });

  test('a dry run tells what would go, here and by the server, and removes nothing', async () => {
    const there = await objects(NS);
    const going = there.filter((object) => !object.includes('/busy-'));
    for (const [where, said] of [
      ['client', ' deleted (dry run)'],
      ['server', ' deleted (server dry run)'],
    ] as const) {
      const ran = await prune('--older-than', '0', '--dry-run', where);
      assert.equal(ran.code, 0, ran.stderr);
      const lines = ran.stdout.trim().split('\n');
      assert.ok(
        lines.every((line) => line.endsWith(said)),
        ran.stdout,
      );
      assert.deepEqual(
        lines.map((line) => line.replace(/^.*\/| deleted.*/g, '')).sort(),
        going.map((object) => object.split('/').at(-1)).sort(),
      );
      assert.match(ran.stderr, /Left, for this still runs \(--running removes it\): e2e-prune\/busy/);
    }
    assert.deepEqual(await objects(NS), there);
  });

  test('on a terminal: asks, and only yes removes; Ctrl-C ends it with 130', async () => {
    const there = await objects(NS);
    for (const [typed, code] of [
      ['\n', 0],
      ['n\n', 0],
      [CTRL_D, 0],
      [CTRL_C, 130],
    ] as const) {
      const seat = sit(['capture', 'prune', '-n', NS, '--older-than', '0']);
      await seat.shows(/This removes .*1 Job, 1 pod, 1 Secret/);
      await seat.shows(/e2e-prune\/done: Completed, 1 node, ended \d+s ago/);
      await seat.shows(/Remove them\? Files stay\. \(y\/N\): /);
      seat.type(typed);
      assert.equal(await seat.ended(), code, seat.screen());
      if (code === 0) assert.match(seat.screen(), /Nothing was removed/);
    }
    assert.deepEqual(await objects(NS), there);
    await create('asked', '--duration', '1s', '--wait');
    const seat = sit(['capture', 'prune', '-n', NS, '--older-than', '0']);
    await seat.shows(/Remove them\?/);
    seat.type('y\n');
    assert.equal(await seat.ended(), 0);
    assert.match(seat.screen(), /job\.batch\/asked-node1-\w+ deleted\r\n/);
    assert.deepEqual(
      (await objects(NS)).filter((object) => !object.includes('/busy-')),
      [],
    );
    assert.match(await state('busy'), /Capturing/, seat.screen());
    assert.equal(tarballsOf('done').length, 1);
  });

  test('packets that were not delivered: their place is told, and they stay', async () => {
    await create('dead', '--duration', '10m');
    const log = () => kubectl('logs', '-n', NS, '-l', 'capture-name=dead');
    await until('it has begun to capture', async () => (await log().catch(() => '')).includes('capturing on'));
    await killWorkload(NS, 'dead');
    await until('it has failed', async () => /Failed/.test(await state('dead')));
    const ran = await prune('--older-than', '0', '--yes');
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(
      ran.stderr,
      /warning: capture e2e-prune\/dead failed; what it left on nodes stays there:\n {2}node1: /,
    );
    const [, scratch = ''] = /What was not delivered is on node1, in (\S+)\./.exec(ran.stderr) ?? [];
    assert.ok(existsSync(onNode('node1', `${scratch}/bundle`)), ran.stderr);
    rmSync(onNode('node1', scratch), { recursive: true });
  });

  test('all namespaces: each object is told with its own; helpers that have ended go, too', async () => {
    await retinaOk([
      'capture',
      'create',
      '-n',
      OTHER,
      '--name',
      'yonder',
      '--node-names',
      'node1',
      '--duration',
      '1s',
      '--wait',
    ]);
    const template = {
      spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'localhost/debian:test', command: ['true'] }] },
    };
    const helper = { 'retina.sh/app': 'download', 'retina.sh/download-of': 'yonder' };
    await apply({
      ...{
        apiVersion: 'batch/v1',
        kind: 'Job',
        metadata: { name: 'yonder-download', namespace: OTHER, labels: helper },
      },
      spec: { template: { ...template, metadata: { labels: helper } } },
    });
    await kubectl('wait', '--for=condition=Complete', 'job/yonder-download', '-n', OTHER, '--timeout=60s');
    const dry = await prune('-A', '--older-than', '0', '--dry-run', 'client');
    const mine = dry.stdout.split('\n').filter((line) => line.includes(`namespace ${OTHER}`));
    assert.equal(mine.length, 4, dry.stdout);
    assert.match(dry.stdout, /^job\.batch\/yonder-download deleted from namespace e2e-prune-other \(dry run\)$/m);
    const ran = await retinaOk(['capture', 'prune', '-n', OTHER, '--older-than', '0s', '-y', '--timeout', '1m']);
    assert.equal(ran.stdout.match(/ deleted$/gm)?.length, 4);
    assert.deepEqual(await objects(OTHER), []);
  });

  test('--running: what still runs bundles what it has, and goes; SIGTERM meanwhile: 130, and it goes on going', async () => {
    await until('it captures', async () => / capturing /.test(await state('busy')));
    const pruning = start(['capture', 'prune', '-n', NS, '--older-than', '0', '--running', '--yes']);
    await until('it is being deleted', async () => {
      const jobs = 'jsonpath={.items[*].metadata.deletionTimestamp}';
      return (await kubectl('get', 'jobs', '-n', NS, '-o', jobs)) !== '';
    });
    pruning.kill('SIGTERM');
    const ran = await ended(pruning);
    assert.ok(ran.code === 130 || ran.code === 0, ran.stderr);
    if (ran.code === 130) assert.match(ran.stderr, /no longer waiting; what was deleted so far goes on ending/);
    await until('all is gone', async () => (await objects(NS)).length === 0);
    assert.equal(tarballsOf('busy').length, 1);
    assert.equal(filesOf('busy').length, 2);
  });
});
