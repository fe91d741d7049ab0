import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { targets } from '../../scripts/build/targets.ts';
import { type Package, pcapFilter, productionPackages } from '../../scripts/release/packages.ts';
import { renderNotices, renderSbom } from '../../scripts/release/papers.ts';
import { readText, root, runTool } from './project.ts';

// What is in the binary besides our own code: under which licences, from where, with which known faults.

/** SPDX expressions that a binary under MIT may contain; a new one is for a person to read. */
const ALLOWED = new Set([
  ...['0BSD', 'Apache-2.0', 'BlueOak-1.0.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT', 'PSF-2.0', 'Unlicense'],
]);

const packages = productionPackages(root);

function licenceProblems(all: readonly Pick<Package, 'name' | 'version' | 'license'>[]): string[] {
  return all.flatMap(({ name, version, license }) => (ALLOWED.has(license) ? [] : [`${name} ${version}: ${license}`]));
}

test('the licence of every package in the binary is one that we allow', () => {
  assert.ok(packages.length > 100, String(packages.length));
  assert.deepEqual(licenceProblems(packages), []);
  for (const license of ['GPL-3.0-only', 'NOASSERTION', 'MIT OR GPL-2.0', 'SEE LICENSE IN X', ''])
    assert.equal(licenceProblems([{ name: 'x', version: '1.0.0', license }]).length, 1);
});

test('the lockfile tells the licence and version that each package itself does', () => {
  for (const { folder, name, version, license } of packages) {
    const own = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
    assert.deepEqual([own.name, own.version], [name, version], folder);
    if (typeof own.license === 'string') assert.equal(own.license, license, folder);
  }
});

test('each entry of both lockfiles is pinned by SHA-512', () => {
  const locks = ['package-lock.json', 'scripts/build/platforms/package-lock.json'];
  for (const lock of locks) {
    const entries = Object.entries<{ integrity?: string }>(JSON.parse(readText(lock) ?? '').packages);
    const packages = entries.filter(([folder]) => folder !== '');
    assert.ok(packages.length >= 5, `${lock}: ${packages.length}`);
    const loose = packages.filter(([, { integrity }]) => !/^sha512-[\w+/]{86}==$/.test(integrity ?? ''));
    assert.deepEqual(loose, [], lock);
  }
});

test('the libpcap in the binary is the one whose source is pinned', () => {
  const { version, sha256, notice } = pcapFilter(root);
  assert.match(readText('scripts/pcap-filter/build') ?? '', new RegExp(`^version=${RegExp.escape(version)}$`, 'm'));
  assert.match(sha256, /^[0-9a-f]{64}$/);
  assert.match(notice, /^License: BSD/);
});

test('our own dependencies are exact versions', () => {
  const { dependencies, devDependencies, optionalDependencies } = JSON.parse(readText('package.json') ?? '');
  const all = Object.entries<string>({ ...dependencies, ...devDependencies, ...optionalDependencies });
  assert.deepEqual(
    all.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version)),
    [],
  );
});

test('the notices hold the licence of libpcap', () => {
  // This machine's: the other platforms' Node, whose licence is among them too, is here for a release alone.
  const here = targets.find(({ node, hostNode }) => node === hostNode) ?? assert.fail();
  const licence = readText('src/bpf/pcap-filter.LICENSE.txt')?.trim() ?? assert.fail();
  assert.ok(renderNotices(root, here).includes(licence));
});

for (const target of targets) {
  test(`${target.name}: the bill of materials names each package, its archive's SHA-512 and its licence`, () => {
    const text = renderSbom(root, target);
    assert.equal(renderSbom(root, target), text);
    const { bomFormat, specVersion, components } = JSON.parse(text);
    assert.deepEqual([bomFormat, specVersion], ['CycloneDX', '1.5']);
    const [platform, libpcap, ...libraries] = components;
    assert.deepEqual([libpcap.name, libpcap.version], ['libpcap', pcapFilter(root).version]);
    assert.deepEqual(libpcap.hashes, [{ alg: 'SHA-256', content: pcapFilter(root).sha256 }]);
    assert.deepEqual([platform.type, platform.version], ['platform', target.nodeVersion]);
    const named = libraries.map(({ name, version }: Package) => `${name}@${version}`);
    assert.deepEqual(new Set(named), new Set(packages.map(({ name, version }) => `${name}@${version}`)));
    assert.equal(new Set(components.map((one: { 'bom-ref': string }) => one['bom-ref'])).size, components.length);
    assert.ok(ALLOWED.has(libpcap.licenses[0].expression));
    for (const { type, purl, hashes, licenses } of [platform, ...libraries]) {
      assert.match(purl, /^pkg:npm\/(%40[\w.-]+\/)?[\w.-]+@\d+\.\d+\.\d+[\w.-]*$/);
      assert.match(hashes[0].content, /^[0-9a-f]{128}$/);
      if (type === 'library') assert.ok(ALLOWED.has(licenses[0].expression), purl);
    }
  });
}

type Audit = { vulnerabilities?: Record<string, { severity: string; nodes: readonly string[] }> };

/** Packages of the binary that an audit warns of. */
function faults({ vulnerabilities = {} }: Audit): string[] {
  const ours = new Set(packages.map(({ folder }) => folder));
  return Object.entries(vulnerabilities)
    .filter(([, { nodes }]) => nodes.some((folder) => ours.has(folder)))
    .map(([name, { severity }]) => `${name}: ${severity}`);
}

test('npm audit: no known fault in what is in the binary', (t) => {
  const { output } = runTool('npm', ['audit', '--json', '--fetch-retries=0', '--fetch-timeout=20000']);
  const from = output.indexOf('{');
  const audit = JSON.parse(from === -1 ? '{}' : output.slice(from, output.lastIndexOf('}') + 1)) as Audit;
  const [first] = packages;
  assert.deepEqual(faults({ vulnerabilities: { x: { severity: 'low', nodes: [first?.folder ?? ''] } } }), ['x: low']);
  if (audit.vulnerabilities === undefined) {
    assert.notEqual(process.env.NPM_AUDIT, 'required', `the registry does not answer: ${output.slice(0, 500)}`);
    return t.skip('not asked: the registry here answers no audits');
  }
  assert.deepEqual(faults(audit), []);
});
