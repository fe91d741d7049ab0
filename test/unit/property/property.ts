import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { UsageError } from '../../../src/errors.ts';

/** The same inputs each time, unless another seed is given. */
const SEED = Number(process.env.PROPERTY_SEED ?? 20_261_121);
/** Milliseconds for one input: what takes this long on a busy machine takes for ever on a longer input. */
const LIMIT = 10_000;

/** What was tried by all properties of this process. */
export const tried = { inputs: 0, properties: 0, slowest: { ms: 0, name: '' } };

/** A test that tries so many inputs; a failure prints the smallest input that fails, and how to try it again. */
export function property<T>(
  name: string,
  runs: number,
  input: fc.Arbitrary<T>,
  holds: (value: T) => void | Promise<void>,
): void {
  test(`${name} (${runs} inputs)`, async () => {
    const timed = fc.asyncProperty(input, async (value) => {
      tried.inputs += 1;
      const began = performance.now();
      await holds(value);
      const took = performance.now() - began;
      if (took > tried.slowest.ms) tried.slowest = { ms: took, name };
      assert.ok(took < LIMIT, `it took ${Math.round(took)} ms`);
    });
    const details = await fc.check(timed, { seed: SEED, numRuns: runs });
    tried.properties += 1;
    const again = `again: PROPERTY_SEED=${SEED} node --test --test-name-pattern='${name}' test/unit/property/property.test.ts`;
    assert.ok(!details.failed, `${await fc.asyncDefaultReportMessage(details)}\n${details.errorInstance}\n${again}`);
  });
}

/** What no refusal may have in it: what a program prints of what it did not expect, a stack, control characters. */
const UNEXPLAINED = /\[object |undefined|NaN|\n +at |[^\P{Cc}\n]/u;

/** Holds a message to what users may expect: it names what is wrong, in words. */
export function assertTold(message: string, names: RegExp): void {
  assert.ok(message.trim().length > 3, `says nothing: ${JSON.stringify(message)}`);
  assert.doesNotMatch(message, UNEXPLAINED);
  assert.match(message, names);
}

/** Runs what may refuse by a UsageError, and nothing else; undefined where it did. */
export function orRefusal<T>(action: () => T, names = /./): T | undefined {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    // What was typed is quoted; the screen takes out what steers it.
    assertTold(error.message.replaceAll(/\p{Cc}/gu, '\uFFFD'), names);
    return undefined;
  }
}
