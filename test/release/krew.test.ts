import assert from 'node:assert/strict';
import {
  accessSync,
  constants,
  createReadStream,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, delimiter, join } from 'node:path';
import { after, test } from 'node:test';
import { execa } from 'execa';
import { archiveOf, folder, readManifest, root } from './release.ts';

// The release, installed by Krew itself. Nothing here fetches Krew, which not every machine can have: the tests are
// skipped unless `krew`, `validate-krew-manifest` and `kubectl` are in PATH.

function findProgram(name: string): string | undefined {
  const paths = (process.env.PATH ?? '').split(delimiter).map((directory) => join(directory, name));
  return paths.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

const programs = ['krew', 'validate-krew-manifest', 'kubectl'].map((name) => [name, findProgram(name)] as const);
const missing = programs.filter(([, path]) => !path).map(([name]) => name);
const skip = missing.length > 0 && `not in PATH: ${missing.join(', ')}`;
const work = mkdtempSync(join(tmpdir(), 'krew-'));
after(() => rmSync(work, { recursive: true }));

const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const { platforms } = readManifest().spec;
const bin = join(work, 'bin');
mkdirSync(bin);
for (const [name, path] of programs) if (path) symlinkSync(path, join(bin, name === 'krew' ? 'kubectl-krew' : name));

/** Runs kubectl with Krew as a plugin, and what Krew has installed below `krewRoot`. */
function kubectl(krewRoot: string, args: readonly string[], env: Record<string, string> = {}) {
  const PATH = [join(krewRoot, 'bin'), bin, '/usr/bin', '/bin'].join(delimiter);
  return execa('kubectl', args, { env: { PATH, HOME: work, KREW_ROOT: krewRoot, ...env }, extendEnv: false });
}

/** An index of plugins without any, for Krew takes no other command without one. */
async function emptyIndex(): Promise<string> {
  const index = join(work, 'index');
  if (existsSync(index)) return index;
  mkdirSync(join(index, 'plugins'), { recursive: true });
  writeFileSync(join(index, 'plugins/README'), '');
  const git = (...args: readonly string[]) =>
    execa('git', ['-c', 'user.name=test', '-c', 'user.email=test@localhost', ...args], { cwd: index });
  await git('init', '--quiet');
  await git('add', '.');
  await git('commit', '--quiet', '--message', 'An index without plugins');
  return index;
}

/** Serves the archives of the release on this machine until the test ends; returns the manifest that names them there. */
async function serveRelease(t: { after(action: () => void): void }): Promise<string> {
  const server = createServer((request, response) => {
    createReadStream(join(folder, basename(request.url ?? ''))).pipe(response);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const text = readFileSync(join(folder, 'krew-manifest.yaml'), 'utf8');
  const manifest = join(work, 'retina.yaml'); // the validator wants the plugin's name
  writeFileSync(manifest, text.replaceAll(/uri: \S+(?=\/)/g, `uri: ${url}`));
  return manifest;
}

test("Krew's own validator accepts the manifest, and installs all six platforms", { skip }, async (t) => {
  const manifest = await serveRelease(t);
  const env = { PATH: [bin, '/usr/bin', '/bin'].join(delimiter), HOME: work };
  const { all } = await execa('validate-krew-manifest', ['-manifest', manifest], {
    env,
    extendEnv: false,
    all: true,
    preferLocal: false,
  });
  t.diagnostic(all.split('\n').slice(-1).join(''));
  assert.match(all, /all 6 spec\.platforms installed fine/);
});

for (const platform of platforms) {
  const { os, arch } = platform.selector.matchLabels;
  test(`Krew installs ${os}/${arch} from its archive, and removes all of it`, { skip }, async () => {
    const krewRoot = join(work, `${os}-${arch}`);
    const env = { KREW_OS: os, KREW_ARCH: arch };
    const manifest = join(folder, 'krew-manifest.yaml');
    const archive = join(folder, archiveOf(platform));
    await kubectl(krewRoot, ['krew', 'index', 'add', 'default', await emptyIndex()], env);
    await kubectl(krewRoot, ['krew', 'install', '--manifest', manifest, '--archive', archive], env);
    const installed = join(krewRoot, 'store/retina', `v${version}`);
    for (const file of [platform.bin, 'LICENSE']) assert.ok(existsSync(join(installed, file)), file);
    assert.ok(existsSync(join(krewRoot, 'bin', platform.bin)));
    if (os === 'linux' && arch === 'amd64') {
      const { stdout } = await kubectl(krewRoot, ['retina', 'version', '--client']);
      assert.ok(stdout.includes(`v${version}`), stdout);
    }
    await kubectl(krewRoot, ['krew', 'uninstall', 'retina'], env);
    assert.deepEqual(globSync('**/*retina*', { cwd: krewRoot }), []);
  });
}

test('Krew refuses an archive that is not the one that the manifest names', { skip }, async () => {
  const [first, second] = platforms;
  assert.ok(first && second);
  const { os, arch } = first.selector.matchLabels;
  const args = ['--manifest', join(folder, 'krew-manifest.yaml'), '--archive', join(folder, archiveOf(second))];
  const refused = kubectl(join(work, 'wrong'), ['krew', 'install', ...args], { KREW_OS: os, KREW_ARCH: arch });
  await assert.rejects(refused, /checksum does not match/);
});
