import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { suite, test } from 'node:test';
import * as options from '../../src/commands/options.ts';
import { type SurfaceRow, surface } from './surface.ts';

const root = resolve(import.meta.dirname, '../..');

const ROWS = {
  'capture create': options.createRows,
  'capture check': options.checkRows,
  'capture list': options.listRows,
  'capture status': options.statusRows,
  'capture stop': options.stopRows,
  'capture delete': options.deleteRows,
  'capture prune': options.pruneRows,
  'capture download': options.downloadRows,
  'capture upload': options.uploadRows,
  'capture local': options.localRows,
  version: options.versionRows,
};

/** The words by which a command knows its flags. */
function wordsOf(command: string): Set<string> {
  const rows = ROWS[command as keyof typeof ROWS];
  return new Set(rows.flatMap((row) => row.flags.split(/,? /)).filter((word) => word.startsWith('-')));
}

/** What the tests on the real cluster and of the contract type; refusals prove nothing of what a flag does. */
const typed = globSync('test/{e2e,contract}/**/*.ts', { cwd: root })
  .filter((file) => !/\/wrong-|\/surface/.test(file))
  .map((file) => readFileSync(join(root, file), 'utf8'))
  .join('\n');

/** Whether a test types a flag: as a word of its own, or with its value after `=`. */
function isTried(flag: string): boolean {
  return new RegExp(`['"\`\\s]${flag}(?=['"\`\\s=])`).test(typed);
}

/** Flags with the other spelling of the same row: `-n` is tried where `--namespace` is. */
function spellings(command: string, flag: string): string[] {
  const rows = ROWS[command as keyof typeof ROWS];
  const row = rows.find((candidate) => candidate.flags.split(/,? /).includes(flag));
  return (row?.flags ?? flag).split(/,? /).filter((word) => word.startsWith('-'));
}

function each(rows: readonly SurfaceRow[]): (readonly [command: string, flag: string])[] {
  return rows.flatMap(({ command, flags }) => flags.split(' ').map((flag) => [command, flag] as const));
}

suite('the surface that others rely on', () => {
  test('every flag is one of its command', () => {
    const missing = each(surface).filter(([command, flag]) => !wordsOf(command).has(flag));
    assert.deepEqual(missing, []);
  });

  test('every flag is tried by a test on the real cluster or of the contract', () => {
    const untried = each(surface).filter(([command, flag]) => !spellings(command, flag).some(isTried));
    assert.deepEqual([...new Set(untried.map(([, flag]) => flag))], []);
  });

  test('a flag that no test types is found', () => {
    assert.equal(isTried('--no-such-flag'), false);
    assert.equal(isTried('--host-pat'), false);
    assert.equal(isTried('--host-path'), true);
  });

  test('every flag that the program has is in the surface, or is told apart here', () => {
    const known = new Set(each(surface).map(([command, flag]) => `${command} ${flag}`));
    const ours = Object.keys(ROWS).flatMap((command) =>
      [...wordsOf(command)]
        .filter((flag) => !spellings(command, flag).some((word) => known.has(`${command} ${word}`)))
        .map((flag) => `${command} ${flag}`),
    );
    const habits = /^.* (-v|--verbose|--debug|--no-color)$/;
    assert.deepEqual(
      ours.filter((flag) => !habits.test(flag)),
      [
        'capture status -w',
        'capture status --watch',
        'capture download --node-names',
        'capture download --host-path',
        'capture download --image',
        'capture download --image-pull-policy',
        'capture download --image-pull-secret',
        'capture upload --image',
        'capture upload --image-pull-policy',
        'capture upload --image-pull-secret',
        'version --image',
      ],
    );
  });
});
