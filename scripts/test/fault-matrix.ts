import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { COMMANDS, type Command, type MappedCell, mappedRows } from '../../test/matrix.ts';
import { fromLines } from './json-lines.ts';

/** How a test ended; its name has those of its groups before it. */
export type Outcome = { file: string; name: string; outcome: string };

type Cell = { text: string; asserted: boolean; problem: string | undefined };
type Row = { fault: string; cells: ReadonlyMap<Command, Cell> };

const PAGE = 'docs/fault-matrix.md';
const GENERATED = /\/matrix-[a-z0-9]+\.test\.ts$/;
const MARKS: Record<string, string> = { passed: '✔', failed: '✖', skipped: '–' };

/** Compares the page with what the tests have just told. Returns what is wrong. */
export function matrixProblems(root: string, outcomesFile: string, say: (line: string) => void): string[] {
  const rows = toRows(readOutcomes(outcomesFile));
  const { all, asserted } = countCells(rows);
  say(
    `  ${rows.length} faults × ${COMMANDS.length} commands: ${asserted} cells are tests, ${all - asserted} cannot be`,
  );
  const cells = rows.flatMap(({ fault, cells }) => [...cells].map(([command, cell]) => ({ fault, command, ...cell })));
  const wrong = Map.groupBy(
    cells.filter(({ problem }) => problem !== undefined),
    ({ fault, problem }) => `${fault}: ${problem}`,
  );
  const problems = [...wrong].map(([what, some]) => `${what} (${some.map(({ command }) => command).join(', ')})`);
  const there = existsSync(join(root, PAGE)) ? readFileSync(join(root, PAGE), 'utf8') : '';
  return there === renderPage(rows)
    ? problems
    : [...problems, `${PAGE} is not what this run has found: node scripts/fault-matrix.ts`];
}

/** The outcomes that the last run left, by file: which of them ends first is chance. */
export function readOutcomes(file: string): Outcome[] {
  if (!existsSync(file)) return [];
  const outcomes = fromLines<Outcome>(readFileSync(file, 'utf8'));
  return outcomes.sort((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : 0));
}

/** The rows of the matrix: those of the tables of faults, then those that other tests assert. */
export function toRows(outcomes: readonly Outcome[]): Row[] {
  return [...generatedRows(outcomes), ...mappedRows.map((row) => mappedRow(row, outcomes))];
}

/** Tests that a table of faults makes: `<group> › <fault> › <command>: exit code N`. */
function generatedRows(outcomes: readonly Outcome[]): Row[] {
  const tests = outcomes.flatMap((outcome) => {
    const [, fault = '', command = '', text = ''] =
      /^.* › (.+) › (create|wait|stop|download|delete): (.+)$/.exec(outcome.name) ?? [];
    return GENERATED.test(outcome.file) && fault !== ''
      ? [{ ...outcome, fault, command: command as Command, text }]
      : [];
  });
  return [...Map.groupBy(tests, ({ fault }) => fault)].map(([fault, some]) => ({
    fault,
    cells: new Map(some.map(({ command, text, file, outcome }) => [command, toCell(outcome, text, file)])),
  }));
}

function toCell(outcome: string, text: string, file: string): Cell {
  const problem = outcome === 'passed' ? undefined : `${outcome}: ${text}`;
  return { text: `${MARKS[outcome]} [${text}](../${file})`, asserted: true, problem };
}

function mappedRow(row: { fault: string } & Record<Command, MappedCell>, outcomes: readonly Outcome[]): Row {
  return { fault: row.fault, cells: new Map(COMMANDS.map((command) => [command, mappedCell(row[command], outcomes)])) };
}

function mappedCell(cell: MappedCell, outcomes: readonly Outcome[]): Cell {
  if ('none' in cell) return { text: `– ${cell.none}`, asserted: false, problem: undefined };
  const file = `test/e2e/${cell.file}.test.ts`;
  const found = outcomes.find((one) => one.file === file && one.name.endsWith(cell.test));
  if (found !== undefined) return toCell(found.outcome, cell.test, file);
  return { text: `✖ ${cell.test}`, asserted: false, problem: `there is no test "${cell.test}" in ${file}` };
}

function countCells(rows: readonly Row[]): { all: number; asserted: number } {
  const cells = rows.flatMap(({ cells }) => [...cells.values()]);
  return { all: cells.length, asserted: cells.filter(({ asserted }) => asserted).length };
}

/** The page as Markdown. */
export function renderPage(rows: readonly Row[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const table = rows.map(({ fault, cells }) =>
    line([fault, ...COMMANDS.map((command) => cells.get(command)?.text ?? '')]),
  );
  const { all, asserted } = countCells(rows);
  return [
    '# What each command does when something breaks',
    '',
    'Each cell with a link is a test on a real cluster, with real stores, and how it has to end: a run of all tests fails when this page is',
    'not what it found. `create` returns at once, `wait` is `create --wait`. In every row nothing is called saved that is not there whole, and',
    '`delete` leaves no Job, pod or Secret: each tarball that any command of any test calls saved is looked at, and each command that',
    'undoes or deletes is looked after; the run prints both counts. A dash says why a fault cannot reach a command.',
    '',
    `${rows.length} faults; ${asserted} of ${all} cells are tests.`,
    '',
    line(['Fault', ...COMMANDS]),
    line(['---', ...COMMANDS.map(() => '---')]),
    ...table,
    '',
  ].join('\n');
}
