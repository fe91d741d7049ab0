import type { ChalkInstance } from 'chalk';
import Table from 'cli-table3';
import type { Cell, Rows, Tone } from '../deps.ts';
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

/** Rows as text in aligned columns. */
export function renderTable(rows: Rows, colour: ChalkInstance): string {
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
