// Writes docs/fault-matrix.md from what the last run of all tests on the cluster told (`make test-e2e`).
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { readOutcomes, renderPage, toRows } from './test/fault-matrix.ts';

const root = resolve(import.meta.dirname, '..');
const outcomes = readOutcomes(join(root, 'dist/test-outcomes.jsonl'));
if (outcomes.length === 0) throw new Error('no tests on the cluster have run: make test-e2e');
writeFileSync(join(root, 'docs/fault-matrix.md'), renderPage(toRows(outcomes)));
