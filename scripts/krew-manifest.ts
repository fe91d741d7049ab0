// Writes krew-manifest.yaml: what Krew's manifest of this version will be, but for the sums of archives that are yet to be
// made. `make release` writes the same with the sums, in dist/release.
//
// usage: node scripts/krew-manifest.ts [--check]      --check: only tells whether it is up to date
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { targets } from './build/targets.ts';
import { noSum, renderKrewManifest } from './release/krew.ts';
import { listArchive } from './release/list.ts';

const root = resolve(import.meta.dirname, '..');
const file = join(root, 'krew-manifest.yaml');
const { version, homepage } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

const comment = `# Krew's manifest of the version in package.json, made by \`make krew-manifest\`. The sums are zeros until a release is made:
# install from the one that \`make release\` writes into dist/release, and that each release page has.
`;
const archives = targets.map((target) => ({ ...listArchive(target, version), sha256: noSum }));
const text = comment + renderKrewManifest(archives, { version, homepage });
if (process.argv.includes('--check')) {
  if (readFileSync(file, 'utf8') !== text) throw new Error('krew-manifest.yaml is out of date: make krew-manifest');
} else {
  writeFileSync(file, text);
}
