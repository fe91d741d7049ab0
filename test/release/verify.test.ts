import assert from 'node:assert/strict';
import {
  appendFileSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { execa } from 'execa';
import { verifyRelease } from '../../scripts/release/verify.ts';
import { imageArchive } from '../../scripts/release/verify-image.ts';
import { folder, root } from './release.ts';

const work = mkdtempSync(join(tmpdir(), 'verify-'));
after(() => rmSync(work, { recursive: true }));
const { version, homepage } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** Runs `make verify-release`, on another folder. */
function verify(where: string, tag = '') {
  const script = join(root, 'scripts/verify-release.ts');
  return execa(process.execPath, [script, where], { env: { RELEASE_TAG: tag }, reject: false });
}

test('a release that was just made may go out', async () => {
  const { exitCode, stdout, stderr } = await verify(folder);
  assert.equal(exitCode, 0, stderr);
  assert.match(stdout, new RegExp(`version ${RegExp.escape(version)}, 10 files`));
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
  const image = imageArchive(version);
  writeFileSync(join(broken, image), 'no image');
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
    `${image} is no OCI archive of an image for several platforms`,
    'notes.txt belongs to no release',
    'krew-manifest.yaml is not that of these archives',
    `the tag is v99.0.0, package.json has ${version}`,
  ];
  for (const problem of expected) assert.ok(stderr.includes(`✖ ${problem}`), `${problem}\n\n${stderr}`);
});

test("an image with another program than the release's, or of one platform, may not go out", async () => {
  const poor = join(work, 'poor');
  cpSync(folder, poor, { recursive: true });
  await execa(join(root, 'scripts/image-archive'), [poor, 'amd64']);
  const papers = mkdtempSync(join(work, 'papers-'));
  const amd64 = readdirSync(poor).find((name) => name.includes('_linux_amd64.')) ?? assert.fail();
  await execa('tar', ['-xzf', join(poor, amd64), '-C', papers]);
  appendFileSync(join(papers, 'kubectl-retina'), 'x');
  await execa('tar', ['-czf', join(poor, amd64), '-C', papers, ...readdirSync(papers)]);
  const { exitCode, stderr } = await verify(poor);
  assert.equal(exitCode, 1);
  const image = imageArchive(version);
  for (const problem of ['it is for linux/amd64', 'the program for linux/amd64 is not that of the release'])
    assert.ok(stderr.includes(`✖ ${image}: ${problem}\n`), stderr);
});

test('what goes out for a tag has the image', async () => {
  const poor = join(work, 'without');
  cpSync(folder, poor, { recursive: true });
  const image = imageArchive(version);
  for (const file of [image, `${image}.sha256`]) rmSync(join(poor, file));
  const { stderr } = await verify(poor, `v${version}`);
  assert.ok(stderr.includes(`✖ there is no ${image}\n`), stderr);
});

test('nothing at all is told as such', async () => {
  const { exitCode, stderr } = await verify(join(work, 'nothing'));
  assert.equal(exitCode, 1);
  assert.match(stderr, /there is no \S+nothing: make release/);
});

test('an archive over 45 MB may not go out, nor a program of another form than its platform wants', async () => {
  const wrong = join(work, 'wrong');
  cpSync(folder, wrong, { recursive: true });
  const archive = (platform: string) =>
    readdirSync(wrong).find((name) => name.includes(`_${platform}.`)) ?? assert.fail(platform);
  const [large, mac, windows] = [archive('linux_arm64'), archive('darwin_arm64'), archive('windows_amd64')];
  truncateSync(join(wrong, large), 45e6 + 1);
  const files = mkdtempSync(join(work, 'files-'));
  await execa('tar', ['-xzf', join(wrong, mac), '-C', files]);
  copyFileSync(join(root, 'dist/kubectl-retina'), join(files, 'kubectl-retina'));
  await execa('tar', ['-czf', join(wrong, mac), '-C', files, ...readdirSync(files)]);
  copyFileSync(join(root, 'dist/kubectl-retina-win-arm64.exe'), join(files, 'kubectl-retina.exe'));
  await execa('zip', ['-q', join(wrong, windows), 'kubectl-retina.exe'], { cwd: files });
  const { exitCode, stderr } = await verify(wrong);
  assert.equal(exitCode, 1);
  const expected = [
    `${large} is over 45 MB`,
    `${mac}: the program: not a 64-bit Mach-O file`,
    `${windows}: the program: not for x64`,
  ];
  for (const problem of expected) assert.ok(stderr.includes(`✖ ${problem}\n`), `${problem}\n\n${stderr}`);
});

/** A project that has only a changelog, and a release of nothing. */
function projectWith(changelog: string): { project: string; nothing: string } {
  const project = mkdtempSync(join(work, 'project-'));
  const nothing = join(project, 'dist/release');
  mkdirSync(nothing, { recursive: true });
  mkdirSync(join(project, 'scripts'));
  copyFileSync(join(root, 'scripts/release-notes'), join(project, 'scripts/release-notes'));
  writeFileSync(join(project, 'CHANGELOG.md'), changelog);
  return { project, nothing };
}

const older = '\n\n## 0.0.1\n\n- An older change.\n';

for (const [what, section, problem] of [
  ['tells of another version', '## 99.0.0\n\n- A change.', `is 99.0.0, package.json has ${version}`],
  ['is empty', `## ${version}`, 'the newest section of the changelog tells of no change'],
  ['is not final', `## ${version} (unreleased)\n\n- A change.`, 'the changelog says that this version is unreleased'],
] as const) {
  test(`a release whose section of the changelog ${what} may not go out`, () => {
    const { project, nothing } = projectWith(`# Changelog\n\n${section}${older}`);
    const found = verifyRelease(nothing, { root: project, version, homepage, tag: `v${version}` });
    const ofChangelog = found.filter((one) => one.includes('changelog'));
    assert.equal(ofChangelog.length, 1, found.join('\n'));
    assert.ok(ofChangelog[0]?.includes(problem), found.join('\n'));
  });
}

test('the release notes are the newest section of the changelog, without its heading', async () => {
  const { project } = projectWith(
    `# Changelog\n\nHow it is written.\n\n## ${version}\n\n- A change.\n- Another.${older}`,
  );
  await execa(join(project, 'scripts/release-notes'));
  assert.equal(readFileSync(join(project, 'dist/release-notes.md'), 'utf8').trim(), '- A change.\n- Another.');
  const empty = projectWith(`# Changelog\n\n## ${version}${older}`);
  const refused = await execa(join(empty.project, 'scripts/release-notes'), { reject: false });
  assert.equal(refused.exitCode, 1);
  assert.match(refused.stderr, /^error: the changelog's newest section is empty/);
});
