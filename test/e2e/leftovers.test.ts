import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { retina, retinaOk, start } from './support/cli.ts';
import { apply, kubectl, NODES, namespace, objects, onNode, until } from './support/cluster.ts';
import { allow, allowNodes, CAPTURER, untilMay } from './support/grants.ts';
import { packetCount, pcaps, unpack } from './support/judge.ts';
import { DIR, filesOf, forget, leavings, tarballsOf } from './support/leavings.ts';
import { waitBeside } from './support/seen.ts';
import { startTraffic } from './support/traffic.ts';

const NS = 'e2e-left-delete';

const create = (name: string, ...flags: readonly string[]) =>
  retinaOk(['capture', 'create', '-n', NS, '--name', name, ...flags]);

/** Fails unless both nodes have one whole tarball of the capture, its result, and nothing else. */
async function assertWhole(capture: string): Promise<void> {
  const tarballs = tarballsOf(capture);
  assert.deepEqual(
    tarballs.map(({ node }) => node),
    [...NODES],
  );
  const expected = tarballs.flatMap(({ node, name }) => [
    `${node}/${name.replace('.tar.gz', '.json')}`,
    `${node}/${name}`,
  ]);
  assert.deepEqual(filesOf(capture), expected, 'no scratch directory and no temporary file');
  for (const { node, name } of tarballs) {
    const [pcap = ''] = pcaps(await unpack(onNode(node, `${DIR}/${name}`)));
    assert.ok((await packetCount(pcap)) > 0, `${name} is empty`);
  }
}

function secret(name: string, capture: string): object {
  const labels = { 'retina.sh/app': 'capture', 'capture-name': capture };
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: NS, labels }, stringData: { key: 'value' } };
}

/** A Job of a capture that is over as soon as its pod has been there. */
function brief(capture: string, index: number): object {
  const labels = { 'retina.sh/app': 'capture', 'capture-name': capture };
  const containers = [{ name: 'capture', image: 'localhost/debian:test', command: ['true'] }];
  const spec = { restartPolicy: 'Never', nodeName: NODES[index % 2], terminationGracePeriodSeconds: 0, containers };
  return {
    ...{ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: `${capture}-${index}`, namespace: NS, labels } },
    spec: { backoffLimit: 0, template: { metadata: { labels }, spec } },
  };
}

