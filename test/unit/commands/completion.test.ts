import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { kubectl } from '../../../src/commands/completion-kubectl.ts';

test('completion kubectl prints the very file that the archives hold', () => {
  assert.equal(kubectl, readFileSync(join(import.meta.dirname, '../../../bin/kubectl_complete-retina'), 'utf8'));
});
