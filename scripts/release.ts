// Makes all that a release page needs, in dist/release: an archive for each platform with the binary, its papers and
// licences, checksums, Krew's manifest, the archive of the capture image; and its text, dist/release-notes.md. Each binary is
// checked as far as this machine can; a table tells how.
//
// usage: node scripts/release.ts [--without-image]
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Chalk } from 'chalk';
import type { Cell } from '../src/deps.ts';
import { createTable } from '../src/ui/table.ts';
import { type Target, targets } from './build/targets.ts';
import { type Archive, makeArchive } from './release/archive.ts';
import { checkBinary, howChecked } from './release/check.ts';
import { makeImageArchive } from './release/image.ts';
import { renderKrewManifest } from './release/krew.ts';
import { LARGEST_ARCHIVE } from './release/verify.ts';
import { imageArchive, imagePlatforms, LARGEST_IMAGE } from './release/verify-image.ts';

const root = resolve(import.meta.dirname, '..');
const folder = join(root, 'dist/release');
const { version, homepage } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** What became of a platform. */
interface Outcome {
  readonly target: Target;
  readonly archive: Archive | undefined;
  readonly problem: string | undefined;
  readonly seconds: number;
}

async function release(target: Target): Promise<Outcome> {
  const start = performance.now();
  let archive: Archive | undefined;
  let problem: string | undefined;
  try {
    execFileSync(process.execPath, ['scripts/build.ts', target.name], { cwd: root, stdio: 'inherit' });
    await checkBinary(join(root, target.output), target, version);
    archive = await makeArchive(root, target, folder, version);
    if (archive.bytes > LARGEST_ARCHIVE) problem = `over ${LARGEST_ARCHIVE / 1e6} MB`;
  } catch (error) {
    problem = error instanceof Error ? error.message : String(error);
  }
  return { target, archive, problem, seconds: (performance.now() - start) / 1000 };
}

function writeIndexes(archives: readonly Archive[]): void {
  writeFileSync(join(folder, 'krew-manifest.yaml'), renderKrewManifest(archives, { version, homepage }));
  const sums = archives.map(({ sha256, file }) => `${sha256}  ${file}\n`);
  writeFileSync(join(folder, 'checksums.txt'), sums.join(''));
}

/** Makes the image's archive; a row of the table for each of its platforms. */
function releaseImage(): { rows: Cell[][]; failed: number } {
  const start = performance.now();
  let sizes: ReadonlyMap<string, number> = new Map();
  let problem: string | undefined;
  try {
    sizes = makeImageArchive(root, version);
  } catch (error) {
    problem = error instanceof Error ? error.message : String(error);
  }
  const seconds = ((performance.now() - start) / 1000).toFixed(0); // of both: they share the work
  const rows = imagePlatforms.map((platform): Cell[] => {
    const bytes = sizes.get(platform);
    const wrong = bytes !== undefined && bytes > LARGEST_IMAGE ? `over ${LARGEST_IMAGE / 1e6} MB` : problem;
    const size = bytes === undefined ? '-' : (bytes / 1e6).toFixed(1);
    const outcome: Cell = wrong ? { text: wrong, tone: 'bad' } : 'ok';
    return [`image ${platform}`, '-', imageArchive(version), size, 'built from the Dockerfile', outcome, seconds];
  });
  return { rows, failed: rows.filter((row) => row[5] !== 'ok').length };
}

function renderTable(rows: readonly Cell[][]): string {
  const table = createTable(new Chalk(), { room: Number.POSITIVE_INFINITY, yielding: [] });
  return table([['PLATFORM', 'NODE', 'ARCHIVE', 'MB', 'CHECK', 'OUTCOME', 'SECONDS'], ...rows]);
}

function toRow({ target, archive, problem, seconds }: Outcome): Cell[] {
  return [
    target.name,
    target.nodeVersion,
    archive?.file ?? '-',
    archive ? (archive.bytes / 1e6).toFixed(1) : '-',
    howChecked(target),
    problem ? { text: problem, tone: 'bad' } : 'ok',
    seconds.toFixed(0),
  ];
}

async function main(withImage: boolean): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const start = performance.now();
  const outcomes: Outcome[] = [];
  // One after the other: each takes all the machine has.
  for (const target of targets) outcomes.push(await release(target));
  const archives = outcomes.flatMap(({ archive, problem }) => (archive && !problem ? [archive] : []));
  if (archives.length === outcomes.length) writeIndexes(archives);
  const image = withImage ? releaseImage() : { rows: [], failed: 0 };
  execFileSync(join(root, 'scripts/release-notes'), { stdio: 'inherit' });
  const failed = outcomes.length - archives.length + image.failed;
  say(`\n${renderTable([...outcomes.map(toRow), ...image.rows])}`);
  say(`version ${version}: ${Math.round((performance.now() - start) / 1000)} s; ${failed || 'none'} failed`);
  if (!failed) say('dist/release: the archives, checksums.txt, krew-manifest.yaml; dist/release-notes.md');
  process.exitCode = failed ? 1 : 0;
}

await main(!process.argv.includes('--without-image'));
