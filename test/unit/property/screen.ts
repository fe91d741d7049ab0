import assert from 'node:assert/strict';
import { Chalk } from 'chalk';
import fc from 'fast-check';
import { oneLine, plainText } from '../../../src/capture/plain-text.ts';
import { count } from '../../../src/commands/render.ts';
import { ClusterError, InterruptedError, UsageError } from '../../../src/errors.ts';
import { renderError } from '../../../src/ui/error-text.ts';
import { printable } from '../../../src/ui/printable.ts';
import { createTable } from '../../../src/ui/table.ts';
import { hostile, json, long } from './inputs.ts';
import { property } from './property.ts';

/** What a terminal obeys, or what turns what is read: by their numbers, not by the classes that the program goes by. */
function steers(text: string): boolean {
  return [...text].some((character) => {
    const code = character.codePointAt(0) ?? 0;
    const control = (code < 32 && code !== 9 && code !== 10) || (code >= 127 && code < 160);
    const turning = (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
    return control || turning || [0x61c, 0x200e, 0x200f, 0x2028, 0x2029].includes(code);
  });
}

const anything = fc.oneof(
  hostile,
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.string({ unit: fc.integer({ min: 0, max: 0x2070 }).map((code) => String.fromCodePoint(code)) }),
);

property('what is printed steers no terminal, and is otherwise as it was', 5000, anything, (text) => {
  const shown = printable(text);
  assert.ok(!steers(shown));
  assert.equal(printable(shown), shown);
  assert.equal([...shown].length, [...text].length);
  if (!steers(text)) assert.equal(shown, text);
});

property('a text as one line', 2500, fc.oneof(anything, long(['\n', ' ', '\r\n', '\t ', ' \n'])), (text) => {
  const line = oneLine(text);
  assert.doesNotMatch(line, /[\n\r\t\v\f\u0085\u2028\u2029]/);
  assert.equal(oneLine(line), line.trim());
});

property('a document of one-line texts has the same shape', 1500, json, (value) => {
  const shape = (part: unknown): unknown =>
    JSON.stringify(part, (_key, each: unknown) => (typeof each === 'string' ? '' : each));
  assert.equal(shape(plainText(value)), shape(value));
});

const rows = fc.array(
  fc.array(
    fc.oneof(
      anything,
      anything.map((text) => ({ text, tone: 'bad' as const })),
    ),
    { minLength: 2, maxLength: 4 },
  ),
  { minLength: 1, maxLength: 4 },
);

property(
  'a table has as many lines as rows, whatever is in its cells, and none is wider than the terminal',
  1500,
  fc.tuple(rows, fc.integer({ min: 60, max: 120 })),
  ([cells, room]) => {
    const table = createTable(new Chalk({ level: 0 }), { room, yielding: [3, 2, 1, 0] });
    const text = table(cells);
    assert.equal(text.split('\n').length, cells.length);
    assert.ok(!steers(text));
    for (const line of text.split('\n')) assert.ok([...line].length <= room, line);
  },
);

property(
  'an error: one line of its own, the others below it',
  2000,
  fc.tuple(anything, fc.option(anything), fc.boolean()),
  ([message, hint, verbose]) => {
    const by = hint ?? undefined;
    for (const error of [
      new UsageError(message, by),
      new ClusterError(message, { hint: by }),
      new InterruptedError(message, by),
      new TypeError(message),
    ]) {
      const [first = '', ...more] = renderError(error, verbose).split('\n');
      assert.ok(!steers([first, ...more].join('\n')));
      if (error instanceof InterruptedError || error instanceof TypeError) continue;
      assert.match(first, /^error: /);
      for (const line of more) assert.match(line, /^ {2}|^$/);
    }
  },
);

property('numbers have their separators', 1000, fc.nat(2 ** 31 - 1), (value) => {
  assert.equal(count(value), value.toLocaleString('en-US'));
});
