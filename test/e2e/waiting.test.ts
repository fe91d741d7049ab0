import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { execa } from 'execa';
import { retina, retinaOk, start } from './support/cli.ts';
import { apply, items, kubectl, namespace, onNode, until } from './support/cluster.ts';
import { ended, forget, leavings, tarballsOf, writes } from './support/leavings.ts';
import { assertGone, assertTold, type Fault, waitBeside } from './support/seen.ts';
import { makeVolumes, removeVolumes } from './support/volumes.ts';
import { BLIND, capturing, FAULTS, FILE, NS, ONE, podOf, policy, rights } from './support/wait-faults.ts';

/** What these have written stays on their node: it is all there is. */
const KILLED = ['slain', 'thirsty'];

/** Seconds; whoever waited for what cannot begin would take the minute of --timeout. */
const STOP_LIMIT = 40;

type Named = { metadata: { name: string } };

/** Has the API server evict the pod of a capture, as kubectl drain does. */
async function evict(name: string): Promise<void> {
  const pod = await podOf(name);
  const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: pod, namespace: NS } };
  const path = `/api/v1/namespaces/${NS}/pods/${pod}/eviction`;
  await execa('kubectl', ['create', '--raw', path, '-f', '-'], { input: JSON.stringify(eviction) });
}

