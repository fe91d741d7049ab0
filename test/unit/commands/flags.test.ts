import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  Problems,
  parseBasePath,
  parseDuration,
  parseImage,
  parseInteger,
  parseInterfaces,
  parseNames,
  parseNodePath,
  parseOneOf,
  parseQuantity,
  parseSelectorFlag,
} from '../../../src/commands/flags.ts';

/** Text, and what it is parsed to, or the words of its problem. */
type Row = readonly [text: string, want: unknown];

function table(name: string, parser: (text: string) => unknown, rows: readonly Row[]): void {
  suite(name, () => {
    for (const [text, want] of rows) {
      test(JSON.stringify(text.slice(0, 40)), () => {
        const problems = new Problems();
        const got = problems.parse('--flag', text, parser);
        const [problem = ''] = problems.found;
        if (!(want instanceof RegExp)) return assert.deepEqual([got, problem], [want, '']);
        assert.match(problem, want, `parsed to ${String(got)}`);
        assert.match(problem, /^--flag: \P{Cc}+$/u);
      });
    }
  });
}

table('durations', parseDuration, [
  ['30s', 30_000],
  ['1h30m', 5_400_000],
  ['1.5h', 5_400_000],
  ['.5s', 500],
  ['500ms', 500],
  ['1000us', 1],
  ['+5s', 5000],
  [' 5s ', 5000],
  ['2d', 172_800_000],
  ['0', 0],
  ['0s', 0],
  ['596h', 2_145_600_000],
  ['10', /no unit.*30s/],
  ['-5s', /negative/],
  ['1us', /too short/],
  ['597h', /too long: at most 24 days/],
  ['99999999999999999999h', /too long/],
  ...['', 'abc', '5x', 's', '5s!', 'x5s', '1.2.3s', '1h-5m', '5 s', '1e3s', 'Infinitys', '5S'].map(
    (text) => [text, /is not a duration: write it as 30s/] as const,
  ),
]);

table('whole numbers', parseInteger(0, 100), [
  ['0', 0],
  ['100', 100],
  ['+7', 7],
  [' 7 ', 7],
  ['101', /101 is out of range \(0 to 100\)/],
  ['-1', /-1 is out of range/],
  ...['', ' ', '1.5', '1e2', '0x10', 'ten', '9'.repeat(30), '1_0', 'NaN'].map((text) => [text, /not a whole/] as const),
]);

table('names', parseNames, [
  ['node1', ['node1']],
  ['b, a ,b', ['a', 'b']],
  ['ip-10-0-0-1.ec2.internal', ['ip-10-0-0-1.ec2.internal']],
  ['n'.repeat(253), ['n'.repeat(253)]],
  ['n'.repeat(254), /cannot be a name/],
  ['', /empty name/],
  ['a,', /empty name/],
  ...['A', 'a/b', '-a', 'a-', 'a b', 'a_b', '*'].map((text) => [text, /cannot be a name/] as const),
]);

table('interfaces', parseInterfaces, [
  ['eth0', ['eth0']],
  ['eth0, lo,eth0', ['eth0', 'lo']],
  ['any', ['any']],
  ['any,any', ['any']],
  ['a23456789012345', ['a23456789012345']],
  ['eth0.100@x', ['eth0.100@x']],
  ['a234567890123456', /more than 15/],
  ['any,eth0', /any stands for all/],
  ...['', 'a,', 'a/b', '..', '.', '-w', 'a b', 'eth0:1'].map((text) => [text, /cannot be the name/] as const),
]);

table('paths on nodes', parseNodePath('/var/log/base'), [
  ['/mnt/x', '/mnt/x'],
  ['/mnt//x/./y/', '/mnt/x/y'],
  ['x/y', '/var/log/base/x/y'],
  ['.', '/var/log/base'],
  ['/mnt/..x', '/mnt/..x'],
  ['', /empty/],
  [' ', /empty/],
  ['/', /whole disk/],
  ['//', /whole disk/],
  ['/./', /whole disk/],
  ['/mnt/..', /".."/],
  ['../x', /".."/],
  ['/a/../b', /".."/],
  ['/a:b', /colon/],
  ['/a\nb', /control character/],
  ['/a\0b', /control character/],
]);

table('base paths', parseBasePath, [
  ['/var/log', '/var/log'],
  ['x', /not an absolute path/],
  ['', /not an absolute path/],
  ['/', /whole disk/],
]);

table('quantities of at least 10m', parseQuantity({ text: '10m', value: 0.01 }), [
  ...['10m', '0.5', '2', '1Mi', '1.5G'].map((text) => [text, text] as const),
  ...['0', '9m', '0.001', '0m'].map((text) => [text, /too little: .*at least 10m/] as const),
  ...['', '-1', 'm', '1MB', '1 Mi', '1mi', '1e3', '.5', '1,5'].map((text) => [text, /not a quantity such as/] as const),
]);

const DIGEST = `sha256:${'ab'.repeat(32)}`;
table('images', parseImage, [
  ...[
    'capture',
    'ghcr.io/a/b:v1',
    'localhost:5000/x',
    'Reg.Example:1/a_b/c--d.e:V1.2-x',
    `x@${DIGEST}`,
    `a/x:1@${DIGEST}`,
  ].map((text) => [text, text] as const),
  ['[fd00::1]:5000/x:1', '[fd00::1]:5000/x:1'],
  ...[
    '',
    ' ',
    'a b',
    'Capture',
    'a:',
    'a:b:c',
    '/a',
    'a/',
    'a//b',
    'https://x/y',
    'a@sha256:12',
    '-a',
    'a/B',
    'a'.repeat(600),
  ].map((text) => [text, /not the name of an image such as/] as const),
]);

table('selectors', parseSelectorFlag, [
  ['', undefined],
  [' ', undefined],
  ['a=b', 'a=b'],
  ['a=>b', /"a=>b"/],
]);

table('words', parseOneOf('Always', 'Never'), [
  ['Always', 'Always'],
  ['always', /"always" is not one of Always, Never/],
]);

test('problems are collected, each with its flag; flags that were not given are not parsed', () => {
  const problems = new Problems();
  assert.equal(problems.parse('--a', '5s', parseDuration), 5000);
  assert.equal(problems.parse('--b', 'x', parseDuration), undefined);
  assert.equal(
    problems.parse('--c', undefined, () => assert.fail()),
    undefined,
  );
  problems.parse('--d', 'x', parseInteger(0, 1));
  assert.deepEqual(
    problems.found.map((problem) => problem.split(':')[0]),
    ['--b', '--d'],
  );
});
