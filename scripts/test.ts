// Runs suites of tests and ends with one line that counts them all: `N passed, N failed`.
//
// usage: node scripts/test.ts SUITE...      (the suites are in test/suites.ts; TEST_ONLY=glob: only these files)
//
// What a suite needs first (the binary, the cluster) is made by make; if that fails, it counts as one failed test. The
// cluster is left as it was found: up or down.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, matchesGlob, resolve } from 'node:path';
import { styleText } from 'node:util';
import { auditProblems } from './test/audit.ts';
import { addCounts, type Counts, noCounts, renderCounts } from './test/counts.ts';
import { matrixProblems } from './test/fault-matrix.ts';
import { type Suite, suites } from './test/suites.ts';

const root = resolve(import.meta.dirname, '..');
const interrupted = new AbortController();
const outcomesFile = join(root, 'dist/test-outcomes.jsonl');
const auditFile = join(root, 'dist/test-audit.jsonl');

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Runs a command with this terminal; resolves to whether it succeeded. */
function run(command: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<boolean> {
  const [program = '', ...args] = command;
  const child = spawn(program, args, { cwd: root, env, stdio: ['ignore', 'inherit', 'inherit'] });
  const stop = () => child.kill('SIGINT');
  interrupted.signal.addEventListener('abort', stop);
  return new Promise((done) => {
    const end = (ok: boolean) => {
      interrupted.signal.removeEventListener('abort', stop);
      done(ok && !interrupted.signal.aborted);
    };
    child.on('error', () => end(false));
    child.on('exit', (code) => end(code === 0));
  });
}

/** Also true of a cluster that did not come up in full. */
function hasCluster(): boolean {
  return existsSync(process.env.RETINA_TESTCLUSTER ?? '/tmp/retina-testcluster');
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
  if (suite.prepare.length && !(await run(['make', '--no-print-directory', ...suite.prepare]))) {
    say(`  ${styleText('red', '✖')} make ${suite.prepare.join(' ')}: failed, so no tests of this suite ran`);
    return { ...noCounts, failed: 1 };
  }
  return runFiles(suite, files);
}

async function runFiles(suite: Suite, files: readonly string[]): Promise<Counts> {
  const work = mkdtempSync(join(tmpdir(), 'test-counts-'));
  const options = [
    '--test',
    `--test-reporter=${join(import.meta.dirname, 'test/reporter.ts')}`,
    `--test-timeout=${suite.timeoutSeconds * 1000}`,
    ...(suite.concurrency === undefined ? [] : [`--test-concurrency=${suite.concurrency}`]),
  ];
  const env = {
    ...process.env,
    TEST_COUNTS: join(work, 'counts'),
    TEST_OUTCOMES: outcomesFile,
    TEST_AUDIT: auditFile,
    RETINA_CLI: join(root, 'dist/kubectl-retina'),
    RETINA_AGENT_IMAGE: process.env.RETINA_AGENT_IMAGE ?? 'localhost/kubectl-retina/capture:dev',
  };
  const ok = await run([...suite.runner, process.execPath, ...options, ...files], env);
  const counts = existsSync(env.TEST_COUNTS) ? (JSON.parse(readFileSync(env.TEST_COUNTS, 'utf8')) as Counts) : noCounts;
  rmSync(work, { recursive: true });
  return ok || counts.failed ? counts : addCounts(counts, { ...noCounts, failed: 1 }); // the runner itself died
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
  for (const file of [outcomesFile, auditFile]) rmSync(file, { force: true });
  const endCluster = wanted.some((suite) => suite?.cluster) && !hasCluster();
  let total = noCounts;
  try {
    for (const suite of wanted)
      if (suite && !interrupted.signal.aborted) total = addCounts(total, await runSuite(suite));
  } finally {
    if (endCluster && hasCluster()) spawnSync('test/cluster/down', { cwd: root, stdio: 'ignore' });
  }
  if (wanted.some((suite) => suite?.cluster) && !process.env.TEST_ONLY) total = addCounts(total, checkMatrix());
  if (interrupted.signal.aborted) total = addCounts(total, { ...noCounts, failed: 1 });
  say(`\n${styleText('dim', `took ${Math.round((performance.now() - start) / 1000)} s`)}`);
  say(renderCounts(total));
  process.exitCode = total.failed ? 1 : 0;
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interrupted.abort());
await main(process.argv.slice(2));
