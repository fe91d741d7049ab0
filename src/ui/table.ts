import type { ChalkInstance } from 'chalk';
import type { Cell, Rows, Tone } from '../deps.ts';
import { printable } from './printable.ts';

/** No border and two blanks between columns, as kubectl prints. */
const GAP = '  ';
/** Of fewer characters than this, nothing can be read. */
const LEAST = 16;

/** Room in characters, and the columns that yield where it is too little, the first to yield first. */
export type Fit = { room: number; yielding: readonly number[] };

type Column = { index: number; width: number };

/** Makes a table that can be added to: its columns are those of the first rows, and only ever grow wider. */
export function createTable(colour: ChalkInstance, fit: Fit): (rows: Rows) => string {
  let columns: Column[] | undefined;
  return (rows) => {
    columns = columns === undefined ? layOut(rows, fit) : widen(columns, rows, fit);
    const laidOut = columns;
    return rows.map((row) => renderRow(row, laidOut, { colour, room: fit.room })).join('\n');
  };
}

/** A column yields by as much as is needed, if enough of its words stay; else it is left out. The last one always stays. */
function layOut(rows: Rows, { room, yielding }: Fit): Column[] {
  const count = Math.max(0, ...rows.map((row) => row.length));
  let columns = Array.from({ length: count }, (_, index) => ({ index, width: widest(rows, index) }));
  for (const index of yielding) {
    const excess = columns.reduce((sum, { width }) => sum + width + GAP.length, -GAP.length) - room;
    const column = columns.find((each) => each.index === index);
    if (excess <= 0 || column === undefined) continue;
    if (column.width - excess >= LEAST) column.width -= excess;
    else if (index === yielding.at(-1)) column.width = Math.min(column.width, LEAST);
    else columns = columns.filter((each) => each !== column);
  }
  return columns;
}

/** Where there is a limit, later rows keep to what the first ones were laid out for. */
function widen(columns: readonly Column[], rows: Rows, fit: Fit): Column[] {
  return columns.map(({ index, width }) => ({
    index,
    width: Number.isFinite(fit.room) && fit.yielding.includes(index) ? width : Math.max(width, widest(rows, index)),
  }));
}

/** A row of one cell among longer ones is a remark: it takes the line that it needs. */
function widest(rows: Rows, index: number): number {
  const cells = rows.filter((row) => row.length > 1 || rows.every(({ length }) => length <= 1));
  return cells.reduce((most, row) => Math.max(most, widthOf(textOf(row[index] ?? ''))), 0);
}

function renderRow(row: readonly Cell[], columns: readonly Column[], how: { colour: ChalkInstance; room: number }) {
  if (row.length === 1) return paint(row[0] ?? '', shorten(textOf(row[0] ?? ''), how.room), how.colour);
  const cells = columns.map(({ index, width }) => {
    const cell = row[index] ?? '';
    const text = shorten(textOf(cell), width);
    return paint(cell, text, how.colour) + ' '.repeat(width - widthOf(text));
  });
  return cells.join(GAP).trimEnd();
}

/** Keeps both ends: of a path, the end tells most. */
function shorten(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  const letters = [...text];
  const head = Math.ceil((width - 1) / 2);
  return [...letters.slice(0, head), '…', ...letters.slice(letters.length - (width - 1 - head))].join('');
}

function textOf(cell: Cell): string {
  return printable(typeof cell === 'string' ? cell : cell.text).replace(/\s/g, ' ');
}

function widthOf(text: string): number {
  return [...text].length;
}

function paint(cell: Cell, text: string, colour: ChalkInstance): string {
  if (typeof cell === 'string' || text === '') return text;
  const tones: Record<Tone, ChalkInstance> = {
    good: colour.green,
    bad: colour.red,
    warn: colour.yellow,
    dim: colour.dim,
  };
  return tones[cell.tone](text);
}
