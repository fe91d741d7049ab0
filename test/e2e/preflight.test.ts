import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { type Asked, startFaults } from './support/api-faults.ts';
import { startCheckLab } from './support/check-lab.ts';
import { retina, retinaOk } from './support/cli.ts';
import { apply, kubectl, namespace, objects, until } from './support/cluster.ts';
import { allow, allowNodes, CAPTURER, untilMay } from './support/grants.ts';
import { forget, leavings } from './support/leavings.ts';

const lab = await startCheckLab('e2e-preflight');
const { ns: NS, strict: STRICT, full: FULL, owned: OWNED, user: USER } = lab;
after(async () => {
  await lab.end();
  forget('checked', 'policy', 'roomy', 'unasked');
});

const NODE = ['--node-names', 'node1', '--duration', '1s'];
const check = (ns: string, ...flags: readonly string[]) => retina(['capture', 'check', '-n', ns, ...flags]);
const create = (ns: string, ...flags: readonly string[]) => retina(['capture', 'create', '-n', ns, ...flags]);

describe('create, before it creates anything', () => {
  test('names every right that is missing, and the user who lacks it', async () => {
    const user = 'e2e-preflight-reader';
    await allow(NS, user, [{ apiGroups: ['batch'], resources: ['jobs'], verbs: ['list'] }]);
    const end = await allowNodes(user);
    await untilMay(user, ['list', 'jobs.batch', '-n', NS]);
    const ran = await create(NS, ...NODE, '--wait', '--as', user);
    await end();
    assert.equal(ran.code, 1);
    assert.equal(ran.stdout, '');
    assert.match(
      ran.stderr,
      /^error: you may not create, watch jobs\.batch in namespace e2e-preflight \(user e2e-preflight-reader\)\n {2}nor list, watch pods in/m,
    );
    assert.match(
      ran.stderr,
      /Nothing was created\.\n {2}The same command line with check in place of create .* --print-rbac/,
    );
    assert.deepEqual(await objects(NS), []);
  });

  test('Pod Security and a quota for pods: refused at once, and nothing is created', async () => {
    for (const [ns, words] of [
      [STRICT, /violates PodSecurity "restricted/],
      [FULL, /exceeded quota: none/],
    ] as const) {
      const ran = await create(ns, ...NODE, '--name', 'checked', '--wait');
      assert.equal(ran.code, 1);
      assert.match(ran.stderr, /^error: the pods of the capture would be refused: /m);
      assert.match(ran.stderr, words);
      assert.match(ran.stderr, /Nothing was created/);
      assert.deepEqual(await leavings(ns, 'checked'), []);
      const events = await kubectl('get', 'events', '-n', ns, '-o', 'name');
      assert.equal(events, '', 'no Job was there, not even for a moment');
    }
  });

  test('quotas with room for one of two Jobs and pods: refused at once, each by its name, and nothing is created', async () => {
    const tight = 'e2e-preflight-tight';
    const clean = await namespace(tight);
    const quota = (name: string, hard: Record<string, string>, more: object = {}) => ({
      ...{ apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name, namespace: tight }, spec: { hard, ...more } },
    });
    const unlike = { scopes: ['BestEffort'] };
    await apply(
      quota('jobs', { 'count/jobs.batch': '1' }),
      quota('pods', { pods: '1' }),
      quota('other', { pods: '1' }, unlike),
    );
    const counts = 'jsonpath={.items[*].status.hard}';
    await until('the quotas count', async () =>
      /jobs.batch.*pods/.test(await kubectl('-n', tight, 'get', 'quota', 'jobs', 'pods', '-o', counts)),
    );
    const both = ['--node-names', 'node1,node2', '--duration', '1s'];
    const words = ['jobs has room for 1 more count/jobs.batch', 'pods has room for 1 more pods'];
    const ran = await create(tight, ...both, '--name', 'checked', '--wait');
    assert.equal(ran.code, 1);
    for (const each of words) assert.ok(ran.stderr.includes(`quota ${each}, and this capture makes 2\n`), ran.stderr);
    assert.match(ran.stderr, /Nothing was created/);
    assert.equal(await kubectl('get', 'events', '-n', tight, '-o', 'name'), '', 'no Job was there');
    const checked = await check(tight, ...both);
    assert.equal(checked.code, 1);
    for (const each of words) assert.match(checked.stdout, new RegExp(`^✖ +pods +quota ${each}, and`, 'm'));
    const one = await create(tight, ...NODE, '--name', 'roomy', '--wait');
    assert.equal(one.code, 0, one.stderr);
    await retinaOk(['capture', 'delete', 'roomy', '-n', tight]);
    await clean();
  });

  test('where no pod may be tried, and by the label alone, it is created: the API server has the last word', async () => {
    const reads = { apiGroups: [''], resources: ['namespaces'], verbs: ['get'] };
    for (const rules of [CAPTURER, [...CAPTURER, reads]]) {
      await allow(STRICT, USER, rules);
      await untilMay(USER, ['get', `namespaces/${STRICT}`, '-n', STRICT], rules.includes(reads));
      const ran = await create(STRICT, ...NODE, '--name', 'checked', '--wait', '--as', USER);
      assert.equal(ran.code, 1);
      assert.match(ran.stderr, /node1: its pod was refused: .*violates PodSecurity "restricted:latest"/);
      const told = /warning: namespace e2e-preflight-strict enforces the Pod Security level restricted/.test(
        ran.stderr,
      );
      assert.equal(told, rules.includes(reads));
      await retinaOk(['capture', 'delete', 'checked', '-n', STRICT]);
    }
    assert.deepEqual(await leavings(STRICT, 'checked'), []);
  });

  test('a policy against pods that no Job owns refuses the one that is tried, and stops no capture', async () => {
    await until('the policy holds', async () => /no naked pods/.test((await check(OWNED, ...NODE)).stdout));
    const checked = await check(OWNED, ...NODE);
    assert.equal(checked.code, 0, checked.stdout);
    assert.match(checked.stdout, /^! +pods +a pod that was tried is refused, so those of the capture may be: /m);
    const ran = await create(OWNED, ...NODE, '--name', 'policy', '--wait');
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(ran.stderr, /1 of 1 tarball saved/);
  });

  test('a user who may not even ask what he may is not kept from what he may', async () => {
    // The right to ask is that of all who are authenticated, and this one is said not to be.
    const unknown = ['--as', USER, '--as-group', 'system:unauthenticated'];
    const denied = await retina(['capture', 'check', '-n', NS, ...NODE, ...unknown]);
    assert.match(denied.stdout, /^! +rights +the API server does not tell of \d+ of \d+ rights$/m);
    const ran = await create(NS, ...NODE, '--name', 'unasked', '--wait', ...unknown);
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(ran.stderr, /1 of 1 tarball saved/);
    await retinaOk(['capture', 'delete', 'unasked', '-n', NS]);
  });

  test('without the right to undo it goes on, with a warning; without that to read Secrets, without a word', async () => {
    const user = 'e2e-preflight-hasty';
    await allow(NS, user, [{ apiGroups: ['batch'], resources: ['jobs'], verbs: ['create', 'list'] }]);
    const end = await allowNodes(user);
    await untilMay(user, ['create', 'jobs.batch', '-n', NS]);
    const store = ['--s3-secret', 'none', '--s3-bucket', 'evidence', '--s3-endpoint', 'http://127.0.0.1:9'];
    const ran = await create(NS, ...NODE, '--name', 'checked', ...store, '--as', user);
    await end();
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(ran.stderr, /warning: if this capture had to be undone, .*: you may not delete jobs\.batch/);
    assert.doesNotMatch(ran.stderr, /[Ss]ecret/);
    await retinaOk(['capture', 'delete', 'checked', '-n', NS]);
  });

  test('asks for all rights at once, before it creates anything: none is answered until the last is asked for', async () => {
    const front = await startFaults();
    const all = Promise.withResolvers<void>();
    const isReview = ({ path }: Asked): boolean => path.endsWith('/selfsubjectaccessreviews');
    front.state.fate = (asked) => {
      if (!isReview(asked)) return 'passes';
      // To create and list Jobs, to list nodes; to undo: to delete Jobs, to list and patch pods.
      if (front.state.seen.filter(isReview).length === 5) all.resolve();
      return { until: all.promise };
    };
    const ran = await retina(['capture', 'create', '-n', NS, ...NODE, '--name', 'checked'], { env: front.env });
    const seen = [...front.state.seen];
    await front.end();
    assert.equal(ran.code, 0, ran.stderr);
    assert.equal(seen.filter(isReview).length, 6);
    const written = seen.findIndex(
      ({ method, path, dryRun }) => method === 'POST' && path.endsWith('/jobs') && !dryRun,
    );
    assert.ok(seen.findLastIndex(isReview) < written);
    assert.ok(seen.findLastIndex(({ dryRun }) => dryRun) < written);
    await retinaOk(['capture', 'delete', 'checked', '-n', NS]);
  });

  test('asks in parallel with what it reads, and a client dry run asks nothing of it', async () => {
    const asks = /selfsubjectaccessreviews|dryRun=All/g;
    const dry = await create(NS, ...NODE, '--dry-run=client', '-v');
    assert.deepEqual([dry.code, dry.stderr.match(asks)], [0, null]);
    const real = await create(NS, ...NODE, '--name', 'checked', '-v');
    assert.equal(real.code, 0, real.stderr);
    const asked = real.stderr.match(asks) ?? [];
    assert.equal(asked.filter((word) => word === 'dryRun=All').length, 2);
    assert.ok(asked.length >= 6, real.stderr);
    await retinaOk(['capture', 'delete', 'checked', '-n', NS]);
  });
});
