// Runs suites of tests and ends with one line that counts them all: `N passed, N failed`.
//
// usage: node scripts/test.ts SUITE...      (the suites are in test/suites.ts; TEST_ONLY=glob: only these files)
//
// What a suite needs first (the binary, the clusters) is made by make; if that fails, it counts as one failed test. The
// clusters are left as they were found: up or down.
import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, matchesGlob, resolve } from 'node:path';
import { styleText } from 'node:util';
import { type FileRun, runFailedAgain, sumCounts } from './test/again.ts';
import { auditProblems } from './test/audit.ts';
import { addCounts, type Counts, noCounts, renderCounts } from './test/counts.ts';
import { type Failure, renderDigest, renderFailures } from './test/failures.ts';
import { matrixProblems } from './test/fault-matrix.ts';
import { fromLines, toLines } from './test/json-lines.ts';
import { clusterEnv, endCluster, inLanes, isThere } from './test/lanes.ts';
import { type Suite, suites } from './test/suites.ts';

const root = resolve(import.meta.dirname, '..');
const interrupted = new AbortController();
const outcomesFile = join(root, 'dist/test-outcomes.jsonl');
const auditFile = join(root, 'dist/test-audit.jsonl');
const failuresFile = join(root, 'dist/test-failures.jsonl');

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** What is in a file, if there is one. */
function told(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

/** Runs a command with this terminal; resolves to whether it succeeded. */
function run(
  command: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
  shown: 'at once' | 'at the end' = 'at once',
): Promise<boolean> {
  const [program = '', ...args] = command;
  const words: Buffer[] = [];
  const output = shown === 'at once' ? 'inherit' : 'pipe';
  const child = spawn(program, args, { cwd: root, env, stdio: ['ignore', output, output] });
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => words.push(chunk));
  const stop = () => child.kill('SIGINT');
  interrupted.signal.addEventListener('abort', stop);
  return new Promise((done) => {
    const end = (ok: boolean) => {
      interrupted.signal.removeEventListener('abort', stop);
      done(ok && !interrupted.signal.aborted);
    };
    child.on('error', () => end(false));
    child.on('close', (code) => {
      process.stdout.write(Buffer.concat(words));
      end(code === 0);
    });
  });
}

async function runSuite(suite: Suite): Promise<Counts> {
  say(`\n${styleText('bold', `── ${suite.name}`)}`);
  const only = process.env.TEST_ONLY;
  const files = globSync(`test/${suite.name}/**/*.test.ts`, { cwd: root })
    .filter((file) => !only || matchesGlob(file, only))
    .sort();
  if (files.length === 0) {
    say('  no tests');
    return noCounts;
  }
  if (suite.prepare.length && !(await run(['make', '--no-print-directory', ...suite.prepare])))
    return notRun(`make ${suite.prepare.join(' ')}`);
  if (suite.clusters.length === 0) return keep([await runFiles(suite, files)]);
  const lanes = suite.clusters.slice(0, files.length);
  for (const state of lanes)
    if (!(await run(['make', '--no-print-directory', 'image-load'], { ...process.env, ...clusterEnv(state) })))
      return notRun(`cluster ${state}`);
  const alone = (file: string, lane: string) => runFiles(suite, [file], clusterEnv(lane));
  const stopped = () => interrupted.signal.aborted;
  const runs = await inLanes(files, lanes, { run: alone, stopped });
  return keep(stopped() ? runs : await runFailedAgain(runs, (file) => alone(file, lanes[0] ?? ''), say));
}

/** Leaves what tests told for the page of the fault matrix and for the end of this run. Returns how many ended how. */
function keep(runs: readonly FileRun[]): Counts {
  for (const { outcomes, failures } of runs) {
    appendFileSync(outcomesFile, outcomes);
    appendFileSync(failuresFile, toLines(failures));
  }
  return sumCounts(runs);
}

