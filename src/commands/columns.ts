import type { Cell, Rows } from '../deps.ts';

/** A column of a table of things. */
export type Column<T> = {
  head: string;
  cell: (item: T) => Cell;
  /** On a narrow terminal, the column with the lowest number yields first; without one, it is always shown whole. */
  yields?: number;
};

/** A thing as a row. */
export function rowOf<T>(columns: readonly Column<T>[], item: T): readonly Cell[] {
  return columns.map((column) => column.cell(item));
}

/** The line of headings, unless it is not wanted. */
export function headOf<T>(columns: readonly Column<T>[], wanted: boolean): Rows {
  return wanted ? [columns.map((column) => column.head)] : [];
}

/** The columns that yield on a narrow terminal, the first to go first. */
export function yieldingOf<T>(columns: readonly Column<T>[]): number[] {
  const order = columns.flatMap(({ yields }, index) => (yields === undefined ? [] : [{ index, yields }]));
  return order.sort((a, b) => a.yields - b.yields).map(({ index }) => index);
}
