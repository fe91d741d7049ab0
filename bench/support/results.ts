import { readFileSync, writeFileSync } from 'node:fs';
import { arch, cpus, release, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { median, say } from './measure.ts';

const FILE = join(resolve(import.meta.dirname, '..'), 'RESULTS.md');
const HEAD =
  '| | ours | beside | ratio | target | met | rounds, least to most |\n| --- | --- | --- | --- | --- | --- | --- |';

/** One measurement: values of each round, in one unit, and what they are held against. */
export type Row = {
  what: string;
  unit: string;
  ours: readonly number[];
  baseline?: { name: string; values: readonly number[] };
  /** At most so many times the baseline, or so many units. */
  target?: { times: number } | { most: number };
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
  return `# Results

Medians, written by the benches themselves (\`make bench\`; the rows that move 10 GB: see each section's command). \`ratio\` is ours divided by what
stands beside it. Measured on ${all.length} × ${all[0]?.model.trim() ?? 'an unknown processor'} (${arch()}), ${memory}, Linux ${release()}, Node ${process.versions.node}.
`;
}

function cellsOf({ what, unit, ours, baseline, target }: Row): string[] {
  const value = median(ours);
  const base = baseline === undefined ? Number.NaN : median(baseline.values);
  const ratio = value / base;
  const [wanted, met] =
    target === undefined
      ? ['', '']
      : 'times' in target
        ? [`≤ ${target.times} ×`, ratio <= target.times ? 'yes' : '**no**']
        : [`≤ ${target.most} ${unit}`, value <= target.most ? 'yes' : '**no**'];
  return [
    what,
    amount(value, unit),
    baseline === undefined ? '' : `${amount(base, unit)} (${baseline.name})`,
    Number.isNaN(ratio) ? '' : ratio.toFixed(2),
    wanted,
    met,
    `${amount(Math.min(...ours), unit)} to ${amount(Math.max(...ours), unit)} (${ours.length})`,
  ];
}

function amount(value: number, unit: string): string {
  return `${value >= 100 ? value.toFixed(0) : Number(value.toPrecision(3))} ${unit}`;
}
