// Writes the tables of flags in README.md, between `<!-- flags:NAME -->` and `<!-- end -->`, from the rows that make the
// parser and the help.
//
// usage: node scripts/readme-flags.ts [--check]      --check: only tells whether they are up to date
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { connectionRows } from '../src/commands/connection-rows.ts';
import type { OptionRow } from '../src/commands/option-row.ts';
import * as options from '../src/commands/options.ts';

const readme = join(resolve(import.meta.dirname, '..'), 'README.md');

const TABLES: Record<string, readonly OptionRow[]> = {
  create: options.createRows,
  check: options.checkOwnRows,
  list: options.listRows,
  status: options.statusRows,
  stop: options.stopRows,
  delete: options.deleteRows,
  prune: options.pruneRows,
  download: options.downloadRows,
  upload: options.uploadRows,
  local: options.localRows,
  version: options.versionRows,
  connection: connectionRows,
};

/** Rows that one table may have. */
const LONG = 12;

/** The flags of one command as Markdown tables; those of the connection have a table of their own. */
function renderTable(name: string, rows: readonly OptionRow[]): string {
  const shared = new Set(name === 'connection' ? [] : connectionRows);
  const own = rows.filter((row) => !shared.has(row));
  const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
  const line = (row: OptionRow): string =>
    `| \`${row.flags}\` | ${cell(row.description)} | ${cell(row.default ?? '')} |`;
  const table = (some: readonly OptionRow[]): string =>
    ['| flag | meaning | default |', '| --- | --- | --- |', ...some.map(line)].join('\n');
  if (own.length <= LONG) return table(own);
  // A long table is told by the headings of the help.
  const groups = Map.groupBy(own, (row) => row.group);
  return [...groups].map(([group, some]) => `_${group.replace(/:$/, '')}_\n\n${table(some)}`).join('\n\n');
}

const before = readFileSync(readme, 'utf8');
const after = before.replace(/(<!-- flags:(\w+) -->\n)[\s\S]*?(<!-- end -->)/g, (_all, start, name: string, end) => {
  const rows = TABLES[name];
  if (rows === undefined) throw new Error(`README.md asks for the flags of ${name}, which is no command`);
  return `${start}${renderTable(name, rows)}\n${end}`;
});
const missing = Object.keys(TABLES).filter((name) => !before.includes(`<!-- flags:${name} -->`));
if (missing.length > 0) throw new Error(`README.md has no table of the flags of ${missing.join(', ')}`);
if (process.argv.includes('--check')) {
  if (after !== before) throw new Error('the flags in README.md are out of date: node scripts/readme-flags.ts');
} else {
  writeFileSync(readme, after);
}
