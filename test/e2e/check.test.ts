import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { load } from 'js-yaml';
import * as z from 'zod';
import { startCheckLab } from './support/check-lab.ts';
import { retina, retinaOk } from './support/cli.ts';
import { objects } from './support/cluster.ts';
import { allow, CAPTURER, untilMay } from './support/grants.ts';
import { makeSecrets } from './support/volumes.ts';

const lab = await startCheckLab('e2e-check');
const { ns: NS, strict: STRICT, full: FULL, user: USER } = lab;
const schema = z.fromJSONSchema(
  JSON.parse(readFileSync(join(import.meta.dirname, '../../docs/schema/capture-check.json'), 'utf8')),
);
after(() => lab.end());

const NODE = ['--node-names', 'node1', '--duration', '1s'];
const check = (ns: string, ...flags: readonly string[]) => retina(['capture', 'check', '-n', ns, ...flags]);
/** The lines of a check with a mark: their words without columns. */
const marked = (stdout: string, mark: string): string[] =>
  stdout
    .split('\n')
    .filter((line) => line.startsWith(mark))
    .map((line) => line.slice(1).trim().replace(/ {2,}/g, ': '));

describe('capture check', () => {
  test('all is good: a line for each check, exit code 0, and nothing is created', async () => {
    const ran = await check(NS, ...NODE, '--pcap-filter', 'udp', '--wait');
    assert.equal(ran.code, 0, ran.stdout);
    const good = marked(ran.stdout, '✔').map((line) => line.split(':')[0]);
    assert.deepEqual(good, ['rights', 'target', 'nodes', 'image', 'destination', 'filter', 'pods']);
    assert.deepEqual([marked(ran.stdout, '✖'), marked(ran.stdout, '!')], [[], []]);
    assert.match(ran.stderr, /^✔ a capture in namespace e2e-check can be created; nothing was$/m);
    assert.deepEqual(await objects(NS), []);
  });

  test('everything that is missing is named at once, each with what to do', async () => {
    await makeSecrets(STRICT, { keys: { wrong: 'x' } });
    const wrong = ['--service-account', 'nobody', '--priority-class', 'urgent', '--image-pull-secret', 'hub'];
    const stores = [
      '--pvc',
      'gone',
      '--s3-secret',
      'keys',
      '--s3-bucket',
      'evidence',
      '--s3-endpoint',
      'http://127.0.0.1:9',
    ];
    const ran = await check(STRICT, 'node/node1', ...wrong, ...stores);
    assert.equal(ran.code, 1);
    const missing = marked(ran.stdout, '✖');
    for (const words of [
      /^service account: there is no service account nobody in namespace e2e-check-strict/,
      /^priority class: there is no priority class urgent/,
      /^image: there is no Secret hub in namespace e2e-check-strict to pull the image with/,
      /^destination: there is no PersistentVolumeClaim gone/,
      /^destination: Secret keys lacks s3-access-key-id and s3-secret-access-key/,
    ])
      assert.ok(
        missing.some((line) => words.test(line)),
        `${words}\n${ran.stdout}`,
      );
    assert.match(ran.stdout, /There: default/);
    assert.match(ran.stdout, /its keys: wrong/);
    assert.match(ran.stderr, /^✖ \d things in the way of a capture in namespace e2e-check-strict$/m);
    const nowhere = await check(NS, '--node-names', 'node9', '--pvc', 'gone');
    assert.deepEqual(
      marked(nowhere.stdout, '✖').map((line) => line.split(':')[0]),
      ['target', 'destination'],
    );
    assert.match(nowhere.stdout, /Nodes: node1, node2/);
    assert.deepEqual(await objects(STRICT), []);
  });

  test('pods that Pod Security or a quota would refuse, in the words of the API server', async () => {
    const strict = await check(STRICT, ...NODE);
    assert.equal(strict.code, 1);
    assert.match(
      strict.stdout,
      /^✖ +pods +the pods of the capture would be refused: .*violates PodSecurity "restricted/m,
    );
    assert.match(strict.stdout, /use a namespace that admits privileged pods/);
    const full = await check(FULL, ...NODE);
    assert.equal(full.code, 1);
    assert.match(full.stdout, /^✖ +pods +the pods of the capture would be refused: .*exceeded quota: none/m);
    assert.match(full.stdout, /Raise the quota/);
  });

  test('without the right to try a pod: not known; by the label of the namespace, where that may be read', async () => {
    const blind = await check(STRICT, ...NODE, '--as', USER);
    assert.match(blind.stdout, /^! +pods +whether they are admitted is not known: you may not create pods/m);
    const reads = { apiGroups: [''], resources: ['namespaces'], verbs: ['get'] };
    await allow(STRICT, USER, [...CAPTURER, reads]);
    await untilMay(USER, ['get', `namespaces/${STRICT}`, '-n', STRICT]);
    const seen = await check(STRICT, ...NODE, '--as', USER);
    assert.match(seen.stdout, /^✖ +pods +namespace e2e-check-strict enforces the Pod Security level restricted$/m);
    await allow(STRICT, USER, CAPTURER);
    await untilMay(USER, ['get', `namespaces/${STRICT}`, '-n', STRICT], false);
  });

  test('what is only not told or done is a warning: exit code 0 or 1 is that of what is needed', async () => {
    const ran = await check(
      NS,
      ...NODE,
      '--s3-secret',
      'none',
      '--s3-bucket',
      'evidence',
      '--s3-endpoint',
      'http://127.0.0.1:9',
      '--as',
      USER,
    );
    const warnings = marked(ran.stdout, '!');
    for (const words of [
      /^rights: you may not list secrets none in namespace e2e-check: whether it is there and has the right keys/,
      /^rights: you may not get pods\/log in namespace e2e-check: what holds a delivery up is not told/,
    ])
      assert.ok(
        warnings.some((line) => words.test(line)),
        `${words}\n${ran.stdout}`,
      );
    // The user may neither exec nor read Secrets: `download` would not work.
    assert.deepEqual(
      marked(ran.stdout, '✖').map((line) => line.replace(/ \(.*/, '')),
      ['create, get pods/exec', 'get secrets'].map((what) => `rights: you may not ${what} in namespace e2e-check`),
    );
    assert.equal(ran.code, 1);
  });

  test('images: none that is not on the node and may not be pulled; a warning of a tag that moves', async () => {
    const never = await check(NS, ...NODE, '--image', 'registry.invalid/none:v1', '--image-pull-policy', 'Never');
    assert.equal(never.code, 1, never.stdout);
    assert.match(never.stdout, /^✖ +image +registry\.invalid\/none:v1 is not on node1/m);
    assert.equal((await check(NS, ...NODE, '--image-pull-policy', 'Never')).code, 0);
    const moving = await check(NS, ...NODE, '--image', 'registry.invalid/none');
    assert.equal(moving.code, 0);
    assert.match(moving.stdout, /^! +image +registry\.invalid\/none has no version/m);
  });

  test('documents have the shape that is described, of one capture and of a file', async () => {
    for (const [ns, code] of [
      [NS, 0],
      [STRICT, 1],
    ] as const) {
      const json = await check(ns, ...NODE, '-o', 'json');
      assert.equal(json.code, code);
      const document = schema.parse(JSON.parse(json.stdout)) as { kind: string; ready: boolean; rights: object[] };
      assert.deepEqual([document.kind, document.ready], ['CaptureCheck', code === 0]);
      assert.ok(document.rights.length > 8);
      assert.equal(json.stderr, '');
    }
    const manifest = (
      await retinaOk([
        'capture',
        'create',
        '-n',
        NS,
        '--node-selectors',
        'kubernetes.io/os=linux',
        '--dry-run=client',
        '-o',
        'capture',
      ])
    ).stdout;
    const input = `${manifest}\n---\n${manifest.replace(/name: .*/, 'name: other')}`;
    const listed = await retina(['capture', 'check', '-n', NS, '-f', '-', '-o', 'yaml'], { input });
    assert.equal(listed.code, 0, listed.stderr);
    const list = schema.parse(load(listed.stdout)) as { kind: string; items: object[] };
    assert.deepEqual([list.kind, list.items.length], ['CaptureCheckList', 2]);
  });

  test('wrong flags: exit code 2, and the cluster is not asked', async () => {
    for (const [flags, words] of [
      [['--duration', '5'], /--duration: "5" has no unit/],
      [['-o', 'wide'], /--output: "wide" is not a format; there is json, yaml/],
      [['--print-rbac', '-o', 'json'], /--print-rbac: what it prints is YAML/],
      [['--dry-run=client'], /unknown option '--dry-run'/],
    ] as const) {
      const ran = await check(NS, ...flags, '-s', 'https://127.0.0.1:1');
      assert.equal(ran.code, 2, ran.stderr);
      assert.match(ran.stderr, words);
      assert.equal(ran.stdout, '');
    }
  });
});
