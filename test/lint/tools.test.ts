import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isShell, projectFiles, readText, runTool } from './project.ts';

const files = projectFiles();

function assertOk({ ok, output }: { ok: boolean; output: string }): void {
  assert.ok(ok, `\n${output}`);
}

test('biome: format and rules', () => {
  assertOk(
    runTool('biome', ['check', '--max-diagnostics=none', '--diagnostic-level=warn', '--error-on-warnings', '.']),
  );
});

test('tsc: types', () => {
  assertOk(runTool('tsc', ['--pretty', 'false']));
});

test('shellcheck: all shell scripts', () => {
  const scripts = files.filter(isShell);
  assert.ok(scripts.includes('.ci/run') && scripts.includes('test/cluster/up'));
  assertOk(runTool('shellcheck', ['--external-sources', '--source-path=SCRIPTDIR', ...scripts]));
});

test('shell scripts stop at errors', () => {
  const loose = files.filter(isShell).filter((file) => {
    const text = readText(file) ?? '';
    return !/^(set -eu|source .*lib\.sh)/mu.test(text);
  });
  assert.deepEqual(loose, []);
});

test('no file is longer than 300 lines', () => {
  const ours = files.filter((file) => /^(src|test|scripts|bench|bin|\.ci)\//u.test(file) || !file.includes('/'));
  const data = /package-lock\.json$|\/go\.(mod|sum)$|\/golden\/|\.(md|snap|json|jsonl|txt)$/u;
  const long = ours
    .filter((file) => !data.test(file))
    .map((file) => ({ file, lines: (readText(file) ?? '').split('\n').length - 1 }))
    .filter(({ lines }) => lines > 300);
  assert.deepEqual(long, []);
});

test('no file names a package registry', () => {
  const hosts = ['registry.npmjs', 'registry.yarnpkg', 'deb.debian', 'proxy.golang', 'resolved": "http'];
  const pattern = new RegExp(hosts.map((host) => host.replaceAll('.', String.raw`\.`)).join('|'), 'u');
  const naming = files.filter((file) => file !== 'test/lint/tools.test.ts' && pattern.test(readText(file) ?? ''));
  assert.deepEqual(naming, []);
});

test('only src/main.ts decides how the process ends', () => {
  const pattern =
    /process\s*\.\s*(exitCode\s*=|exit\b|abort\b|reallyExit\b)|\{[^}]*\b(exit|env)\b[^}]*\}\s*=\s*process\b/u;
  const sources = files.filter((file) => file.startsWith('src/') && file !== 'src/main.ts');
  assert.deepEqual(
    sources.filter((file) => pattern.test(readText(file) ?? '')),
    [],
  );
  for (const broken of ['process.exitCode = 1', 'process.exit(1)', 'const { env } = process', 'process.abort()'])
    assert.match(broken, pattern);
});

test('no word of the linter is switched off without a reason', () => {
  const pattern = /biome-ignore(?!\S*\s+\S+: \S)|@ts-(ignore|nocheck|expect-error)/u;
  const sources = files.filter((file) => /\.(ts|cjs|mjs|js)$/u.test(file) && file !== 'test/lint/tools.test.ts');
  assert.deepEqual(
    sources.filter((file) => pattern.test(readText(file) ?? '')),
    [],
  );
});
