// Builds the binary: Node with the program's code, and V8's compiled form of it, inside. Skips what is up to date.
//
// usage: node scripts/build.ts [TARGET...]      (default: this machine's; see build/targets.ts)
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  globSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { packBinary, tryBinary, warmCaches } from './build/binary.ts';
import { bundle } from './build/bundle.ts';
import { stripNode } from './build/strip.ts';
import { type Target, targets } from './build/targets.ts';
import { listArchive } from './release/list.ts';
import { writePapers } from './release/papers.ts';

const root = resolve(import.meta.dirname, '..');
const scripts = join(import.meta.dirname, 'build');

/** What kubectl runs to complete `kubectl retina`; it belongs beside the binary. */
const COMPLETER = 'bin/kubectl_complete-retina';

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** A hash of everything that the binary is made of. */
function hashInputs(target: Target): string {
  const hash = createHash('sha256').update(JSON.stringify(target));
  const patterns = ['src/**/*', 'package.json', 'package-lock.json', 'scripts/build.ts', 'scripts/build/**/*'];
  const files = globSync(patterns, { cwd: root }).filter((file) => statSync(join(root, file)).isFile());
  for (const file of files.sort()) hash.update(`\0${file}\0`).update(readFileSync(join(root, file)));
  return hash.digest('hex');
}

/** Runs one part of the build and says how long it took. */
async function timed<T>(what: string, action: () => Promise<T> | T, result: (value: T) => string): Promise<T> {
  const start = performance.now();
  const value = await action();
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  say(`  ${what.padEnd(12)} ${seconds.padStart(5)} s   ${result(value)}`);
  return value;
}

/** Writes what the Dockerfile puts beside the program. */
function writeImagePapers(target: Target): void {
  const { os, arch } = listArchive(target, '');
  if (os === 'linux') writePapers(root, target, join(root, `dist/papers-${os}-${arch}`));
}

/** Gives the binary its second name, as a link: it is large. */
function linkAlias({ output, alias }: Target): void {
  if (alias === undefined) return;
  rmSync(join(root, alias), { force: true });
  linkSync(join(root, output), join(root, alias));
}

async function build(target: Target): Promise<void> {
  const output = join(root, target.output);
  mkdirSync(dirname(output), { recursive: true });
  copyFileSync(join(root, COMPLETER), join(dirname(output), basename(COMPLETER)));
  writeImagePapers(target);
  const sumFile = `${output}.sum`;
  const sum = hashInputs(target);
  if (existsSync(output) && existsSync(sumFile) && readFileSync(sumFile, 'utf8') === sum) {
    say(`${target.output} is up to date (${megabytes(output)})`);
    linkAlias(target);
    return;
  }
  say(`building ${target.output} (${target.name}, Node ${target.nodeVersion})`);
  rmSync(sumFile, { force: true });
  const work = mkdtempSync(`${output}-build-`);
  try {
    await buildIn(work, target, output);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  linkAlias(target);
  writeFileSync(sumFile, sum);
}

async function buildIn(work: string, target: Target, output: string): Promise<void> {
  const chunks = join(work, 'chunks');
  mkdirSync(chunks);
  await timed(
    'bundle',
    () => writeChunks(chunks),
    (sizes) => `${sizes.length} chunks, ${inMegabytes(sum(sizes))}`,
  );
  const source = resolve(root, target.node);
  const node = await timed(
    'strip Node',
    () => stripNode(source, target, work),
    (file) => megabytes(file),
  );
  const warm = () => warmCaches(node, target, chunks, scripts);
  await timed('warm up', warm, (count) => `${count} code caches`);
  const pack = () =>
    packBinary(node, target, { work, chunks, scripts, output, hostNode: resolve(root, target.hostNode) });
  await timed('pack', pack, () => megabytes(output));
  if (target.runner)
    await timed(
      'try',
      () => tryBinary(output, target),
      (text) => text.split('\n')[0] ?? '',
    );
}

async function writeChunks(directory: string): Promise<number[]> {
  const chunks = await bundle(root);
  for (const [name, code] of chunks) writeFileSync(join(directory, name), code);
  return [...chunks.values()].map((code) => code.length);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function megabytes(file: string): string {
  return inMegabytes(statSync(file).size);
}

function inMegabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

async function main(names: readonly string[]): Promise<void> {
  const wanted = names.length ? names : [`${process.platform}-${process.arch}`];
  for (const name of wanted) {
    const target = targets.find((candidate) => candidate.name === name);
    if (!target) throw new Error(`no target ${name}; there are ${targets.map((one) => one.name).join(', ')}`);
    await build(target);
  }
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
