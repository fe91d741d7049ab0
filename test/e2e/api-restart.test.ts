import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { retina, retinaOk, start } from './support/cli.ts';
import { kubectl, namespace, nodesReady, SCRIPTS, until } from './support/cluster.ts';
import { assertBothSaved, ended, forget, leavings, said } from './support/leavings.ts';
import { startTraffic } from './support/traffic.ts';

const NS = 'e2e-api-restart';
const NAME = 'restarted';

let clean: () => Promise<void>;

/** The cluster's own API server: everyone is without it meanwhile. */
const control = (what: 'restart' | 'stop' | 'start') =>
  execa(join(SCRIPTS, 'control-plane'), [what, 'kube-apiserver'], { reject: false });

before(async () => {
  clean = await namespace(NS);
  await startTraffic(NS);
});
after(async () => {
  await control('start');
  await retina(['capture', 'delete', '--all', '-n', NS]);
  forget(NAME, 'ended');
  await clean();
});

test('the API server restarts, and is stopped for 30 s, while it is waited for: the outcome is true', async () => {
  forget(NAME);
  const args = ['capture', 'create', '-n', NS, '--name', NAME, '--duration', '40s', '--wait'];
  const waiting = start(args, { timeoutSeconds: 240 });
  await said(waiting, 'node2: capturing', 90);
  await control('restart');
  await sleep(3000);
  await control('stop');
  await sleep(30_000);
  await control('start');
  const ran = await ended(waiting);
  assert.equal(ran.code, 0, ran.stderr);
  assert.match(ran.stderr, /the API server does not answer \(for \d+ s\); it is asked again\n/);
  assert.match(ran.stderr, /the API server answers again, after \d+ s\n/);
  assert.match(ran.stderr, /✔ 2 of 2 tarballs saved/);
  await assertBothSaved(NAME);
});

test('it restarts while a capture is stopped and deleted: both are done', async () => {
  // Right after a start, it refuses what its roles allow until it has read them.
  await until('it has its roles', mayCreate, 120);
  await nodesReady();
  await retinaOk(['capture', 'create', '-n', NS, '--name', 'ended', '--duration', '10m']);
  const running = async (): Promise<boolean> =>
    (await retina(['capture', 'status', 'ended', '-n', NS])).stdout.match(/ capturing /g)?.length === 2;
  // The controllers find the server again within a minute.
  await until('it captures', running, 300);
  for (const command of ['stop', 'delete']) {
    const ending = start(['capture', command, 'ended', '-n', NS], { timeoutSeconds: 180 });
    await sleep(300);
    await control('restart');
    const ran = await ended(ending);
    // One that had not been answered before the server went down says so, and nothing else.
    if (ran.code !== 0) assert.match(ran.stderr, /the API server \S+ (refused|closed) the connection/, ran.stderr);
    assert.doesNotMatch(ran.stderr, /fault of kubectl-retina/);
    const again = await retina(['capture', command, 'ended', '-n', NS]);
    assert.ok(again.code === 0 || /there is no capture ended/.test(again.stderr), again.stderr);
  }
  assert.deepEqual(
    (await leavings(NS, 'ended')).filter((left) => left.includes(`/${NS}/`)),
    [],
  );
});

function mayCreate(): Promise<boolean> {
  return kubectl('auth', 'can-i', 'create', 'jobs', '-n', NS).then(
    () => true,
    () => false,
  );
}
