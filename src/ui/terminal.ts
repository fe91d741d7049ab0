import { Chalk, type ChalkInstance, supportsColor, supportsColorStderr } from 'chalk';
import Table from 'cli-table3';
import type { Cell, Rows, Tone, Ui } from '../deps.ts';
import { createLive } from './live.ts';
import { printable } from './printable.ts';

/** No border and two blanks between columns, as kubectl prints. */
const PLAIN = {
  chars: Object.fromEntries(
    ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right', 'left']
      .concat(['left-mid', 'mid', 'mid-mid', 'right', 'right-mid'])
      .map((part) => [part, '']),
  ),
  style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
};

/** The terminal, or the pipes in its place. Colours follow each stream, NO_COLOR and --no-color. */
export function createUi(stdout: NodeJS.WriteStream, stderr: NodeJS.WriteStream): Ui {
  const colours = {
    stdout: new Chalk({ level: supportsColor === false ? 0 : supportsColor.level }),
    stderr: new Chalk({ level: supportsColorStderr === false ? 0 : supportsColorStderr.level }),
  };
  const interactive = stderr.isTTY === true;
  return {
    interactive,
    print: (text) => void stdout.write(`${printable(text)}\n`),
    note: (text) => void stderr.write(`${printable(text)}\n`),
    warn: (text) => void stderr.write(`${colours.stderr.yellow('warning:')} ${printable(text)}\n`),
    printTable: (rows) => void stdout.write(`${renderTable(rows, colours.stdout)}\n`),
    outcome: (good, text) => {
      const mark = good ? colours.stderr.green('✔') : colours.stderr.red('✖');
      stderr.write(`${mark} ${printable(text)}\n`);
    },
    live: () => createLive(stderr, interactive, (rows) => renderTable(rows, colours.stderr)),
  };
}

function renderTable(rows: Rows, colour: ChalkInstance): string {
  const table = new Table({ ...PLAIN, chars: { ...PLAIN.chars, middle: '  ' } });
  table.push(...rows.map((row) => row.map((cell) => paint(cell, colour))));
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

function paint(cell: Cell, colour: ChalkInstance): string {
  if (typeof cell === 'string') return printable(cell);
  const tones: Record<Tone, ChalkInstance> = {
    good: colour.green,
    bad: colour.red,
    warn: colour.yellow,
    dim: colour.dim,
  };
  return tones[cell.tone](printable(cell.text));
}
