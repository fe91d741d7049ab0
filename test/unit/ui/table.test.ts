import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Chalk } from 'chalk';
import type { Rows } from '../../../src/deps.ts';
import { createTable } from '../../../src/ui/table.ts';

const PLAIN = new Chalk({ level: 0 });
const PATH = '/mnt/retina/captures/web-node1-20261121101500UTC.tar.gz ✔';
const rows: Rows = [
  ['NODE', 'STATE', 'PACKETS', 'SHA-256', 'DELIVERED TO'],
  ['node1', { text: 'completed', tone: 'good' }, '12,408', '9f31c0aa91bb…', PATH],
  ['node2', { text: 'failed', tone: 'bad' }, '–', '–', '–'],
];
const YIELDING = [3, 4, 2];

function lines(room: number, some: Rows = rows, yielding: readonly number[] = YIELDING): string[] {
  return createTable(PLAIN, { room, yielding })(some).split('\n');
}

suite('a table', () => {
  test('is whole, in aligned columns, where there is room', () => {
    assert.deepEqual(lines(Number.POSITIVE_INFINITY), [
      'NODE   STATE      PACKETS  SHA-256        DELIVERED TO',
      `node1  completed  12,408   9f31c0aa91bb…  ${PATH}`,
      'node2  failed     –        –              –',
    ]);
  });

  test('fits every width down to what may not yield; then names and states are still whole', () => {
    for (let room = 20; room <= 120; room += 1) {
      const shown = lines(room);
      for (const [index, line] of shown.entries()) {
        assert.match(line, [/^NODE {3}STATE/, /^node1 {2}completed/, /^node2 {2}failed/][index] ?? /^$/);
        // 5 + 2 + 9 for what may not yield, 2 + 7 for the last to yield.
        assert.ok([...line].length <= Math.max(room, 25), `${room}: ${line}`);
      }
    }
  });

  test('gives up the columns in their order, and shortens words in their middle where that is enough', () => {
    assert.deepEqual(lines(90, rows, [4, 3, 2]), [
      'NODE   STATE      PACKETS  SHA-256        DELIVERED TO',
      'node1  completed  12,408   9f31c0aa91bb…  /mnt/retina/captures/web…61121101500UTC.tar.gz ✔',
      'node2  failed     –        –              –',
    ]);
    assert.equal(lines(50)[1], 'node1  completed  12,408   /mnt/retina…TC.tar.gz ✔');
    assert.equal(lines(40)[1], 'node1  completed  12,408');
    assert.equal(lines(20)[1], 'node1  completed  12,408');
  });

  test('the words of the last column to yield are shortened, and never left out', () => {
    const waiting = [
      ['NODE', 'STATE', 'LOST'],
      ['n'.repeat(50), 'waiting: cannot be scheduled: no node', '0'],
    ];
    assert.equal(lines(60, waiting, [2, 1])[1], `${'n'.repeat(50)}  waiting:…no node`);
  });

  test('a remark below the rows widens no column', () => {
    const remark = [{ text: '… and 987 more: 987 capturing', tone: 'dim' as const }];
    assert.deepEqual(lines(Number.POSITIVE_INFINITY, [['NODE', 'STATE'], ['n', 'x'], remark]), [
      'NODE  STATE',
      'n     x',
      '… and 987 more: 987 capturing',
    ]);
  });

  test('keeps its columns when rows are added, and takes no control characters', () => {
    const add = createTable(PLAIN, { room: Number.POSITIVE_INFINITY, yielding: [] });
    add([['NAME', 'STATE', 'AGE']]);
    assert.equal(add([['a-long-name', 'Pending', '1s']]), 'a-long-name  Pending  1s');
    assert.equal(add([['b', 'x\u001b[2J\ny', '2s']]), 'b            x\uFFFD[2J y  2s');
  });

  test('colours the text and not the blanks beside it', () => {
    const coloured = createTable(new Chalk({ level: 1 }), { room: 80, yielding: [] });
    assert.equal(
      coloured([
        [{ text: 'ok', tone: 'good' }, 'x'],
        ['long', 'y'],
      ]),
      '\u001b[32mok\u001b[39m    x\nlong  y',
    );
  });
});
