import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Problems } from '../../../src/commands/flags.ts';
import { parseStartAt, patienceFor, type StartFlags, toStart } from '../../../src/commands/start-flags.ts';

/** Half past nine in the evening here, wherever that is. */
const NOW = new Date(2026, 10, 21, 21, 30, 0, 500);
const DAY = 86_400_000;

function told(flags: StartFlags): { start: ReturnType<typeof toStart>; problems: readonly string[] } {
  const problems = new Problems();
  return { start: toStart(flags, problems, NOW), problems: problems.found };
}

suite('when a capture begins', () => {
  const parse = parseStartAt(NOW);
  const iso = (ms: number): string => new Date(NOW.getTime() + ms).toISOString();
  const local = (...time: [number, number, number]) => new Date(2026, 10, 21, ...time);

  test('at once, unless something is said', () => {
    assert.deepEqual(told({}), { start: null, problems: [] });
    assert.deepEqual(told({ sync: false }), { start: null, problems: [] });
  });

  test('a time of day is of today, in the zone of this machine', () => {
    assert.deepEqual(parse('21:31'), { kind: 'at', at: local(21, 31, 0) });
    assert.deepEqual(parse(' 23:59:58 '), { kind: 'at', at: local(23, 59, 58) });
  });

  test('a date and time has its zone', () => {
    for (const text of [iso(60_000), iso(60_000).toLowerCase(), iso(60_000).replace('T', ' ')])
      assert.deepEqual(parse(text), { kind: 'at', at: new Date(NOW.getTime() + 60_000) });
    const there = new Date(NOW.getTime() + 3_600_000 + 60_000).toISOString().slice(0, 19);
    const at = new Date(Math.floor((NOW.getTime() + 60_000) / 1000) * 1000);
    assert.deepEqual(parse(`${there}+01:00`), { kind: 'at', at });
  });

  test('so much time from now', () => {
    assert.deepEqual(parse('+30s'), { kind: 'in', ms: 30_000 });
    assert.deepEqual(parse('+1h30m'), { kind: 'in', ms: 5_400_000 });
  });

  test('what has passed is refused, and says what it may have meant', () => {
    assert.match(String(parse('21:30')), /"21:30" has passed: tomorrow's is 2026-11-2\dT\d\d:30:00Z/);
    assert.match(String(parse(iso(-3 * DAY))), /has passed: it is 2026-11-\d\dT\d\d:30:00Z now/);
  });

  test('what is more than a day away is refused', () => {
    assert.deepEqual(parse(iso(DAY)), { kind: 'at', at: new Date(NOW.getTime() + DAY) });
    for (const text of [iso(DAY + 1), '+24h1s']) assert.match(String(parse(text)), /is more than a day away/);
  });

  test('what is no time is refused', () => {
    for (const text of ['', '24:00', '21:60', '9', 'noon', '2026-02-30T10:00:00Z', '2026-11-21', '2026-11-21T22:00:00'])
      assert.match(String(parse(text)), /is not a time: write it as 21:30, /, text);
    for (const text of ['+30', '+-1s', '+x']) assert.ok(parse(text) instanceof Error, text);
  });

  test('together: with a time to get ready, and no instant beside it', () => {
    assert.deepEqual(told({ sync: true }).start, { kind: 'together', timeoutMs: 60_000 });
    assert.deepEqual(told({ sync: true, syncTimeout: '5s' }).start, { kind: 'together', timeoutMs: 5000 });
    assert.deepEqual(told({ sync: true, startAt: '+5s' }).problems, [
      '--sync: chooses the instant itself: give either it or --start-at',
    ]);
    assert.deepEqual(told({ syncTimeout: '5s' }).problems, ['--sync-timeout: is for --sync, which is not given']);
    assert.match(told({ sync: true, syncTimeout: '0' }).problems.join(), /too short/);
  });

  test('whoever waits for the end waits for the start first', () => {
    assert.equal(patienceFor(null, NOW), 0);
    assert.equal(patienceFor({ kind: 'in', ms: 7000 }, NOW), 7000);
    assert.equal(patienceFor({ kind: 'at', at: new Date(NOW.getTime() + 9000) }, NOW), 9000);
    assert.equal(patienceFor({ kind: 'together', timeoutMs: 5 }, NOW), 0);
  });
});
