import { spawnSync } from 'node:child_process';
import type { Target } from './targets.ts';

/** Runs a program of a target's platform on this machine, which must have a runner for it. */
export function runProgram(
  program: string,
  target: Target,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
) {
  if (!target.runner) throw new Error(`this machine cannot run programs of ${target.name}`);
  const [command = '', ...rest] = [...target.runner, program, ...args];
  return spawnSync(command, rest, { env, encoding: 'utf8', timeout: 60_000, stdio: ['ignore', 'pipe', 'pipe'] });
}
