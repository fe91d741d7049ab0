import assert from 'node:assert/strict';
import { createReadStream, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { execa } from 'execa';
import { type Ran, retina } from './support/cli.ts';
import { kubectl, type NodeName, namespace, SCRIPTS } from './support/cluster.ts';
import { forget } from './support/leavings.ts';
import { startRegistry } from './support/registry.ts';
import { LOGIN } from './support/registry-settings.ts';
import { waitBeside } from './support/seen.ts';

const NS = 'e2e-image-archive';
const PORT = 17097;
const ON1 = ['--node-names', 'node1', '--duration', '1s', '--timeout', '60s'];
const root = resolve(import.meta.dirname, '../..');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const onNode = (node: NodeName, ...args: readonly string[]) => ['exec', node, 'ctr', '-n', 'k8s.io', 'images', ...args];

/** For the nodes' processor alone: the one for both is made and tried with the release. */
const makeArchive = (folder: string) => execa(join(root, 'scripts/image-archive'), [folder, 'amd64']);

/** The image as a file, on its way to nodes that have no internet. */
describe('make image-archive', () => {
  const work = mkdtempSync(join(tmpdir(), 'retina-e2e-'));
  let archive: string;
  let registry: Awaited<ReturnType<typeof startRegistry>>;
  let clean: () => Promise<void>;
  let digest = '';
  const imported = `registry.example/retina-capture:v${version}`;
  const names = ['by-login', 'no-login', 'no-tag', 'by-hand', 'digest-alone', 'digest-and-tag', 'digest-of-none'];

  before(async () => {
    await makeArchive(work);
    archive = join(work, readdirSync(work).find((name) => name.endsWith('.oci.tar')) ?? '');
    [registry, clean] = await Promise.all([startRegistry('node1', PORT), namespace(NS)]);
  });
  after(async () => {
    await retina(['capture', 'delete', '--all', '-n', NS]);
    await registry.end();
    await clean();
    for (const [node, image] of [
      ['node1', `${registry.host}/retina-capture:v${version}`],
      ['node2', imported],
    ] as const)
      await execa(join(SCRIPTS, 'node'), onNode(node, 'rm', image), { reject: false });
    rmSync(work, { recursive: true });
    forget(...names);
  });

  function capture(name: string, node: NodeName, ...flags: readonly string[]): Promise<Ran> {
    const all = ['--name', name, '--node-names', node, '--duration', '1s', '--wait', '--timeout', '60s'];
    return retina(['capture', 'create', '-n', NS, ...all, ...flags]);
  }

  test('the file has the sum that lies beside it, the version as its tag, and is made the same twice', async () => {
    await execa('sha256sum', ['--check', '--strict', `${archive}.sha256`], { cwd: work });
    const { stdout } = await execa('skopeo', ['inspect', `oci-archive:${archive}:v${version}`]);
    assert.equal(JSON.parse(stdout).Architecture, 'amd64');
    const again = join(work, 'again');
    await makeArchive(again);
    await execa('cmp', [archive, join(again, archive.slice(work.length + 1))]);
  });

  test('a private registry imports it, and the kubelet pulls it with --image-pull-secret alone', async () => {
    digest = await registry.push(archive, `retina-capture:v${version}`);
    const image = ['--image', `${registry.host}/retina-capture:v${version}`];
    const refused = await waitBeside(NS, {
      name: 'no-login',
      flags: [...ON1, ...image],
      sign: { kind: 'pods', shows: /no-login-.*ErrImagePull/ },
      words: /the image can't be pulled: \S+: the registry refuses to hand it out/,
      hint: /Give a Secret to pull it with by --image-pull-secret/,
    });
    assert.equal(refused.code, 1, refused.stderr);
    assert.match(refused.stderr, /node1: can't start: the image can't be pulled/);
    const login = [`--docker-server=${registry.host}`, `--docker-username=${LOGIN.user}`];
    await kubectl(
      'create',
      'secret',
      'docker-registry',
      'regcred',
      '-n',
      NS,
      ...login,
      `--docker-password=${LOGIN.password}`,
    );
    const ran = await capture('by-login', 'node1', ...image, '--image-pull-secret', 'regcred');
    assert.equal(ran.code, 0, ran.stderr);
    // The download's pod may not find the image there: it has to pull it too.
    const pull = ['--image-pull-policy', 'Always', '--image-pull-secret', 'regcred'];
    const fetched = await retina(['capture', 'download', 'by-login', '-n', NS, '-o', work, ...image, ...pull]);
    assert.equal(fetched.code, 0, fetched.stderr);
  });

  test('a tag that the registry does not have: told as such, in time', async () => {
    const image = ['--image', `${registry.host}/retina-capture:nosuch`, '--image-pull-secret', 'regcred'];
    const ran = await waitBeside(NS, {
      name: 'no-tag',
      flags: [...ON1, ...image],
      sign: { kind: 'pods', shows: /no-tag-.*ErrImagePull/ },
      words: /the image can't be pulled: \S+:nosuch: not found/,
      hint: /Try --image with one that exists and that the nodes may pull/,
    });
    assert.equal(ran.code, 1, ran.stderr);
  });

  test('an image by its digest, with a tag or without: that one runs, whatever the tag is, and no other', async () => {
    assert.match(digest, /^sha256:[0-9a-f]{64}$/);
    const name = `${registry.host}/retina-capture`;
    const pull = ['--image-pull-secret', 'regcred', '--image-pull-policy', 'Always'];
    for (const [as, image] of [
      ['digest-alone', `${name}@${digest}`],
      ['digest-and-tag', `${name}:moved@${digest}`],
    ] as const) {
      const ran = await capture(as, 'node1', '--image', image, ...pull);
      assert.equal(ran.code, 0, ran.stderr);
      const pod = ['get', 'pods', '-n', NS, '-l', `capture-name=${as}`, '-o'];
      assert.equal(await kubectl(...pod, 'jsonpath={.items[0].spec.containers[0].image}'), image);
    }
    const none = `${name}:v${version}@sha256:${'0'.repeat(64)}`;
    const refused = await capture('digest-of-none', 'node1', '--image', none, ...pull);
    assert.equal(refused.code, 1, refused.stderr);
    assert.match(refused.stderr, /the image can't be pulled/);
  });

  test('ctr puts it into a node without any registry', async () => {
    // Not node1: what a kubelet has pulled with a Secret, it gives to no pod without.
    const load = onNode('node2', 'import', '--base-name', 'registry.example/retina-capture', '-');
    await execa(join(SCRIPTS, 'node'), load, { input: createReadStream(archive) });
    const ran = await capture('by-hand', 'node2', '--image', imported, '--image-pull-policy', 'Never');
    assert.equal(ran.code, 0, ran.stderr);
  });
});
