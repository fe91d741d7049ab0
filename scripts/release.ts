// Makes all that a release page needs, in dist/release: an archive for each platform with the binary, its papers and
// licences, checksums, Krew's manifest. Each binary is checked as far as this machine can; a table tells how.
//
// usage: node scripts/release.ts
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Chalk } from 'chalk';
import type { Cell } from '../src/deps.ts';
import { createTable } from '../src/ui/table.ts';
import { type Target, targets } from './build/targets.ts';
import { type Archive, makeArchive } from './release/archive.ts';
import { checkBinary, howChecked } from './release/check.ts';
import { renderKrewManifest } from './release/krew.ts';

const root = resolve(import.meta.dirname, '..');
const folder = join(root, 'dist/release');
const { version, homepage } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
/** A megabyte is a million bytes. */
const LIMIT_MB = 45;

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
    checkBinary(join(root, target.output), target, version);
    archive = await makeArchive(root, target, folder, version);
    if (archive.bytes > LIMIT_MB * 1e6) problem = `over ${LIMIT_MB} MB`;
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

function renderOutcomes(outcomes: readonly Outcome[]): string {
  const rows = outcomes.map(({ target, archive, problem, seconds }): Cell[] => [
    target.name,
    target.nodeVersion,
    archive?.file ?? '-',
    archive ? (archive.bytes / 1e6).toFixed(1) : '-',
    howChecked(target),
    problem ? { text: problem, tone: 'bad' } : 'ok',
    seconds.toFixed(0),
  ]);
  const table = createTable(new Chalk(), { room: Number.POSITIVE_INFINITY, yielding: [] });
  return table([['PLATFORM', 'NODE', 'ARCHIVE', 'MB', 'CHECK', 'OUTCOME', 'SECONDS'], ...rows]);
}

async function main(): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const start = performance.now();
  const outcomes: Outcome[] = [];
  // One after the other: each takes all the machine has.
  for (const target of targets) outcomes.push(await release(target));
  const archives = outcomes.flatMap(({ archive, problem }) => (archive && !problem ? [archive] : []));
  const failed = outcomes.length - archives.length;
  if (!failed) writeIndexes(archives);
  say(`\n${renderOutcomes(outcomes)}`);
  say(`version ${version}: ${Math.round((performance.now() - start) / 1000)} s; ${failed || 'none'} failed`);
  if (!failed) say('dist/release: the archives, checksums.txt, krew-manifest.yaml');
  process.exitCode = failed ? 1 : 0;
}

await main();
