import assert from 'node:assert/strict';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';

const root = resolve(import.meta.dirname, '../..');

test('the rights in docs/permissions.md are those that the program asks for', async () => {
  const script = join(root, 'scripts/permissions-table.ts');
  const { failed, stderr } = await execa(process.execPath, [script, '--check'], { reject: false });
  assert.equal(failed, false, stderr);
});
