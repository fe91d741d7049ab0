import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from 'js-yaml';
import { projectFiles, readText, runTool } from './project.ts';

const { version } = JSON.parse(readText('package.json') ?? '');

test('the newest section of the changelog is that of the version in package.json', () => {
  const newest = /^## (\S+)/mu.exec(readText('CHANGELOG.md') ?? '')?.[1];
  assert.equal(newest, version);
});

test('the lockfile has the version of package.json', () => {
  const lock = JSON.parse(readText('package-lock.json') ?? '');
  assert.deepEqual([lock.version, lock.packages[''].version], [version, version]);
});

test('no source has the version but package.json', () => {
  const sources = projectFiles().filter((file) => /^(src|scripts|bin)\/|^(Dockerfile|Makefile)$/u.test(file));
  assert.ok(sources.length > 0);
  const pattern = new RegExp(String.raw`(?<![\d.])${RegExp.escape(version)}(?![\d.])`, 'u');
  const naming = sources.filter((file) => !file.endsWith('package-lock.json') && pattern.test(readText(file) ?? ''));
  assert.deepEqual(naming, []);
});

test("Krew's manifest at the top is that of this version and of the six platforms", () => {
  const { ok, output } = runTool('node', ['scripts/krew-manifest.ts', '--check']);
  assert.ok(ok, output);
  const manifest = load(readText('krew-manifest.yaml') ?? '') as {
    spec: { version: string; platforms: { selector: { matchLabels: { os: string; arch: string } }; uri: string }[] };
  };
  assert.equal(manifest.spec.version, `v${version}`);
  const platforms = manifest.spec.platforms.map(
    ({
      selector: {
        matchLabels: { os, arch },
      },
    }) => `${os}/${arch}`,
  );
  const six = ['linux', 'darwin', 'windows'].flatMap((os) => [`${os}/amd64`, `${os}/arm64`]);
  assert.deepEqual(platforms.sort(), six.sort());
  for (const { uri } of manifest.spec.platforms)
    assert.ok(uri.includes(`/v${version}/kubectl-retina_v${version}_`), uri);
});

test('pages name the files and images of this version', () => {
  const pages = projectFiles().filter((file) => /^(README\.md|docs\/[^/]+\.md)$/u.test(file));
  const text = pages.map((page) => readText(page)).join('\n');
  const named = [...text.matchAll(/(?:kubectl-retina(?:-capture)?_v|retina-capture:v)(\d+\.\d+\.\d+)/gu)];
  assert.ok(named.length > 0);
  assert.deepEqual(new Set(named.map(([, each]) => each)), new Set([version]));
});
