import { existsSync, readFileSync } from 'node:fs';
import type { Finding } from '../../test/e2e/support/finding.ts';
import { fromLines } from './json-lines.ts';

/** Adds up what the audit of every command's words found, and says it. Returns what is wrong with it. */
export function auditProblems(file: string, say: (line: string) => void): string[] {
  const findings = fromLines<Finding>(existsSync(file) ? readFileSync(file, 'utf8') : '');
  const total = (count: (finding: Finding) => number): number => findings.reduce((sum, one) => sum + count(one), 0);
  const [saved, unseen] = [total((one) => one.saved), total((one) => one.unseen.length)];
  const [wrong, left] = [total((one) => one.false.length), total((one) => one.left.length)];
  say(`  tarballs called saved: ${saved}, looked at: ${saved - unseen}`);
  say(`  commands that leave nothing: ${total((one) => one.ends)}`);
  say(`  captures reported saved that were not: ${wrong}; objects left: ${left}`);
  return wrong + left === 0 && saved > 0 ? [] : ['a command has said what is not so, or none was looked into'];
}