/** Says that what a suite needs could not be made. */
function notRun(what: string): Counts {
  say(`  ${styleText('red', '✖')} ${what}: failed, so no tests of this suite ran`);
  return { ...noCounts, failed: 1 };
}

/** Runs files of tests; in a lane their words are shown when they have ended, so that they do not mix with those of others. */
async function runFiles(suite: Suite, files: readonly string[], lane?: Record<string, string>): Promise<FileRun> {
  const work = mkdtempSync(join(tmpdir(), 'test-counts-'));
  const options = [
    '--test',
    `--test-reporter=${join(import.meta.dirname, 'test/reporter.ts')}`,
    `--test-timeout=${suite.timeoutSeconds * 1000}`,
    ...(suite.concurrency === undefined ? [] : [`--test-concurrency=${suite.concurrency}`]),
  ];
  const env = {
    ...process.env,
    ...lane,
    TEST_COUNTS: join(work, 'counts'),
    TEST_OUTCOMES: join(work, 'outcomes'),
    TEST_FAILURES: join(work, 'failures'),
    TEST_AUDIT: auditFile,
    RETINA_CLI: join(root, 'dist/kubectl-retina'),
    RETINA_AGENT_IMAGE: process.env.RETINA_AGENT_IMAGE ?? 'localhost/kubectl-retina/capture:dev',
  };
  const shown = lane === undefined ? 'at once' : 'at the end';
  const ok = await run([...suite.runner, process.execPath, ...options, ...files], env, shown);
  const counted = JSON.parse(told(env.TEST_COUNTS) || JSON.stringify(noCounts)) as Counts;
  // The runner itself may have died.
  const counts = ok || counted.failed ? counted : addCounts(counted, { ...noCounts, failed: 1 });
  const ran = {
    file: files.join(' '),
    counts,
    outcomes: told(env.TEST_OUTCOMES),
    failures: fromLines<Failure>(told(env.TEST_FAILURES)),
  };
  rmSync(work, { recursive: true });
  return ran;
}

/** What all tests on the cluster say together: the fault matrix, and what came of the audit of every command's words. */
function checkMatrix(): Counts {
  say(`\n${styleText('bold', '── fault matrix')}`);
  const problems = [...auditProblems(auditFile, say), ...matrixProblems(root, outcomesFile, say)];
  for (const problem of problems) say(`  ${styleText('red', '✖')} ${problem}`);
  return { ...noCounts, passed: problems.length ? 0 : 1, failed: problems.length ? 1 : 0 };
}

async function main(names: readonly string[]): Promise<void> {
  const wanted = names.map((name) => suites.find((suite) => suite.name === name));
  if (!wanted.length || wanted.includes(undefined)) throw new Error(`suites: ${suites.map((suite) => suite.name)}`);
  const start = performance.now();
  mkdirSync(join(root, 'dist'), { recursive: true });
  for (const file of [outcomesFile, auditFile, failuresFile]) rmSync(file, { force: true });
  const clusters = [...new Set(wanted.flatMap((suite) => suite?.clusters ?? []))].filter((state) => !isThere(state));
  let total = noCounts;
  try {
    for (const suite of wanted)
      if (suite && !interrupted.signal.aborted) total = addCounts(total, await runSuite(suite));
  } finally {
    for (const state of clusters.filter(isThere).reverse()) endCluster(state);
  }
  const failures = fromLines<Failure>(told(failuresFile));
  if (failures.length) say(`\n${renderFailures(failures)}`);
  if (wanted.some((suite) => suite?.clusters.length) && !process.env.TEST_ONLY) total = addCounts(total, checkMatrix());
  if (interrupted.signal.aborted) total = addCounts(total, { ...noCounts, failed: 1 });
  if (failures.length > 1) say(`\n${styleText('bold', '── failed')}\n${renderDigest(failures)}`);
  say(`\n${styleText('dim', `took ${Math.round((performance.now() - start) / 1000)} s`)}`);
  say(renderCounts(total));
  process.exitCode = total.failed ? 1 : 0;
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interrupted.abort());
await main(process.argv.slice(2));
