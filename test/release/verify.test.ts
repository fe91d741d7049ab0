import assert from 'node:assert/strict';
import { appendFileSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { execa } from 'execa';
import { folder, root } from './release.ts';

const work = mkdtempSync(join(tmpdir(), 'verify-'));
after(() => rmSync(work, { recursive: true }));
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** Runs `make verify-release`, on another folder. */
function verify(where: string, tag = '') {
  const script = join(root, 'scripts/verify-release.ts');
  return execa(process.execPath, [script, where], { env: { RELEASE_TAG: tag }, reject: false });
}

test('a release that was just made may go out', async () => {
  const { exitCode, stdout, stderr } = await verify(folder);
  assert.equal(exitCode, 0, stderr);
  assert.match(stdout, new RegExp(`version ${RegExp.escape(version)}, 8 files`));
});

test('one with faults may not, and each of them is named', async () => {
  const broken = join(work, 'broken');
  cpSync(folder, broken, { recursive: true });
  const archive = (platform: string) =>
    readdirSync(broken).find((name) => name.includes(`_${platform}.`)) ?? assert.fail(platform);
  const [changed, gone, poor] = [archive('darwin_amd64'), archive('windows_arm64'), archive('linux_arm64')];
  appendFileSync(join(broken, changed), 'x');
  rmSync(join(broken, gone));
  const papers = join(work, 'papers');
  await execa('mkdir', [papers]);
  await execa('tar', ['-xzf', join(broken, poor), '-C', papers]);
  await execa('tar', ['-czf', join(broken, poor), '-C', papers, 'kubectl-retina', 'LICENSE']);
  const image = `kubectl-retina-capture_v${version}_linux_amd64.oci.tar`;
  writeFileSync(join(broken, image), 'an image without its sum');
  writeFileSync(join(broken, 'notes.txt'), 'of no release');
  const { exitCode, stderr } = await verify(broken, 'v99.0.0');
  assert.equal(exitCode, 1);
  const wrongSum = 'its sum is not the one that is written';
  const expected = [
    `${changed}: ${wrongSum}`,
    `${changed} cannot be unpacked`,
    `there is no ${gone}`,
    `${poor}: ${wrongSum}`,
    `${poor} holds LICENSE, kubectl-retina`,
    `${image}: ${wrongSum}`,
    'notes.txt belongs to no release',
    'krew-manifest.yaml is not that of these archives',
    `the tag is v99.0.0, package.json has ${version}`,
  ];
  for (const problem of expected) assert.ok(stderr.includes(`✖ ${problem}`), `${problem}\n\n${stderr}`);
});

test('nothing at all is told as such', async () => {
  const { exitCode, stderr } = await verify(join(work, 'nothing'));
  assert.equal(exitCode, 1);
  assert.match(stderr, /there is no \S+nothing: make release/);
});
