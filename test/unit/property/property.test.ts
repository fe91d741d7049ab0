import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tried } from './property.ts';
import './flags.ts';
import './filters.ts';
import './selectors.ts';
import './destinations.ts';
import './manifests.ts';
import './expressions.ts';
import './command-lines.ts';
import './documents.ts';
import './captures.ts';
import './errors.ts';
import './files.ts';
import './screen.ts';

// One process, so that what was tried can be counted; the modules register their tests in this order.

test('at least 100,000 inputs were tried', () => {
  const { inputs, properties, slowest } = tried;
  process.stdout.write(
    `${inputs} inputs of ${properties} properties; ${Math.round(slowest.ms)} ms at most: ${slowest.name}\n`,
  );
  assert.ok(tried.inputs >= 100_000, String(tried.inputs));
});
