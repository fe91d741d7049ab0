import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { execa } from 'execa';
import { type Ran, retina, retinaOk } from './support/cli.ts';
import { apply, filesOn, kubectl, namespace, objects, onNode, STATE } from './support/cluster.ts';
import { packetCount, pcaps, unpack } from './support/judge.ts';

const NS = 'e2e-manifest';
const STRICT = 'e2e-manifest-strict';
const QUOTA = 'e2e-manifest-quota';
const VIEWER = ['--kubeconfig', join(STATE, 'kubeconfig-viewer')];
/** The directory that a relative hostPath is joined to, as the reference's operator does. */
const BASE = '/var/log/retina/captures';
const DIR = `${BASE}/e2e-manifest`;

type List = { kind: string; items: { kind: string; metadata: { name: string; uid?: string } }[] };

/** A manifest of a capture of one node; its hostname label is not its name here. */
function manifest(name: string, option: object = { duration: '2s' }, spec: object = {}): string {
  return JSON.stringify({
    ...{ apiVersion: 'retina.sh/v1alpha1', kind: 'Capture', metadata: { name, namespace: NS } },
    spec: {
      captureConfiguration: {
        captureTarget: {
          nodeSelector: { matchExpressions: [{ key: 'kubernetes.io/os', operator: 'In', values: ['linux'] }] },
        },
        ...{ captureOption: option, includeMetadata: false },
      },
      ...{ outputConfiguration: { hostPath: 'e2e-manifest' }, ...spec },
    },
  });
}

function create(...flags: readonly string[]): Promise<Ran> {
  return retina(['capture', 'create', ...flags]);
}

function fromStdin(input: string, ...flags: readonly string[]): Promise<Ran> {
  return retina(['capture', 'create', '-f', '-', ...flags], { input });
}