describe('capture delete', () => {
  let clean: () => Promise<void>;
  before(async () => {
    clean = await namespace(NS);
    await startTraffic(NS);
    forget('running', 'bystander', 'hasty', 'one', 'two', 'three', 'four', 'mine', 'theirs');
  });
  after(async () => {
    await retina(['capture', 'delete', '--all', '-n', NS]);
    await clean();
  });

  test('in mid-capture: Jobs, pods and Secrets go and are named; the tarballs stay, whole', async () => {
    await create('running', '--duration', '10m');
    await apply(secret('running-key', 'running'), secret('other-key', 'other'));
    const process = start(['capture', 'create', '-n', NS, '--name', 'bystander', '--duration', '10m']);
    await until('both nodes capture', async () => {
      const { stdout } = await retina(['capture', 'status', 'running', '-n', NS]);
      return stdout.match(/ capturing /g)?.length === 2;
    });
    await new Promise((resolve) => setTimeout(resolve, 2000));
    const there = (await objects(NS)).filter((object) => object.includes('/running-'));
    const ran = await retinaOk(['capture', 'delete', 'running', '-n', NS]);
    const names: Record<string, string> = { Job: 'job.batch', Pod: 'pod', Secret: 'secret' };
    const told = there.map((object) => {
      const [kind = '', , name] = object.split('/');
      return `${names[kind]}/${name} deleted`;
    });
    assert.equal(told.length, 5);
    assert.deepEqual(ran.stdout.trim().split('\n').sort(), told.sort());
    assert.deepEqual(
      (await objects(NS)).filter((object) => object.includes('/running-')),
      [],
    );
    await assertWhole('running');
    await process;
    assert.match((await retina(['capture', 'status', 'bystander', '-n', NS])).stdout, /capturing|waiting/);
    assert.ok((await objects(NS)).includes(`Secret/${NS}/other-key`));
  });

  test('at once after create: whatever was captured is whole, and nothing else is left', async () => {
    await create('hasty', '--duration', '10m');
    const ran = await retinaOk(['capture', 'delete', 'hasty', '-n', NS]);
    assert.ok(ran.seconds < 20, `took ${ran.seconds} s`);
    const tarballs = filesOf('hasty').filter((file) => file.endsWith('.tar.gz'));
    assert.equal(filesOf('hasty').length, 2 * tarballs.length, filesOf('hasty').join());
    assert.deepEqual(
      (await objects(NS)).filter((object) => object.includes('/hasty-')),
      [],
    );
  });

  test('of finished ones, of several, of all; of one that is not there nothing is deleted', async () => {
    const names = ['one', 'two', 'three', 'four'];
    await Promise.all(names.map((name) => create(name, '--duration', '1s', '--wait')));
    const wrong = await retina(['capture', 'delete', 'one', 'nobody', '-n', NS]);
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /there is no capture nobody in namespace e2e-left-delete\n/);
    assert.equal((await retinaOk(['capture', 'delete', 'one', '-n', NS])).stdout.match(/deleted/g)?.length, 4);
    assert.deepEqual(await leavings(NS, 'one'), filesOf('one'));
    assert.match((await retinaOk(['capture', 'list', '-n', NS])).stdout, /two +Completed/);
    const both = await retinaOk(['capture', 'delete', 'two', '--name', 'three', '-n', NS]);
    assert.equal(both.stdout.match(/deleted/g)?.length, 8);
    await retinaOk(['capture', 'delete', '--all', '-n', NS]);
    assert.deepEqual(await objects(NS), []);
    for (const name of names) await assertWhole(name);
    assert.match((await retinaOk(['capture', 'delete', '--all', '-n', NS])).stderr, /There are no captures/);
  });

  test('of finished ones: a request for each Job and pod, so that nothing waits for its turn in the cluster', async () => {
    const user = `${NS}-user`;
    await Promise.all(['mine', 'theirs'].map((name) => create(name, '--duration', '1s', '--wait')));
    // The Job's end is told some time after its pod's, with which a capture has ended.
    await kubectl('-n', NS, 'wait', '--for=condition=Complete', 'jobs', '-l', 'capture-name in (mine, theirs)');
    const mine = await retinaOk(['capture', 'delete', 'mine', '-n', NS, '-v']);
    assert.equal(mine.stderr.match(/DELETE \S+\/jobs\/mine-/g)?.length, 2);
    assert.equal(mine.stderr.match(/DELETE \S+\/pods\/mine-/g)?.length, 2);
    // Whoever may not delete pods leaves them to the cluster.
    const end = await capturer(NS, user);
    await retinaOk(['capture', 'delete', 'theirs', '-n', NS, '--as', user]);
    await end();
    assert.deepEqual(
      (await objects(NS)).filter((object) => /\/(mine|theirs)-/.test(object)),
      [],
    );
    for (const name of ['mine', 'theirs']) await assertWhole(name);
  });

  test('of one on many nodes that is over: a request for all Jobs, and one for all pods; without that right, one by one', async () => {
    const user = `${NS}-single`;
    const many = 34;
    for (const name of ['large', 'wide']) {
      await apply(...Array.from({ length: many }, (_, index) => brief(name, index)));
      await kubectl(
        '-n',
        NS,
        'wait',
        '--for=condition=Complete',
        'jobs',
        '-l',
        `capture-name=${name}`,
        '--timeout=300s',
      );
    }
    await create('aside', '--duration', '10m');
    const together = await retinaOk(['capture', 'delete', 'large', '-n', NS, '-v']);
    assert.equal(together.stdout.match(/ deleted/g)?.length, 2 * many);
    assert.match(together.stderr, /DELETE \S+\/jobs\?labelSelector=\S+capture-name=large\S* 200 /);
    assert.match(together.stderr, /DELETE \S+\/pods\?labelSelector=\S+capture-name=large\S* 200 /);
    assert.doesNotMatch(together.stderr, /DELETE \S+\/(jobs|pods)\/large-/);
    const end = await capturer(NS, user);
    const single = await retinaOk(['capture', 'delete', 'wide', '-n', NS, '-v', '--as', user]);
    await end();
    assert.equal(single.stdout.match(/ deleted/g)?.length, 2 * many);
    assert.equal(single.stderr.match(/DELETE \S+\/jobs\/wide-/g)?.length, many);
    const left = await objects(NS);
    assert.deepEqual(
      left.filter((object) => /\/(large|wide)-/.test(object)),
      [],
    );
    assert.equal(left.filter((object) => object.startsWith('Job/') && object.includes('/aside-')).length, 2);
  });
});

/** A namespace with something in it that gets in a capture's way. */
async function hindered(name: string, ...hindrances: readonly object[]): Promise<() => Promise<void>> {
  const clean = await namespace(name);
  await apply(...hindrances);
  return clean;
}

function quota(ns: string, hard: Record<string, string>): object {
  return { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'tight', namespace: ns }, spec: { hard } };
}

