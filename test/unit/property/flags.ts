import assert from 'node:assert/strict';
import { posix } from 'node:path';
import fc from 'fast-check';
import {
  Problems,
  parseBytes,
  parseDuration,
  parseImage,
  parseInteger,
  parseInterfaces,
  parseName,
  parseNames,
  parseNodePath,
  parseOneOf,
  parseQuantity,
} from '../../../src/commands/flags.ts';
import { parseCaptureName } from '../../../src/commands/settings-flags.ts';
import { parseStartAt } from '../../../src/commands/start-flags.ts';
import { parseRetryAfter } from '../../../src/kube/patience.ts';
import { almost, HOSTILE, hostile, long } from './inputs.ts';
import { assertTold, property } from './property.ts';

/** Parses as commands do; a refusal must name the flag and say what is wrong. */
function parse<T>(text: string, parser: (text: string) => T | Error): T | undefined {
  const problems = new Problems();
  const value = problems.parse('--flag', text, parser);
  for (const problem of problems.found) assertTold(problem, /^--flag: ./);
  assert.equal(problems.found.length, value === undefined ? 1 : 0);
  return value;
}

const number = fc.oneof(
  fc.nat(99_999).map(String),
  fc.tuple(fc.nat(999), fc.nat(9999)).map(([a, b]) => `${a}.${b}`),
  fc.constantFrom('0', '.5', '1.', '00', '9007199254740993', '1e3', '0x10', '+1', '-1', '٣', ''),
);
const duration = fc
  .array(fc.tuple(number, fc.constantFrom('ns', 'us', 'µs', 'μs', 'ms', 's', 'm', 'h', 'd', 'y', '')), { maxLength: 4 })
  .map((parts) => parts.flat().join(''));

/** Nanoseconds of what Go's time.ParseDuration takes, and days; undefined for what it refuses. By its own source. */
function goDuration(text: string): number | undefined {
  const rest = text.replace(/^[+-]/, '');
  if (rest === '0') return 0;
  if (!/^((\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h|d))+$/.test(rest)) return undefined;
  const nanoseconds = { ns: 1, us: 1e3, µs: 1e3, μs: 1e3, ms: 1e6, s: 1e9, m: 6e10, h: 3.6e12, d: 8.64e13 };
  const parts = [...rest.matchAll(/([\d.]+)([a-zµμ]+)/g)];
  const sum = parts.reduce((all, [, count, unit]) => all + Number(count) * nanoseconds[unit as 'ns'], 0);
  return text.startsWith('-') ? -sum : sum;
}

property('durations agree with Go, in whole milliseconds from 1 ms to 24 days', 4000, almost(duration), (text) => {
  const ours = parse(text, parseDuration);
  const theirs = goDuration(text.trim());
  if (ours !== undefined) {
    assert.ok(Number.isInteger(ours) && ours >= 0 && ours < 2 ** 31, `${ours}`);
    assert.ok(theirs !== undefined && Math.abs(theirs / 1e6 - ours) <= 1, `${theirs} ns is not ${ours} ms`);
  } else if (theirs !== undefined) {
    assert.ok(theirs < 1e6 || theirs / 1e6 >= 2 ** 31 - 1, `${theirs} ns is a duration`);
  }
});

const PARTS = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const;

property('a duration that is written out is read as it was', 3000, fc.nat(2 ** 31 - 2), (milliseconds) => {
  let rest = milliseconds;
  const text = Object.entries(PARTS).map(([unit, size]) => {
    const count = Math.floor(rest / size);
    rest -= count * size;
    return `${count}${unit}`;
  });
  assert.equal(parseDuration(text.join('')), milliseconds);
});

const NOW = new Date('2026-11-21T10:15:00.789Z');
const DAY = 86_400_000;
const instant = fc.oneof(
  duration.map((text) => `+${text}`),
  fc.tuple(number, number, number).map((parts) => parts.join(':')),
  fc
    .date({ min: new Date(NOW.getTime() - DAY), max: new Date(NOW.getTime() + 2 * DAY), noInvalidDate: true })
    .map((at) => at.toISOString()),
  fc.constantFrom(
    '21:30',
    '21:30:05',
    '2026-11-21T21:30:00Z',
    '2026-11-21T21:30:00+14:00',
    '2026-02-30T00:00:00Z',
    '24:00',
    '+0s',
  ),
);

property(
  'a start is from now to a day ahead, and an instant is read as it was written',
  2500,
  almost(instant),
  (text) => {
    const start = parse(text, parseStartAt(NOW));
    if (start === undefined) return;
    assert.ok(start.kind === 'at' || start.kind === 'in');
    const ahead = start.kind === 'at' ? start.at.getTime() - NOW.getTime() : start.ms;
    assert.ok(ahead >= 0 && ahead <= DAY, `${ahead} ms ahead`);
    if (/^\d{4}-.*Z$/.test(text.trim()) && start.kind === 'at')
      assert.equal(start.at.getTime(), Date.parse(text.trim()));
  },
);

const retryAfter = fc.oneof(
  number,
  fc.date({ noInvalidDate: true }).map((at) => at.toUTCString()),
  hostile,
);

property('a Retry-After is seconds from now on, or none', 2000, fc.oneof(retryAfter, almost(retryAfter)), (text) => {
  const seconds = parseRetryAfter(text, NOW.getTime());
  assert.ok(seconds === undefined || seconds >= 0, `${seconds} s`);
  if (/^\d+$/.test(text.trim())) assert.equal(seconds, Number(text));
});

