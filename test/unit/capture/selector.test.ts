import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { fulfils, parseSelector, renderSelector, selectorTerms } from '../../../src/capture/selector.ts';
import { selector } from '../support/builders.ts';

const VALUE_63 = 'v'.repeat(63);
const PREFIX_253 = `${'p'.repeat(249)}.com`;

/** Text, and its normal form. */
const good: readonly (readonly [string, string])[] = [
  ['a=b', 'a=b'],
  [' a = b ', 'a=b'],
  ['a==b', 'a=b'],
  ['a != b', 'a!=b'],
  ['a=', 'a='],
  ['a', 'a'],
  ['!a', '!a'],
  ['! a', '!a'],
  ['a in (b,c)', 'a in (b,c)'],
  ['a in(b)', 'a in (b)'],
  ['a  notin  ( b , c )', 'a notin (b,c)'],
  ['a in (b,c),d!=e,!f', 'a in (b,c),d!=e,!f'],
  ['a in (,)', 'a in (,)'],
  ['a notin (b,,b)', 'a notin (b,)'],
  ['kubernetes.io/os=linux', 'kubernetes.io/os=linux'],
  ['in=notin', 'in=notin'],
  ['A_b.C-d=E_f.G-h', 'A_b.C-d=E_f.G-h'],
  [`${PREFIX_253}/${'k'.repeat(63)}=${VALUE_63}`, `${PREFIX_253}/${'k'.repeat(63)}=${VALUE_63}`],
];

/** Text, and what its problem must name. */
const bad: readonly (readonly [string, RegExp])[] = [
  ['', /empty term/],
  ['a=b,', /empty term/],
  [',a=b', /empty term/],
  ['a=b,,c=d', /empty term/],
  ['a in (b', /parentheses/],
  ['a in b)', /parentheses/],
  ['a in ((b))', /parentheses/],
  ['a in b', /write key=value/],
  ['a in ( )', /no value is between the parentheses/],
  ['a..b/c=d', /"a\.\.b\/c" is not a label's key/],
  ['a=b=c', /write key=value/],
  ['a=>b', /"a=>b"/],
  ['=b', /write key=value/],
  ['!', /"" is not a label's key/],
  ['!!a', /"!a" is not a label's key/],
  ['-a=b', /"-a" is not a label's key/],
  ['/a=b', /"\/a" is not/],
  ['a/=b', /"a\/" is not/],
  ['a/b/c=d', /"a\/b\/c" is not/],
  ['UPPER.com/a=b', /is not a label's key/],
  [`${PREFIX_253}x/a=b`, /is not a label's key/],
  [`${'k'.repeat(64)}=b`, /is not a label's key/],
  [`a=${VALUE_63}x`, /is not a label's value/],
  ['a=-b', /"-b" is not a label's value/],
  ['a=b/c', /"b\/c" is not a label's value/],
  ['a="b"', /is not a label's value/],
  ['a in (b,-c)', /"-c" is not a label's value/],
  ['a=b;c=d', /write key=value|label's value/],
  ['a=b\nc=d', /write key=value/],
];

suite('selector', () => {
  for (const [text, normal] of good) {
    test(`${JSON.stringify(text.slice(0, 40))} is right`, () => {
      assert.equal(parseSelector(text), normal);
      // What is sent to the API server reads the same when it is read again.
      assert.equal(parseSelector(normal), normal);
      assert.equal(renderSelector(selectorTerms(selector(text))), normal);
    });
  }
  for (const [text, problem] of bad) {
    test(`${JSON.stringify(text.slice(0, 40))} is wrong`, () => {
      const parsed = parseSelector(text);
      assert.ok(parsed instanceof Error, String(parsed));
      assert.match(parsed.message, problem);
    });
  }

  test('labels fulfil a term as the API server judges it', () => {
    const judged = (text: string): string =>
      [{}, { a: 'b' }, { a: 'c' }, { a: '' }]
        .map((labels) => selectorTerms(selector(text)).every((term) => fulfils(labels, term)))
        .map((yes) => (yes ? 'y' : 'n'))
        .join('');
    const table = {
      'a=b': 'nynn',
      'a!=b': 'ynyy',
      'a in (b,c)': 'nyyn',
      'a notin (b)': 'ynyy',
      a: 'nyyy',
      '!a': 'ynnn',
    };
    for (const [text, want] of Object.entries({ ...table, 'a=': 'nnny' })) assert.equal(judged(text), want, text);
  });
});
