import { styleText } from 'node:util';

/** A test that failed: its name with those of its groups, where it is, and what it threw. */
export type Failure = { name: string; where: string; error: string };

/** Lines of what a test threw that its short form has. */
const SHORT = 4;

/** Each failure in full. */
export function renderFailures(failures: readonly Failure[]): string {
  return failures.map((one) => `${heading(one)}\n${one.error.replace(/^/gmu, '  ')}`).join('\n\n');
}

/** The failures once more, so short that they stand together where a run ends. */
export function renderDigest(failures: readonly Failure[]): string {
  return failures.map((one) => `${heading(one)}\n${shorten(one.error)}`).join('\n');
}

function heading({ name, where }: Failure): string {
  return `${styleText('red', '✖')} ${name}\n  ${where}`;
}

/** Without its stack, and without what of it is empty. */
function shorten(error: string): string {
  return error
    .split('\n')
    .filter((line) => line.trim() !== '' && !/^ +at /u.test(line))
    .slice(0, SHORT)
    .map((line) => `    ${line.slice(0, 200)}`)
    .join('\n');
}
