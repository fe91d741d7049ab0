import assert from 'node:assert/strict';
import fc from 'fast-check';
import { summarize } from '../../../src/capture/status.ts';
import { encodeResult } from '../../../src/capture/workload-spec.ts';
import { listDocument, statusDocument } from '../../../src/commands/capture-document.ts';
import { Problems } from '../../../src/commands/flags.ts';
import { parseTemplate, printValue } from '../../../src/commands/jsonpath.ts';
import { parseOrder } from '../../../src/commands/list-order.ts';
import { parseFormat } from '../../../src/commands/output-format.ts';
import type { Cell } from '../../../src/deps.ts';
import { jobOf, podOf, result, START } from '../support/builders.ts';
import { almost, HOSTILE, hostile, long } from './inputs.ts';
import { assertTold, orRefusal, property } from './property.ts';

const job = jobOf('node1');
const pods = [podOf(job, { terminated: { exitCode: 0, message: encodeResult(result()) } })];
const captures = summarize({ jobs: [job], pods, events: [] }, START);
const [capture] = captures;
assert.ok(capture !== undefined);
const document = listDocument(captures);

const STEPS = [
  '.items',
  '.name',
  '[*]',
  '[0]',
  '[-1]',
  '[0:2]',
  '..packets',
  '.*',
  "['name']",
  '.nodes',
  '.labels.retina\\.sh/app',
  '[?(@.phase=="completed")]',
  '[?(@.packets>1)]',
  '.x',
  '.length',
  '.constructor',
  '.__proto__',
];
const path = fc.array(fc.constantFrom(...STEPS), { minLength: 1, maxLength: 4 }).map((steps) => steps.join(''));
const part = fc.oneof(
  path.map((one) => `{${one}}`),
  path.map((one) => `{range ${one}}{.name}{"\\n"}{end}`),
  fc.constantFrom('{"\\t"}', 'NAME: ', "{'x'}", '{end}', '{range .items[*]}', '{@.kind}', '{$.kind}', '{', '}', '{}'),
);
const template = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join(''));
const PIECES = [
  ...HOSTILE,
  ...STEPS,
  '{',
  '}',
  '{range ',
  '{end}',
  '?(',
  '@',
  '==',
  '&&',
  '=~',
  '/x/',
  'constructor(',
  '$..',
  '`',
  '^',
  '~',
];

/** A format as commands parse it; a refusal names the flag. */
function format(text: string) {
  const problems = new Problems();
  const parsed = problems.parse('--output', text, parseFormat(['json', 'custom-columns', 'jsonpath']));
  for (const problem of problems.found) assertTold(problem, /^--output: ./);
  return parsed;
}

property(
  'jsonpath templates: text, or a refusal that names --output',
  5000,
  fc.oneof(template, almost(template, PIECES)),
  (text) => {
    const parsed = format(`jsonpath=${text}`);
    if (parsed?.kind !== 'template') return;
    for (const whole of [document, statusDocument(capture)]) {
      const printed: string | undefined = orRefusal((): string => parsed.template(whole), /^--output: /);
      assert.ok(printed === undefined || typeof printed === 'string');
      assert.doesNotMatch(printed ?? '', /\[native code\]|function \w*\(/);
    }
  },
);

/** What a simple path finds, by walking the document. */
function walk(value: unknown, steps: readonly string[]): unknown[] {
  const [step, ...rest] = steps;
  if (step === undefined) return [value];
  // The library counts the letters of texts, too.
  if (typeof value === 'string' && step === '0') return walk(value[0], rest);
  if (typeof value !== 'object' || value === null) return [];
  if (step === '*') return Object.values(value).flatMap((each) => walk(each, rest));
  const own = Object.hasOwn(value, step) ? (value as Record<string, unknown>)[step] : undefined;
  return own === undefined ? [] : walk(own, rest);
}

const simple = fc.array(
  fc.constantFrom('items', 'nodes', 'name', '0', '*', 'packets', 'destinations', 'ok', 'sha256', 'kind'),
  { minLength: 1, maxLength: 5 },
);

property('simple paths find what walking the document finds', 2500, simple, (steps) => {
  const text = steps.map((step) => (/^[0*]$/.test(step) ? `[${step}]` : `.${step}`)).join('');
  const parsed = parseTemplate(`{${/^\[/.test(text) ? `.${text}`.replace(/^\.\[/, '[') : text}}`);
  if (parsed instanceof Error) return assertTold(parsed.message, /jsonpath/);
  assert.equal(parsed(document), walk(document, steps).map(printValue).join(' '));
});

const columns = fc
  .array(fc.tuple(fc.constantFrom('NAME', 'A B', ''), path), { minLength: 1, maxLength: 3 })
  .map((all) => all.map(([head, one]) => `${head}:${one.replace('.items', '.nodes')}`).join(','));

property(
  'custom columns: cells of text, or a refusal that names --output',
  2500,
  fc.oneof(columns, almost(columns, [...PIECES, ':', ','])),
  (text) => {
    const parsed = format(`custom-columns=${text}`);
    if (parsed?.kind !== 'columns') return;
    for (const column of parsed.columns) {
      const cell: Cell | undefined = orRefusal((): Cell => column.cell(capture), /^--output: /);
      assert.ok(cell === undefined || typeof cell === 'string');
    }
  },
);

property(
  '--sort-by: an order, or a refusal',
  2000,
  fc.oneof(path, almost(fc.constantFrom('age', 'name', '.packets', '{.bytes}')), hostile),
  (text) => {
    const problems = new Problems();
    const order = problems.parse('--sort-by', text, parseOrder);
    for (const problem of problems.found) assertTold(problem, /^--sort-by: ./);
    if (order !== undefined) orRefusal(() => assert.equal(order(capture, capture) || 0, 0));
  },
);

property(
  '--output: a format, or the nearest',
  2000,
  almost(
    fc.constantFrom(
      'json',
      'yaml',
      'constructor',
      '__proto__',
      'custom-columns=A:.name',
      'jsonpath={.items}',
      'go-template=x',
    ),
  ),
  (text) => {
    format(text);
  },
);

property(
  'expressions of long runs are judged at once',
  150,
  long(['{', '}', '[', '(', '..', '.a', '\\.', '"', "'", '.a\\', '[?(', '{range .a}', '*']),
  (text) => {
    const parsed = parseTemplate(text);
    if (!(parsed instanceof Error)) orRefusal(() => parsed({ a: 1 }));
    format(`custom-columns=${text}`);
  },
);
