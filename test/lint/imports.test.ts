import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { test } from 'node:test';
import { importProblems, importTable, ownerProblems, parseImports } from './import-table.ts';
import { root } from './project.ts';

const problemsOf = (file: string, source: string) => [...importProblems(file, source), ...ownerProblems(file, source)];

test('every import of the program is in the import table', () => {
  const files = globSync('src/**/*.ts', { cwd: root });
  assert.ok(files.length > 0);
  const problems = files.flatMap((file) => problemsOf(file, readFileSync(`${root}/${file}`, 'utf8')));
  assert.deepEqual(problems, []);
});

test('imports are found in all their forms', () => {
  const source = `
    import a from 'a';
    import type { B } from 'b';
    import {
      type C,
      type D as E,
    } from 'c';
    import { type F, g } from 'd';
    import * as h from 'e';
    export { i } from 'f';
    export type * from 'g';
    import 'h';
    const j = await import('i');
    // import k from 'no';
    /* import l from 'no'; */
  `;
  const found = parseImports(source).map(({ specifier, typeOnly }) => `${specifier}${typeOnly ? ' (types)' : ''}`);
  assert.deepEqual(found, ['a', 'b (types)', 'c (types)', 'd', 'e', 'f', 'g (types)', 'h', 'i']);
});

/** A file, an import that it must not have, and one that it may have. */
const proofs: readonly (readonly [file: string, forbidden: string, allowed: string])[] = [
  ['src/main.ts', `import chalk from 'chalk'`, `import { createUi } from './ui/terminal.ts'`],
  ['src/main.ts', `import { KubeConfig } from '@kubernetes/client-node'`, `import { x } from './kube/client-node.ts'`],
  ['src/cli.ts', `import { x } from './capture/plan.ts'`, `const x = await import('./commands/list.ts')`],
  ['src/cli.ts', `import { x } from './kube/cluster.ts'`, `import type { Deps } from './deps.ts'`],
  ['src/errors.ts', `import { x } from './deps.ts'`, ''],
  ['src/deps.ts', `import { x } from './kube/cluster.ts'`, `import type { Cluster } from './kube/cluster.ts'`],
  ['src/commands/list.ts', `import { x } from '../kube/client-node.ts'`, `import type { x } from '../kube/cluster.ts'`],
  ['src/commands/list.ts', `import { x } from '../ui/terminal.ts'`, `import { x } from '../capture/plan.ts'`],
  ['src/commands/list.ts', `import ora from 'ora'`, `import type { Ora } from 'ora'`],
  ['src/capture/plan.ts', `import { x } from '../kube/cluster.ts'`, `import type { Job } from '../kube/cluster.ts'`],
  ['src/capture/plan.ts', `import { V1Job } from '@kubernetes/client-node'`, `import { x } from './job.ts'`],
  ['src/capture/plan.ts', `import { readFile } from 'node:fs/promises'`, `import { createHash } from 'node:crypto'`],
  ['src/capture/plan.ts', `import { setTimeout } from 'node:timers/promises'`, `import * as z from 'zod/mini'`],
  ['src/capture/plan.ts', `import pMap from 'p-map'`, `import { x } from '../errors.ts'`],
  ['src/capture/plan.ts', `import { x } from '../commands/flags.ts'`, ''],
  ['src/capture/apply.ts', `import { x } from '../kube/client-node.ts'`, `import pMap from 'p-map'`],
  ['src/capture/apply.ts', `import type { x } from '../ui/terminal.ts'`, `import type { x } from '../deps.ts'`],
  ['src/workload/run.ts', `import type { x } from '../kube/cluster.ts'`, `import { x } from '../upload/uploader.ts'`],
  ['src/workload/run.ts', `import { x } from '../commands/flags.ts'`, `import { x } from '../capture/names.ts'`],
  ['src/workload/run.ts', `import { x } from '../capture/plan.ts'`, `import { x } from '../capture/workload-spec.ts'`],
  ['src/workload/run.ts', `import { S3Client } from '@aws-sdk/client-s3'`, `import { execa } from 'execa'`],
  [
    'src/upload/s3.ts',
    `import type { V1Job } from '@kubernetes/client-node'`,
    `import { x } from '@aws-sdk/client-s3'`,
  ],
  ['src/upload/s3.ts', `import { x } from '../workload/run.ts'`, `import { x } from '../errors.ts'`],
  ['src/kube/client-node.ts', `import { x } from '../capture/names.ts'`, `import { x } from './cluster.ts'`],
  [
    'src/kube/client-node.ts',
    `import chalk from 'chalk'`,
    `const x = await import('@kubernetes/client-node/dist/exec.js')`,
  ],
  ['src/bpf/check.ts', `import { x } from '../capture/filter.ts'`, `import { Worker } from 'node:worker_threads'`],
  ['src/ui/terminal.ts', `import { x } from '../capture/status.ts'`, `import chalk from 'chalk'`],
  ['src/ui/terminal.ts', `import { x } from '../kube/cluster.ts'`, `import type { Ui } from '../deps.ts'`],
];

for (const [file, forbidden, allowed] of proofs) {
  test(`${file}: ${forbidden} is refused`, () => {
    assert.notDeepEqual(problemsOf(file, `${forbidden};\n`), []);
    assert.deepEqual(problemsOf(file, `${allowed};\n`), []);
  });
}

test('a file that the table does not name is refused', () => {
  assert.notDeepEqual(problemsOf('src/helpers/text.ts', ''), []);
});

test('every row of the table is proven', () => {
  const rowOf = (file: string) =>
    importTable.findIndex(({ files }) => files.some((glob) => posix.matchesGlob(file, glob)));
  const proven = new Set(proofs.map(([file]) => rowOf(file)));
  assert.deepEqual([...proven].sort(), [...importTable.keys()].sort());
});
