import assert from 'node:assert/strict';
import fc from 'fast-check';
import { fulfils, parseSelector, selectorTerms } from '../../../src/capture/selector.ts';
import { Problems, parseSelectorFlag } from '../../../src/commands/flags.ts';
import { almost, long } from './inputs.ts';
import { assertTold, property } from './property.ts';
import { matches, parseReference } from './selector-reference.ts';

const PIECES = [
  '=',
  '==',
  '!=',
  '!',
  ',',
  '(',
  ')',
  ' in ',
  ' notin ',
  ' in (',
  '()',
  ',,',
  ' ',
  '/',
  '.',
  '-',
  '_',
  'a',
];
const key = fc.constantFrom(
  'app',
  'constructor',
  'in',
  'notin',
  'a.b/c',
  'kubernetes.io/os',
  'A_b',
  'a..b/c',
  '-a',
  'a/',
  '/a',
  'ä',
);
const value = fc.constantFrom('web', '', 'in', 'A.b', '1', '-x', 'a b', 'x'.repeat(64));
const values = fc.array(value, { maxLength: 3 }).map((all) => `(${all.join(',')})`);
const blank = fc.constantFrom('', ' ', '  ', '\t');
const term = fc.oneof(
  key,
  key.map((one) => `!${one}`),
  fc.tuple(key, blank, fc.constantFrom('=', '==', '!='), blank, value).map((parts) => parts.join('')),
  fc.tuple(key, fc.constantFrom(' in ', ' notin ', ' in', '  notin'), blank, values).map((parts) => parts.join('')),
);
const selector = fc.array(term, { minLength: 1, maxLength: 4 }).map((terms) => terms.join(','));
const labels = fc.dictionary(fc.constantFrom('app', 'in', 'a.b/c', 'A_b'), value, { maxKeys: 3 });

function parse(text: string): string | undefined {
  const problems = new Problems();
  const told = problems.parse('--pod-selectors', text, parseSelectorFlag);
  for (const problem of problems.found) assertTold(problem, /^--pod-selectors: ./);
  return told;
}

property(
  'selectors: what the API server takes is taken, and means the same',
  6000,
  almost(selector, PIECES),
  (text) => {
    const [ours, theirs] = [parse(text), parseReference(text)];
    if (theirs !== undefined && theirs.length > 0) assert.notEqual(ours, undefined, 'the API server takes it');
    if (ours === undefined) return;
    const sent = parseReference(ours);
    assert.notEqual(sent, undefined, `the API server refuses ${ours}`);
    if (theirs !== undefined) assert.deepEqual(sent, theirs);
    assert.equal(parse(ours), ours);
  },
);

property(
  'selectors: labels fulfil them as they do in the API server',
  4000,
  fc.tuple(selector, labels),
  ([text, there]) => {
    const ours = parseSelector(text);
    const theirs = parseReference(text);
    if (ours instanceof Error || theirs === undefined) return;
    assert.equal(
      selectorTerms(ours).every((each) => fulfils(there, each)),
      theirs.every((each) => matches(there, each)),
    );
  },
);

property('selectors of long runs are judged at once', 400, long([...PIECES, 'a.', 'a=b,', 'a-']), (text) => {
  parse(text);
});
