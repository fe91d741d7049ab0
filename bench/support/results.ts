import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { arch, cpus, loadavg, release, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { median, say } from './measure.ts';

const FILE = join(resolve(import.meta.dirname, '..'), 'RESULTS.md');
const HEAD =
  '| | ours | beside | ratio | target | met | rounds, least to most | of what is beside |\n| --- | --- | --- | --- | --- | --- | --- | --- |';

/** One measurement: values of each round, in one unit, and what they are held against. */
export type Row = {
  what: string;
  unit: string;
  ours: readonly number[];
  baseline?: { name: string; values: readonly number[] };
  /** At most so many times the baseline, at most so many units, or at least so many. */
  target?: { times: number } | { most: number } | { least: number };
};

/** Says what was measured, and writes it into bench/RESULTS.md: a section takes the place of the one of its title. */
export function report({ title, command }: { title: string; command: string }, rows: readonly Row[]): void {
  for (const row of rows) say(cellsOf(row).filter(Boolean).join('; '));
  const table = rows.map((row) => `| ${cellsOf(row).join(' | ')} |`).join('\n');
  const section = `## ${title}\n\n\`${command}\`\n\n${HEAD}\n${table}\n`;
  const others = sections().filter((each) => !each.startsWith(`## ${title}\n`));
  writeFileSync(FILE, [head(), ...[...others, section].sort()].join('\n'));
}

function sections(): string[] {
  let text = '';
  try {
    text = readFileSync(FILE, 'utf8');
  } catch {
    // The first section makes the file.
  }
  return text
    .split(/^(?=## )/m)
    .slice(1)
    .map((section) => `${section.trimEnd()}\n`);
}

/** Of this machine: a section that was measured elsewhere is measured anew, or says so. */
function head(): string {
  const all = cpus();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  const load = loadavg().map((each) => each.toFixed(2));
  return `# Results

Medians, written by the benches themselves (\`make bench\` begins anew). \`ratio\` is ours divided by what stands beside it. Measured on
${all.length} × ${all[0]?.model.trim() ?? 'an unknown processor'} (${arch()}), ${memory}, Linux ${release()}, Node ${process.versions.node}; commit ${commit()}.
The last section was written on ${new Date().toISOString()}, with a load of ${load.join(', ')} in the 1, 5 and 15 minutes before.
`;
}

/** The commit of the sources, with a mark where they differ from it. */
function commit(): string {
  try {
    const argv = ['describe', '--always', '--dirty', '--abbrev=12', '--exclude=*'];
    return execFileSync('git', argv, { cwd: import.meta.dirname, encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
}

function cellsOf({ what, unit, ours, baseline, target }: Row): string[] {
  const value = median(ours);
  const base = baseline === undefined ? Number.NaN : median(baseline.values);
  const ratio = value / base;
  return [
    what,
    amount(value, unit),
    baseline === undefined ? '' : `${amount(base, unit)} (${baseline.name})`,
    Number.isFinite(ratio) ? `${Number(ratio.toPrecision(3))}` : '',
    ...(target === undefined ? ['', ''] : against(target, { value, base, unit })),
    spread(ours, unit),
    baseline === undefined ? '' : spread(baseline.values, unit),
  ];
}

/** What was wanted, and whether it was met. */
function against(
  target: NonNullable<Row['target']>,
  { value, base, unit }: { value: number; base: number; unit: string },
): [string, string] {
  const said = (met: boolean): string => (met ? 'yes' : '**no**');
  if ('times' in target) return [`≤ ${Number(target.times.toPrecision(3))} ×`, said(value <= target.times * base)];
  if ('most' in target) return [`≤ ${target.most} ${unit}`, said(value <= target.most)];
  return [`≥ ${target.least} ${unit}`, said(value >= target.least)];
}

/** The least and the most of all rounds, and how many these were. */
function spread(values: readonly number[], unit: string): string {
  return `${amount(Math.min(...values), unit)} to ${amount(Math.max(...values), unit)} (${values.length})`;
}

function amount(value: number, unit: string): string {
  return `${value >= 100 ? value.toFixed(0) : Number(value.toPrecision(3))} ${unit}`;
}
