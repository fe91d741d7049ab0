import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { targets } from '../../scripts/build/targets.ts';
import { checkBinary, howChecked } from '../../scripts/release/check.ts';
import { checkMachO } from '../../scripts/release/formats.ts';
import { pcapFilter } from '../../scripts/release/packages.ts';
import { imageArchive } from '../../scripts/release/verify-image.ts';
import { projectFiles } from '../lint/project.ts';
import { archiveOf, folder, readManifest, root, unpack } from './release.ts';

// What `make release` has made, as users get it.

const { version, dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const { version: libpcap } = pcapFilter(root);
/** Bytes of a binary in which V8 may have left other marks: see docs/adr/0022-binaries-for-six-platforms.md. */
const MARKS = 4;
const { platforms } = readManifest().spec;
// Below dist: Wine sees the project only.
const work = join(root, 'dist/release-test');
rmSync(work, { recursive: true, force: true });
mkdirSync(work);
after(() => rmSync(work, { recursive: true }));

function platformOf(name: string) {
  const [os = '', arch] = name.replace(/^win-/, 'windows-').replace('x64', 'amd64').split('-');
  const found = platforms.find(({ selector: { matchLabels } }) => matchLabels.os === os && matchLabels.arch === arch);
  assert.ok(found, `Krew's manifest has no ${name}`);
  return found;
}

test('the checksums are those of the archives, and no file is without', () => {
  execFileSync('sha256sum', ['--check', '--strict', 'checksums.txt'], { cwd: folder });
  const sums = readFileSync(join(folder, 'checksums.txt'), 'utf8').trim().split('\n');
  const named = sums.map((line) => line.split('  ')[1]);
  const image = imageArchive(version);
  assert.match(readFileSync(join(root, 'dist/release-notes.md'), 'utf8'), /^- /);
  const others = ['checksums.txt', 'krew-manifest.yaml', image, `${image}.sha256`];
  assert.deepEqual([...named, ...others].sort(), readdirSync(folder).sort());
  const inManifest = platforms.map((platform) => `${platform.sha256}  ${archiveOf(platform)}`);
  assert.deepEqual(inManifest.sort(), sums.sort());
});

for (const target of targets) {
  const { name } = target;
  test(`${name}: ${howChecked(target)}, from its archive of at most 45 MB`, async () => {
    const platform = platformOf(name);
    const archive = archiveOf(platform);
    assert.ok(archive.startsWith(`kubectl-retina_v${version}_`), archive);
    assert.ok(statSync(join(folder, archive)).size <= 45e6);
    const unpacked = unpack(archive, work);
    assert.deepEqual(readdirSync(unpacked).sort(), platform.files.map(({ from }) => from).sort());
    assert.equal(platform.bin, name.startsWith('win') ? 'kubectl-retina.exe' : 'kubectl-retina');
    await checkBinary(join(unpacked, platform.bin), target, version);
  });

  test(`${name}: the papers name what is in the binary`, () => {
    const unpacked = unpack(archiveOf(platformOf(name)), work);
    const read = (file: string) => readFileSync(join(unpacked, file), 'utf8');
    assert.equal(read('LICENSE'), readFileSync(join(root, 'LICENSE'), 'utf8'));
    const bom = JSON.parse(read('sbom.cdx.json'));
    assert.deepEqual([bom.bomFormat, bom.metadata.component.version], ['CycloneDX', version]);
    const components = new Set(
      bom.components.map((one: { name: string; version: string }) => `${one.name} ${one.version}`),
    );
    const notices = read('THIRD-PARTY-NOTICES.txt');
    for (const [dependency, wanted] of Object.entries(dependencies)) {
      assert.ok(components.has(`${dependency} ${wanted}`), `the bill of materials lacks ${dependency}`);
      assert.ok(notices.includes(`\n${dependency} ${wanted} (`), `the notices lack ${dependency}`);
    }
    assert.ok(components.has(`libpcap ${libpcap}`), 'the bill of materials lacks libpcap');
    assert.ok(notices.includes(`\nlibpcap ${libpcap} (`), 'the notices lack libpcap');
    assert.match(notices, new RegExp(`\nNode\\.js ${RegExp.escape(target.nodeVersion)}`));
    assert.equal(
      bom.components.filter((one: { type: string; version: string }) => one.type === 'platform')[0].version,
      target.nodeVersion,
    );
    assert.match(notices, /Apache License\s+Version 2\.0, January 2004/);
  });
}

test("a macOS signature is judged rightly: Node's own is good, a changed byte is not, another processor is not", () => {
  const target = targets.find(({ name }) => name === 'darwin-x64');
  assert.ok(target);
  checkMachO(readFileSync(target.node), 'x64'); // signed by Apple's tools
  const ours = readFileSync(join(root, target.output));
  assert.throws(() => checkMachO(ours, 'arm64'), /not for arm64/);
  for (const at of [0x2000, ours.length >> 1]) {
    const changed = Buffer.from(ours);
    changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
    assert.throws(() => checkMachO(changed, 'x64'), /does not fit 1 pages/);
  }
});

test('the same sources in another folder make the same archives, but for marks in code caches', () => {
  const again = join(work, 'again');
  for (const file of projectFiles()) {
    mkdirSync(dirname(join(again, file)), { recursive: true });
    cpSync(join(root, file), join(again, file));
  }
  execFileSync('cp', ['-al', join(root, 'node_modules'), join(again, 'node_modules')]);
  if (readdirSync(join(root, 'dist')).includes('kubectl_complete-retina')) {
    mkdirSync(join(again, 'dist'));
    cpSync(join(root, 'dist/kubectl_complete-retina'), join(again, 'dist/kubectl_complete-retina'));
  }
  execFileSync(process.execPath, ['scripts/release.ts', '--without-image'], { cwd: again, stdio: 'pipe' });
  const marked = targets.flatMap((target) => {
    const offsets = differences(target.output, again);
    return offsets.length === 0 ? [] : [{ target, offsets }];
  });
  for (const { target, offsets } of marked) {
    process.stdout.write(`${target.name}: differs at ${offsets.join(', ')}\n`);
    assert.ok(
      target.runner !== undefined && offsets.length <= MARKS,
      `${target.name} differs in ${offsets.length} bytes`,
    );
  }
  const archives = marked.map(({ target }) => archiveOf(platformOf(target.name)));
  const sums = (of: string): string[] =>
    readFileSync(join(of, 'checksums.txt'), 'utf8')
      .split('\n')
      .filter((line) => !archives.some((archive) => line.endsWith(`  ${archive}`)));
  assert.deepEqual(sums(join(again, 'dist/release')), sums(folder));
  const manifest = (of: string): string =>
    readFileSync(join(of, 'krew-manifest.yaml'), 'utf8').replaceAll(/sha256: \S+/g, 'sha256: …');
  assert.equal(manifest(join(again, 'dist/release')), manifest(folder));
});

/** The offsets at which two builds of a binary differ; what only the longer one has counts too. */
function differences(output: string, again: string): number[] {
  const [one, other] = [root, again].map((folder) => readFileSync(join(folder, output))) as [Buffer, Buffer];
  if (one.equals(other)) return [];
  const offsets: number[] = [];
  for (let at = 0; at < Math.max(one.length, other.length); at += 1) if (one[at] !== other[at]) offsets.push(at);
  return offsets;
}