describe('create --wait tells', () => {
  let clean: () => Promise<void>;
  before(async () => {
    clean = await namespace(NS);
    await apply(...rights(), ...policy());
    const elsewhere = {
      required: {
        nodeSelectorTerms: [
          { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['ip-10-240-0-12'] }] },
        ],
      },
    };
    await removeVolumes(NS);
    await makeVolumes(NS, { elsewhere: { spec: { nodeAffinity: elsewhere } } });
    mkdirSync(onNode('node1', '/mnt/retina'), { recursive: true });
    writeFileSync(onNode('node1', FILE), '');
    forget(...FAULTS.map(({ name }) => name), 'drained', 'removed', 'late', 'orphan', 'half', 'two', 'hidden');
  });
  after(async () => {
    await retina(['capture', 'delete', '--all', '-n', NS]);
    for (const kind of ['clusterrole', 'clusterrolebinding']) {
      await kubectl('delete', kind, 'e2e-waits-blind', '--ignore-not-found');
    }
    for (const kind of ['validatingadmissionpolicy', 'validatingadmissionpolicybinding']) {
      await kubectl('delete', kind, 'e2e-waits-refusal', '--ignore-not-found');
    }
    rmSync(onNode('node1', FILE), { force: true });
    await removeVolumes(NS);
    forget(...KILLED);
    await clean();
  });

  for (const fault of FAULTS) {
    test(`${fault.name}: the words, the hint, in time; status and list the same; stop and delete`, async () => {
      const ran = await waitBeside(NS, fault);
      assert.equal(ran.code, 1);
      if (fault.state === 'Failed') assert.match(ran.stderr, /✖ 0 of 1 tarball saved/);
      else assert.match(ran.stderr, /after 6 s, 1 of 1 nodes of capture \w+ are not done: node1 \(cannot be scheduled/);
      await assertTold(NS, fault, fault.state);
      const stopped = await retina(['capture', 'stop', fault.name, '-n', NS, '--timeout', '30s']);
      assert.equal(stopped.code, 1);
      assert.match(stopped.stderr, fault.words);
      assert.ok(stopped.seconds < STOP_LIMIT, `stop took ${stopped.seconds} s`);
      const partial = await retina(['capture', 'download', fault.name, '-n', NS]);
      assert.equal(partial.code, 1);
      assert.match(partial.stderr, /node node1 /);
      if (!KILLED.includes(fault.name)) await assertGone(NS, fault.name);
    });
  }

  test('an eviction by the API: saved with the reason, exit 0; the Job tells that later, without the pod', async () => {
    const fault: Fault = {
      name: 'drained',
      flags: ONE,
      sign: { kind: 'pods', shows: /drained-.*EvictionByEvictionAPI/ },
      words: /evicted, as kubectl drain does: Eviction API: evicting/,
      hint: /saved .*; ended early: evicted/,
      meanwhile: async () => {
        await until('it writes', () => writes('drained', 'node1'));
        await evict('drained');
      },
    };
    const ran = await waitBeside(NS, fault);
    assert.equal(ran.code, 0, ran.stderr);
    assert.equal(tarballsOf('drained').length, 1);
    await until('its pod has gone', async () => (await podOf('drained')) === '');
    await until(
      'its Job is complete',
      async () => (await retina(['capture', 'status', 'drained', '-n', NS])).code === 0,
    );
    assert.match((await retinaOk(['capture', 'list', 'drained', '-n', NS])).stdout, /drained +Completed/);
    const got = await retina(['capture', 'download', 'drained', '-n', NS, '-o', '/tmp/e2e-waits']);
    assert.equal(got.code, 0, got.stderr);
    rmSync('/tmp/e2e-waits', { recursive: true });
    await retinaOk(['capture', 'delete', 'drained', '-n', NS]);
  });

  test('a pod that somebody deletes: saved, and told who ended it', async () => {
    const fault: Fault = {
      name: 'removed',
      flags: ONE,
      sign: { kind: 'pods', shows: /removed-.*deletionTimestamp/ },
      words: /its pod was deleted/,
      hint: /saved .*; ended early: its pod was deleted/,
      meanwhile: async () => {
        await until('it writes', () => writes('removed', 'node1'));
        await kubectl('delete', 'pod', '-n', NS, '-l', 'capture-name=removed', '--wait=false');
      },
    };
    assert.equal((await waitBeside(NS, fault)).code, 0);
    assert.equal(tarballsOf('removed').length, 1);
    await retinaOk(['capture', 'delete', 'removed', '-n', NS]);
  });

  test('a deadline: saved, and told', async () => {
    const fault: Fault = {
      name: 'late',
      flags: ONE,
      sign: { kind: 'jobs', shows: /late-.*DeadlineExceeded/ },
      words: /its deadline has passed: Job was active longer than specified deadline/,
      hint: /saved .*; ended early: its deadline has passed/,
      meanwhile: async () => {
        await until('it writes', () => writes('late', 'node1'));
        const [job] = await items<Named>('jobs', '-n', NS, '-l', 'capture-name=late');
        const patch = ['-p', '{"spec":{"activeDeadlineSeconds":1}}'];
        await kubectl('patch', 'job', job?.metadata.name ?? '', '-n', NS, ...patch);
      },
    };
    assert.equal((await waitBeside(NS, fault)).code, 0);
    assert.equal(tarballsOf('late').length, 1);
    await retinaOk(['capture', 'delete', 'late', '-n', NS]);
  });

  test('a Job that somebody deletes: its node failed, and the other is saved; exit 1', async () => {
    const flags = ['--node-names', 'node1,node2', '--duration', '10s', '--wait'];
    const waiting = start(['capture', 'create', '-n', NS, '--name', 'orphan', ...flags]);
    await capturing('orphan', 2);
    await until('it writes', () => writes('orphan', 'node1'));
    const jobs = await items<Named>('jobs', '-n', NS, '-l', 'capture-name=orphan');
    const [job = ''] = jobs.map(({ metadata }) => metadata.name).filter((name) => name.includes('node1'));
    await kubectl('delete', 'job', job, '-n', NS, '--wait=false');
    const ran = await ended(waiting);
    assert.equal(ran.code, 1, ran.stderr);
    assert.match(ran.stderr, /node1: failed: its Job was deleted\n {2}Its pod delivers what it has/);
    assert.match(ran.stderr, /✖ 1 of 2 tarballs saved/);
    await retinaOk(['capture', 'delete', 'orphan', '-n', NS]);
    await until('both tarballs lie there', () => tarballsOf('orphan').length === 2);
  });

  test('the whole capture deleted: it delivers what it has, and tells who ended it', async () => {
    const waiting = start(['capture', 'create', '-n', NS, '--name', 'half', '--wait', ...ONE]);
    await until('it writes', () => writes('half', 'node1'));
    await retinaOk(['capture', 'delete', 'half', '-n', NS]);
    const ran = await ended(waiting);
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(ran.stderr, /node1: saved .*; ended early: its Job was deleted/);
    assert.equal(tarballsOf('half').length, 1);
  });

  test('stop, while one of two nodes has no place for its pod: the other is saved at once, exit 1, nothing left', async () => {
    const pvc = ['--pvc', 'elsewhere', '--host-path', '/mnt/retina/captures', '--node-names', 'node1,node2'];
    await retinaOk(['capture', 'create', '-n', NS, '--name', 'two', '--duration', '10m', ...pvc, ...BLIND]);
    await until('it writes', () => writes('two', 'node2'));
    const ran = await retina(['capture', 'stop', 'two', '-n', NS]);
    assert.equal(ran.code, 1);
    assert.ok(ran.seconds < STOP_LIMIT, `took ${ran.seconds} s`);
    assert.match(ran.stderr, /1 of 2 tarballs saved/);
    assert.match(ran.stderr, /node1: waiting: cannot be scheduled: .*PersistentVolume's node affinity/);
    assert.equal(tarballsOf('two').length, 1);
    await retinaOk(['capture', 'delete', 'two', '-n', NS]);
    assert.deepEqual(
      await leavings(NS, 'two'),
      tarballsOf('two').flatMap(({ node, name }) => [`${node}/${name.replace('.tar.gz', '.json')}`, `${node}/${name}`]),
    );
  });

  test('without the right to events: it waits all the same, and says that its pod is not there', async () => {
    const bounds = ['--wait', '--timeout', '5s', '--as', 'e2e-waits-blind'];
    await kubectl('patch', 'clusterrole', 'e2e-waits-blind', '--type=json', '-p', noEvents());
    const ran = await retina([
      'capture',
      'create',
      '-n',
      NS,
      '--name',
      'hidden',
      '--host-path',
      FILE,
      ...ONE,
      ...bounds,
    ]);
    assert.equal(ran.code, 1);
    assert.match(ran.stderr, /after 5 s, 1 of 1 nodes of capture hidden are not done: node1 \(starting\)/);
    await assertGone(NS, 'hidden');
  });
});

function noEvents(): string {
  const resources = ['pods', 'pods/log', 'nodes', 'persistentvolumeclaims'];
  return JSON.stringify([{ op: 'replace', path: '/rules/1/resources', value: resources }]);
}
