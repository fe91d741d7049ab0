// Checks what dist/release holds, before it goes out or after it was fetched: sums, what is in the archives, one version
// everywhere, Krew's manifest. Ends with status 1 and a line for each problem.
//
// usage: node scripts/verify-release.ts [FOLDER]      (RELEASE_TAG: the tag that is being released)
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { verifyRelease } from './release/verify.ts';

const root = resolve(import.meta.dirname, '..');
const folder = resolve(process.argv[2] ?? join(root, 'dist/release'));
const { version, homepage } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const problems = verifyRelease(folder, { root, version, homepage, tag: process.env.RELEASE_TAG || undefined });
for (const problem of problems) process.stderr.write(`✖ ${problem}\n`);
if (problems.length === 0)
  process.stdout.write(`✔ ${folder}: version ${version}, ${readdirSync(folder).length} files\n`);
process.exitCode = problems.length > 0 ? 1 : 0;