describe('manifests and dry runs', () => {
  const directory = mkdtempSync(join(tmpdir(), 'retina-manifest-'));
  const file = (name: string, text: string): string => {
    writeFileSync(join(directory, name), text);
    return join(directory, name);
  };
  let clean: (() => Promise<void>)[];
  before(async () => {
    clean = await Promise.all([NS, STRICT, QUOTA].map(namespace));
    await kubectl('label', 'namespace', STRICT, 'pod-security.kubernetes.io/enforce=restricted');
    await apply({
      ...{ apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'no-pods', namespace: QUOTA } },
      spec: { hard: { pods: '0' } },
    });
  });
  after(async () => {
    await retina(['capture', 'delete', '--all', '-n', NS]);
    await Promise.all(clean.map((remove) => remove()));
    rmSync(directory, { recursive: true });
    for (const node of ['node1', 'node2'] as const) rmSync(onNode(node, DIR), { recursive: true, force: true });
  });

  test('a capture from a file, with a flag over it, runs to its end in the namespace of the manifest', async () => {
    const path = file('one.yaml', manifest('one', { duration: '10m', packetSize: 96 }));
    const ran = await create('-f', path, '--node-names', 'node1', '--duration', '2s', '--wait');
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(ran.stderr, /Capture one in namespace e2e-manifest: 1 whole node, for 2 s/);
    const [line, ...more] = ran.stdout.trim().split('\n');
    assert.deepEqual(more, []);
    const [, tarball = ''] = /(\S+\.tar\.gz)/.exec(line ?? '') ?? [];
    assert.ok(tarball.startsWith(`${DIR}/one-node1-`), tarball);
    const [pcap = ''] = pcaps(await unpack(onNode('node1', tarball)));
    assert.notEqual(await packetCount(pcap), 0);
  });

  test('two documents from stdin: two captures, and -o lists the Jobs of both', async () => {
    const input = `${manifest('two-a')}\n---\n${manifest('two-b')}\n`;
    const ran = await fromStdin(input, '--wait', '-o', 'json');
    assert.equal(ran.code, 0, ran.stderr);
    const list = JSON.parse(ran.stdout) as List;
    assert.equal(list.kind, 'List');
    assert.equal(list.items.length, 4);
    assert.ok(list.items.every(({ kind, metadata }) => kind === 'Job' && metadata.uid !== undefined));
    for (const name of ['two-a', 'two-b']) {
      assert.equal(filesOn('node2', DIR).filter((each) => each.startsWith(name) && each.endsWith('.tar.gz')).length, 1);
    }
  });

  test('one of two that fails: the other is made, and the exit code tells', async () => {
    const there = manifest('half');
    assert.equal((await fromStdin(there)).code, 0);
    const ran = await fromStdin(`${there}\n---\n${manifest('other')}`, '-o', 'name');
    assert.equal(ran.code, 1);
    assert.match(ran.stderr, /✖ half: there is already a capture half/);
    assert.match(ran.stdout, /^(job\.batch\/other-node[12]-\w+\n?){2}$/);
  });

  test('what is wrong with a manifest and with flags is told together, and nothing is created', async () => {
    const had = await objects(NS);
    const path = file('bad.yaml', manifest('bad', { duraton: '5s', packetSize: 'x' }));
    const ran = await create('-f', path, '--cpu-limit', 'x');
    assert.equal(ran.code, 2);
    assert.match(ran.stderr, /^error: 3 problems, nothing was created/);
    assert.match(
      ran.stderr,
      /bad\.yaml:1: spec\.captureConfiguration\.captureOption\.duraton is not a field: did you mean duration\?/,
    );
    const late = await create('-f', file('late.yaml', manifest('late', { duration: '5' })));
    assert.deepEqual(
      [late.code, late.stderr.split('\n')[0]],
      [
        2,
        `error: ${join(directory, 'late.yaml')}:1: spec.captureConfiguration.captureOption.duration: "5" has no unit: write it as 30s, 5m or 1h30m`,
      ],
    );
    assert.deepEqual(await objects(NS), had);
  });

  test('a user who may create nothing can run a client dry run, and the API server takes what it prints', async () => {
    const had = await objects(NS);
    const flags = ['--node-selectors', 'kubernetes.io/os=linux', '-n', NS, '--name', 'dry', '--dry-run=client'];
    const said = await create(...VIEWER, ...flags);
    assert.equal(said.code, 0, said.stderr);
    assert.match(said.stdout, /^(job\.batch\/dry-node[12]-\w+ created \(dry run\)\n?){2}$/);
    for (const format of ['yaml', 'json']) {
      const printed = await create(...VIEWER, ...flags, '-o', format);
      const applied = await execa('kubectl', ['apply', '--dry-run=server', '-f', '-'], { input: printed.stdout });
      assert.match(applied.stdout, /^(job\.batch\/dry-node[12]-\w+ created \(server dry run\)\n?){2}$/);
    }
    assert.deepEqual(await objects(NS), had);
  });

  test('a server dry run creates nothing, and prints what the server would have made', async () => {
    const had = await objects(NS);
    const flags = ['--node-names', 'node1', '-n', NS, '--name', 'dry', '--dry-run=server'];
    const ran = await create(...flags, '-o', 'json');
    assert.equal(ran.code, 0, ran.stderr);
    const [job] = (JSON.parse(ran.stdout) as List).items;
    assert.notEqual(job?.metadata.uid, undefined, 'only the server gives objects a UID');
    assert.match((await create(...flags)).stdout, /^job\.batch\/dry-node1-\w+ created \(server dry run\)$/);
    assert.deepEqual(await objects(NS), had);
    const refused = await create(...VIEWER, ...flags);
    assert.deepEqual([refused.code, refused.stdout], [1, '']);
    assert.match(refused.stderr, /error: the Job for node node1 would be refused: you may not create jobs\.batch/);
  });

  test('a server dry run tells in the words of the server that its pods would be refused', async () => {
    const flags = ['--node-names', 'node1', '--dry-run=server'];
    const strict = await create(...flags, '-n', STRICT);
    assert.deepEqual([strict.code, strict.stdout], [1, '']);
    assert.match(
      strict.stderr,
      /the pods would be refused: .*violates PodSecurity "restricted:latest": host namespaces/,
    );
    const quota = await create(...flags, '-n', QUOTA);
    assert.deepEqual([quota.code, quota.stdout], [1, '']);
    assert.match(quota.stderr, /the pods would be refused: .*exceeded quota: no-pods/);
    assert.deepEqual([await objects(STRICT), await objects(QUOTA)], [[], []]);
  });

  test('where Pod Security only warns, its words are shown', async () => {
    await kubectl('label', 'namespace', NS, 'pod-security.kubernetes.io/warn=restricted');
    const ran = await create('--node-names', 'node1', '-n', NS, '--dry-run=server');
    await kubectl('label', 'namespace', NS, 'pod-security.kubernetes.io/warn-');
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(ran.stderr, /^warning: would violate PodSecurity "restricted:latest": host namespaces/m);
  });

  test('-o yaml and wide, after a capture was created', async () => {
    const flags = ['-n', NS, '--node-names', 'node1', '--duration', '1s', '--pcap-filter', 'udp'];
    const yaml = await retinaOk(['capture', 'create', ...flags, '--name', 'shown', '-o', 'yaml']);
    const read = await execa('kubectl', ['get', '-f', '-', '-o', 'name'], { input: yaml.stdout });
    assert.match(read.stdout, /^job\.batch\/shown-node1-\w+$/);
    const wide = await retinaOk(['capture', 'create', ...flags, '--name', 'wide', '-o', 'wide']);
    assert.match(wide.stdout, /^NODE +JOB +TARBALL +PODS +FILTER\nnode1 +job\/wide-\S+ +\S+\.tar\.gz +– +udp$/);
  });

  test('the manifest that a command line amounts to makes the same capture', async () => {
    const flags = [
      '-n',
      NS,
      '--name',
      'same',
      '--node-selectors',
      'kubernetes.io/os in (linux)',
      '--pcap-filter',
      'udp',
    ];
    const direct = await retinaOk(['capture', 'create', ...flags, '--dry-run=client', '-o', 'json']);
    const written = await retinaOk(['capture', 'create', ...flags, '--dry-run=client', '-o', 'capture']);
    const read = await fromStdin(written.stdout, '--dry-run=client', '-o', 'json');
    const plain = (text: string): string => text.replace(/\d{14}UTC|"retina.sh\/run": "\w+"/g, '');
    assert.equal(plain(read.stdout), plain(direct.stdout));
  });
});