const UNITS = ['', 'm', 'k', 'M', 'G', 'T', 'P', 'E', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei', 'K', 'mi', 'kB', 'B'];
const quantity = fc.tuple(number, fc.constantFrom(...UNITS)).map((parts) => parts.join(''));
const SIZES = { k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18, '': 1 };
const BINARY = { Ki: 1, Mi: 2, Gi: 3, Ti: 4, Pi: 5, Ei: 6 };

property('sizes are the bytes that Kubernetes means', 2500, almost(quantity), (text) => {
  const bytes = parse(text, parseBytes);
  if (bytes === undefined) return;
  const [, count = '', unit = ''] = /^([\d.]+)(\D*)$/.exec(text) ?? [];
  const size = unit in BINARY ? 1024 ** BINARY[unit as 'Ki'] : SIZES[unit as 'k'];
  assert.equal(bytes, Math.ceil(Number(count) * size));
});

property('quantities pass on unchanged what is enough', 1500, almost(quantity), (text) => {
  const told = parse(text, parseQuantity({ text: '10m', value: 0.01 }));
  assert.ok(told === undefined || told === text);
});

property('whole numbers within bounds, and nothing else', 2000, almost(number), (text) => {
  const value = parse(text, parseInteger(-5, 4096));
  if (value === undefined) return;
  assert.equal(value, Number.parseInt(text.trim(), 10));
  assert.ok(value >= -5 && value <= 4096);
});

const name = fc.stringMatching(/^[a-z0-9]([-a-z0-9.]{0,8}[a-z0-9])?$/);
const names = fc.oneof(
  almost(fc.array(name, { minLength: 1, maxLength: 4 }).map((all) => all.join(','))),
  long(['a', '-', '.', ',', 'a,', ' ']),
);

property('names are those that Kubernetes takes, sorted, each once', 1500, names, (text) => {
  const all = parse(text, parseNames);
  if (all === undefined) return;
  for (const each of all) assert.match(each, /^[a-z0-9.-]{1,253}$/);
  assert.deepEqual(all, [...new Set(all)].sort());
  assert.deepEqual(parse(all.join(','), parseNames), all);
});

property('a name or none', 2000, fc.oneof(almost(name), hostile, long(['a', '-', 'a-'])), (text) => {
  const [object, capture] = [parse(text, parseName), parse(text, parseCaptureName)];
  assert.ok(object === undefined || object === text);
  assert.ok(capture === undefined || /^[a-z0-9-]{1,63}$/.test(capture));
});

const path = fc
  .array(fc.constantFrom('mnt', 'retina', '..', '.', '', 'a b', '…', '.ssh', ':', 'x'), { maxLength: 6 })
  .map((parts) => parts.join('/'));

property('a directory on a node never leads out of where it should be', 3000, almost(path), (text) => {
  const joined = parse(text, parseNodePath('/var/log/retina/captures'));
  if (joined === undefined) return;
  assert.ok(posix.isAbsolute(joined) && joined !== '/' && !joined.split('/').includes('..'));
  assert.equal(posix.normalize(joined), joined);
  assert.doesNotMatch(joined, /[\p{Cc}:]/u);
  if (!text.trim().startsWith('/')) assert.ok(joined.startsWith('/var/log/retina/captures'));
  assert.equal(parse(joined, parseNodePath('/elsewhere')), joined);
});

const interfaces = fc
  .array(fc.constantFrom('eth0', 'any', 'cali1a2b3c4d5e6', 'lo', 'bond0.100', 'wg-α', 'a'.repeat(16)), { maxLength: 4 })
  .map((all) => all.join(','));

property('interfaces are words that tcpdump takes for one', 2500, almost(interfaces), (text) => {
  for (const each of parse(text, parseInterfaces) ?? []) {
    assert.match(each, /^[^\s/,:-][^\s/,:]{0,14}$/);
    assert.ok(each !== '..' && each !== '.');
  }
});

const DIGEST = `sha256:${'0a'.repeat(32)}`;
const image = fc
  .tuple(
    fc.constantFrom('', 'registry.example/', 'registry.example:5000/', 'localhost/', '[::1]:5000/', 'UPPER.example/'),
    fc.array(fc.constantFrom('retina', 'capture', 'a__b', 'a-b', 'a.b', 'A', '_', ''), { minLength: 1, maxLength: 3 }),
    fc.constantFrom('', ':v1', ':latest', ':V1.0-rc_1', ':', ':-x', `:${'t'.repeat(129)}`),
    fc.constantFrom('', `@${DIGEST}`, `@${DIGEST.toUpperCase()}`, '@sha256:', '@sha256:abc', `@${DIGEST}@${DIGEST}`),
  )
  .map(([host, parts, tag, digest]) => host + parts.join('/') + tag + digest);

property('images are those of the reference grammar, by digest too', 3000, fc.oneof(image, almost(image)), (text) => {
  const told = parse(text, parseImage);
  const [, , tag = '', digest = ''] =
    /^((?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?::\d+)?\/)?[a-z0-9._/-]+(:[\w.-]+)?(@.+)?$/.exec(text.trim()) ?? [];
  if (told === undefined) return;
  assert.equal(told, text.trim());
  assert.doesNotMatch(told, /[\s\p{Cc}'"$`;|&<>]/u);
  assert.ok(tag.length <= 129);
  if (digest !== '') assert.match(digest, /^@[a-z][a-z0-9+.-]*:[0-9a-f]{32,}$/);
});

property(
  'images of long runs are judged at once',
  200,
  long(['a', 'a-', 'a.', '-', '/', 'a/', ':', '_', '__']),
  (text) => {
    parse(text, parseImage);
  },
);

property(
  'one of a few words, or the nearest',
  2000,
  almost(fc.constantFrom('json', 'yaml', 'wide'), HOSTILE),
  (text) => {
    const told = parse(text, parseOneOf('json', 'yaml', 'wide'));
    assert.ok(told === undefined || told === text);
  },
);
