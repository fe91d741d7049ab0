import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { extname, join, resolve } from 'node:path';

/** The project's folder. */
export const root = resolve(import.meta.dirname, '../..');

/** Files of the project that git tracks or would track, relative to it; without those that are deleted. */
export function projectFiles(): string[] {
  const list = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root });
  return list
    .toString()
    .split('\0')
    .filter((file) => file && statSync(join(root, file), { throwIfNoEntry: false })?.isFile());
}

/** The text of a project's file; undefined if it is not text. */
export function readText(file: string): string | undefined {
  const text = readFileSync(join(root, file), 'utf8');
  return text.includes('\0') ? undefined : text;
}

/** Whether a file is a shell script: by its name, or by its first line. */
export function isShell(file: string): boolean {
  const extension = extname(file);
  if (extension === '.sh') return true;
  return extension === '' && /^(#!\S*\/(env )?(ba)?sh\b|# shellcheck shell=)/u.test(readText(file) ?? '');
}

/** Runs a program in the project; `output` is all that it printed. */
export function runTool(program: string, args: readonly string[], cwd = root): { ok: boolean; output: string } {
  const path = `${join(root, 'node_modules/.bin')}:${process.env.PATH}`;
  const env = { ...process.env, PATH: path, NO_COLOR: '1' };
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd, env, encoding: 'utf8' });
  return { ok: status === 0, output: `${stdout ?? ''}${stderr ?? ''}${error ? error.message : ''}` };
}
