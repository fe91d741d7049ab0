// Writes the tables of rights in docs/permissions.md, between `<!-- rights:NAME -->` and `<!-- end -->`, from the one that
// the program asks by and prints Roles from.
//
// usage: node scripts/permissions-table.ts [--check]      --check: only tells whether they are up to date
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { COMMAND_RIGHTS, type Row, type Rule, TARGET_RIGHTS } from '../src/capture/rights.ts';

const page = join(resolve(import.meta.dirname, '..'), 'docs/permissions.md');
const TABLES: Readonly<Record<string, readonly Row[]>> = {
  command: Object.values(COMMAND_RIGHTS),
  target: Object.values(TARGET_RIGHTS),
};
const PLACES: Readonly<Record<Rule['where'], string>> = {
  namespace: '',
  found: ' in the namespaces that are found',
  cluster: ' cluster-wide',
};

function words({ verbs, resource, where, named }: Rule): string {
  return `${verbs.join(', ')} \`${resource}\`${named ? ' (that one)' : ''}${PLACES[where]}`;
}

function renderTable(name: string, rows: readonly Row[]): string {
  const line = ({ use, needed, optional }: Row): string => {
    const without = optional.map((rule) => `${words(rule)}, else ${rule.otherwise}`);
    return `| ${use} | ${needed.map(words).join('; ')} | ${without.join('; ')} |`;
  };
  return [`| ${name} | needed | optional |`, '| --- | --- | --- |', ...rows.map(line)].join('\n');
}

const before = readFileSync(page, 'utf8');
const after = before.replace(/(<!-- rights:(\w+) -->\n)[\s\S]*?(<!-- end -->)/g, (_all, start, name: string, end) => {
  const rows = TABLES[name];
  if (rows === undefined)
    throw new Error(`docs/permissions.md asks for the rights of ${name}, of which there are none`);
  return `${start}${renderTable(name, rows)}\n${end}`;
});
const missing = Object.keys(TABLES).filter((name) => !before.includes(`<!-- rights:${name} -->`));
if (missing.length > 0) throw new Error(`docs/permissions.md has no table of ${missing.join(', ')}`);
if (process.argv.includes('--check')) {
  if (after !== before) throw new Error('docs/permissions.md is out of date: node scripts/permissions-table.ts');
} else {
  writeFileSync(page, after);
}
