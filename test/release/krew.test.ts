import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { filesBelow, makeIndex, makeUser, serve, serveRelease } from './krew.ts';
import { archiveOf, folder, readManifest, root } from './release.ts';

// The release, installed by Krew itself.

const work = mkdtempSync(join(tmpdir(), 'krew-'));
after(() => rmSync(work, { recursive: true }));
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const { platforms } = readManifest().spec;
const manifest = join(folder, 'krew-manifest.yaml');

/** What Krew has told that it did, without what it always tells. */
function told(all: string): string {
  return all
    .split('\n')
    .filter((line) => /plugin: |->/.test(line))
    .map((line) => line.trim())
    .join('; ');
}

test("Krew's own validator accepts the manifest, and installs all six platforms", async (t) => {
  const user = makeUser(join(work, 'validator'));
  const file = join(work, 'retina.yaml'); // the validator wants the plugin's name
  writeFileSync(file, await serveRelease(t));
  const { all } = await user.run('validate-krew-manifest', '-manifest', file);
  for (const line of all.split('\n')) t.diagnostic(line);
  assert.match(all, /all 6 spec\.platforms installed fine/);
});

for (const platform of platforms) {
  const { os, arch } = platform.selector.matchLabels;
  test(`${os}/${arch}: Krew installs it from its archive, and removes all of it`, async (t) => {
    const user = makeUser(join(work, `${os}-${arch}`), { KREW_OS: os, KREW_ARCH: arch });
    await user.run(
      'kubectl',
      'krew',
      'index',
      'add',
      'default',
      await makeIndex(join(work, `index-${os}-${arch}`), {}),
    );
    const before = filesBelow(user.krewRoot);
    const archive = join(folder, archiveOf(platform));
    const { all } = await user.run('kubectl', 'krew', 'install', '--manifest', manifest, '--archive', archive);
    t.diagnostic(told(all));
    const installed = join(user.krewRoot, 'store/retina', `v${version}`);
    assert.deepEqual(readdirSync(installed).sort(), platform.files.map(({ from }) => from).sort());
    assert.ok(existsSync(join(user.krewRoot, 'bin', platform.bin)));
    await user.run('kubectl', 'krew', 'uninstall', 'retina');
    assert.deepEqual(filesBelow(user.krewRoot), before);
  });
}

test('linux/amd64: from an index: installed, upgraded, run through kubectl, completed, uninstalled; nothing stays', async (t) => {
  const user = makeUser(join(work, 'user'));
  const release = await serveRelease(t);
  const index = await makeIndex(join(work, 'index'), {
    retina: release.replace(`version: v${version}`, 'version: v0.0.1'),
  });
  await user.run('kubectl', 'krew', 'index', 'add', 'default', index);
  const before = filesBelow(join(work, 'user'));
  const krew = async (...args: readonly string[]) => {
    const { all } = await user.run('kubectl', 'krew', ...args);
    t.diagnostic(`krew ${args.join(' ')}: ${told(all)}`);
    return all;
  };
  await krew('install', 'retina');
  const store = join(user.krewRoot, 'store/retina');
  assert.deepEqual(readdirSync(store), ['v0.0.1']);
  // As the manifest's caveats have it: once, before any upgrade. Krew links the program alone.
  const completer = join(user.own, 'kubectl_complete-retina');
  const typed = `kubectl retina completion kubectl > ${completer}`;
  const caveats = release.replaceAll('~/.local/bin', user.own);
  for (const line of [typed, `chmod +x ${completer}`]) {
    assert.ok(caveats.includes(`\n      ${line}\n`), `not in the caveats: ${line}`);
    await user.run('sh', '-c', line);
  }
  await makeIndex(index, { retina: release });
  await krew('upgrade', 'retina');
  assert.deepEqual(readdirSync(store), [`v${version}`]);

  const cluster = await serve(t, (request, response) => {
    const kind = request.url?.includes('/jobs') ? 'JobList' : 'PodList';
    const body = { kind, apiVersion: kind === 'JobList' ? 'batch/v1' : 'v1', metadata: {}, items: [] };
    response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
  });
  const kubeconfig = join(work, 'kubeconfig');
  writeFileSync(kubeconfig, renderKubeconfig(cluster));
  const list = await user.run('kubectl', 'retina', 'capture', 'list', '-n', 'shop', '--kubeconfig', kubeconfig);
  assert.match(list.all, /no captures/i);
  const versions = await user.run('kubectl', 'retina', 'version', '--client');
  assert.ok(versions.stdout.includes(`v${version}`), versions.stdout);

  const completed = await user.run('kubectl', '__complete', 'retina', 'capture', 'cre');
  assert.match(completed.stdout, /^create\b/m);

  await krew('uninstall', 'retina');
  // What the user has made is the user's: it completes nothing any more, and harms nothing.
  const afterwards = await user.run('kubectl', '__complete', 'retina', 'capture', 'cre');
  assert.doesNotMatch(afterwards.stdout, /^create\b/m);
  rmSync(completer);
  // What kubectl leaves in a home is kubectl's, and the index has grown by a commit.
  const theirs = /^(\.kube(\/|$)|krew\/index\/)/u;
  assert.deepEqual(
    filesBelow(join(work, 'user')).filter((file) => !theirs.test(file)),
    before.filter((file) => !theirs.test(file)),
  );
});

/** A kubeconfig of a cluster that answers on `server`, without TLS. */
function renderKubeconfig(server: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    clusters: [{ name: 'test', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'test', user: {} }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
  });
}

test('Krew refuses an archive that is not the one that the manifest names', async () => {
  const [first, second] = platforms;
  assert.ok(first && second);
  const { os, arch } = first.selector.matchLabels;
  const user = makeUser(join(work, 'wrong'), { KREW_OS: os, KREW_ARCH: arch });
  const archive = join(folder, archiveOf(second));
  const refused = user.run('kubectl', 'krew', 'install', '--manifest', manifest, '--archive', archive);
  await assert.rejects(refused, /checksum does not match/);
});