/** A user who may capture on nodes, and try no pod beforehand; call the returned function at the end. */
async function capturer(ns: string, user: string): Promise<() => Promise<void>> {
  await allow(ns, user, CAPTURER);
  const end = await allowNodes(user);
  await untilMay(user, ['list', 'nodes']);
  await untilMay(user, ['create', 'jobs.batch', '-n', ns]);
  return end;
}

describe('a capture that is refused', { concurrency: true }, () => {
  test('a Job by a quota: exit 1, the node and the reason, and nothing is left, on the nodes either', async () => {
    const ns = 'e2e-left-quota';
    const clean = await hindered(ns, quota(ns, { 'count/jobs.batch': '1' }));
    forget('refused');
    await until('the quota counts', async () =>
      (await kubectl('-n', ns, 'get', 'quota', 'tight', '-o', 'jsonpath={.status.used}')).includes('jobs'),
    );
    // Whoever may read quotas is told before.
    const end = await capturer(ns, 'e2e-left-quota-user');
    const flags = ['--name', 'refused', '--duration', '10m', '--as', 'e2e-left-quota-user'];
    for (const wait of [[], ['--wait'], []]) {
      const ran = await retina(['capture', 'create', '-n', ns, ...flags, ...wait]);
      const left = await leavings(ns, 'refused');
      assert.equal(ran.code, 1);
      assert.match(ran.stderr, /the Job for node node[12] was refused: .*exceeded quota: tight/);
      assert.match(ran.stderr, /1 Job created before it removed; nothing is left/);
      assert.deepEqual(left, []);
      assert.equal(ran.stdout, '');
    }
    await new Promise((resolve) => setTimeout(resolve, 1000));
    assert.deepEqual(await leavings(ns, 'refused'), [], 'nor did anything come later');
    await end();
    await clean();
  });

  test('its pods by Pod Security, which only the API server knew: --wait ends soon, with its words, as status and list do', async () => {
    const ns = 'e2e-left-psa';
    forget('forbidden');
    const clean = await namespace(ns);
    await kubectl('label', 'namespace', ns, 'pod-security.kubernetes.io/enforce=restricted');
    const end = await capturer(ns, 'e2e-left-psa-user');
    const ran = await waitBeside(ns, {
      name: 'forbidden',
      flags: ['--duration', '5m', '--as', 'e2e-left-psa-user'],
      sign: { kind: 'events', shows: /forbidden-.*violates PodSecurity/ },
      words: /its pod was refused: .*violates PodSecurity "restricted:latest"/,
      hint: /use a namespace that admits privileged pods/,
    });
    await end();
    assert.equal(ran.code, 1);
    assert.ok(ran.seconds < 15, `took ${ran.seconds} s`);
    const status = await retina(['capture', 'status', 'forbidden', '-n', ns]);
    assert.equal(status.code, 1);
    for (const text of [ran.stderr, status.stdout]) {
      assert.match(text, /node1: its pod was refused: .*violates PodSecurity "restricted:latest"/);
      assert.match(text, /use a namespace that admits privileged pods/);
    }
    assert.match(ran.stderr, /✖ 0 of 2 tarballs saved/);
    assert.match((await retinaOk(['capture', 'list', '-n', ns])).stdout, /forbidden +Failed +0\/2/);
    await retinaOk(['capture', 'delete', 'forbidden', '-n', ns]);
    assert.deepEqual(await leavings(ns, 'forbidden'), []);
    await clean();
  });

  test('its pods by a quota, which only the API server knew: told as such', async () => {
    const ns = 'e2e-left-pods';
    forget('full');
    const clean = await hindered(ns, quota(ns, { pods: '0' }));
    const end = await capturer(ns, 'e2e-left-pods-user');
    const ran = await waitBeside(ns, {
      name: 'full',
      flags: ['--duration', '5m', '--as', 'e2e-left-pods-user'],
      sign: { kind: 'events', shows: /full-.*exceeded quota: tight/ },
      words: /its pod was refused: .*exceeded quota: tight/,
      hint: /Raise the quota/,
    });
    await end();
    assert.equal(ran.code, 1);
    await retinaOk(['capture', 'delete', 'full', '-n', ns]);
    await clean();
  });

  test('not by a namespace that is so new that its service account is not there yet', async () => {
    const ns = 'e2e-left-new';
    const clean = await namespace(ns);
    const ran = await retinaOk(['capture', 'create', '-n', ns, '--name', 'new', '--duration', '1s', '--wait']);
    assert.match(ran.stderr, /2 of 2 tarballs saved/);
    await retinaOk(['capture', 'delete', 'new', '-n', ns]);
    await clean();
  });
});
