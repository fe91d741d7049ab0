import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { root, runTool } from './project.ts';

// Proves that the linter's rules can fail: a small project with our settings, in which each file breaks one rule.

const lines = (count: number, line: (i: number) => string) => Array.from({ length: count }, (_, i) => line(i)).join('');
const longFunction = (count: number) => `export function f(): void {\n${lines(count, (i) => `  Number(${i});\n`)}}\n`;

/** File, what it holds, and the rule that it breaks; undefined: none. */
const cases: readonly (readonly [file: string, source: string, rule: string | undefined])[] = [
  ['src/fine.ts', 'export const x = 1;\n', undefined],
  ['src/any.ts', 'export const x: any = 1;\n', 'suspicious/noExplicitAny'],
  ['src/bang.ts', 'export const f = (x?: string) => x!.length;\n', 'style/noNonNullAssertion'],
  ['src/default.ts', 'export default 1;\n', 'style/noDefaultExport'],
  ['src/console.ts', "console.log('x');\nexport {};\n", 'suspicious/noConsole'],
  ['src/floating.ts', 'async function f() {}\nf();\nexport {};\n', 'nursery/noFloatingPromises'],
  ['src/misused.ts', '[1].forEach(async () => {});\nexport {};\n', 'nursery/noMisusedPromises'],
  ['src/import-type.ts', "import { X } from './types.ts';\nexport const x: X = 1;\n", 'style/useImportType'],
  ['src/types.ts', 'export type X = number;\n', undefined],
  ['src/protocol.ts', "import { join } from 'path';\nexport const x = join('a');\n", 'style/useNodejsImportProtocol'],
  ['src/cycle-a.ts', "import { b } from './cycle-b.ts';\nexport const a = () => b();\n", 'suspicious/noImportCycles'],
  ['src/cycle-b.ts', "import { a } from './cycle-a.ts';\nexport const b = (): number => a();\n", undefined],
  ['src/env.ts', 'export const x = process.env.HOME;\n', 'style/noProcessEnv'],
  ['src/main.ts', 'export const x = process.env.HOME;\n', undefined],
  ['src/long-function.ts', longFunction(41), 'complexity/noExcessiveLinesPerFunction'],
  ['src/function.ts', longFunction(35), undefined],
  ['src/workload/run.ts', longFunction(60), undefined],
  ['src/workload/session.ts', longFunction(71), 'complexity/noExcessiveLinesPerFunction'],
  ['test/fakes/long.ts', longFunction(71), 'complexity/noExcessiveLinesPerFunction'],
  ['src/long-file.ts', lines(301, (i) => `export const x${i} = ${i};\n`), 'style/noExcessiveLinesPerFile'],
  ['src/file.ts', lines(300, (i) => `export const x${i} = ${i};\n`), undefined],
];

const project = mkdtempSync(join(tmpdir(), 'lint-'));
after(() => rmSync(project, { recursive: true }));

/** The rules that each file breaks. */
function lintCases(): Map<string, Set<string>> {
  for (const [file, source] of cases) {
    mkdirSync(dirname(join(project, file)), { recursive: true });
    writeFileSync(join(project, file), source);
  }
  for (const file of ['biome.json', 'tsconfig.json', 'package.json', '.gitignore'])
    cpSync(join(root, file), join(project, file));
  symlinkSync(join(root, 'node_modules'), join(project, 'node_modules'));
  const { output } = runTool('biome', ['lint', '--max-diagnostics=none', '--diagnostic-level=error', '.'], project);
  const broken = new Map<string, Set<string>>();
  for (const [, file = '', rule = ''] of output.matchAll(/^(\S+?)(?::\d+:\d+)? lint\/(\S+)/gmu))
    broken.set(file, (broken.get(file) ?? new Set()).add(rule));
  return broken;
}

const broken = lintCases();

test('the linter takes our settings', () => {
  assert.ok(broken.size > 0);
});

for (const [file, , rule] of cases) {
  test(`${file} ${rule ? `breaks ${rule}` : 'is fine'}`, () => {
    const rules = [...(broken.get(file) ?? [])].filter((name) => rule || name !== 'suspicious/noImportCycles');
    if (rule) assert.ok(rules.includes(rule), `broken: ${rules.join(', ') || 'none'}`);
    else assert.deepEqual(rules, []);
  });
}
