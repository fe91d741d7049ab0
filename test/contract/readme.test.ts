import assert from 'node:assert/strict';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';

const root = resolve(import.meta.dirname, '../..');

test('the flags in README.md are those of the program', async () => {
  const script = join(root, 'scripts/readme-flags.ts');
  const { failed, stderr } = await execa(process.execPath, [script, '--check'], { reject: false });
  assert.equal(failed, false, stderr);
});
