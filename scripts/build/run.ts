import { spawnSync } from 'node:child_process';
import type { Target } from './targets.ts';

/** Of one run: on a busy machine an emulator takes half a minute for what takes a blink without. */
export const RUN_MS = 300_000;

/** Runs a program of a target's platform on this machine, which must have a runner for it. */
export function runProgram(
  program: string,
  target: Target,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
) {
  if (!target.runner) throw new Error(`this machine cannot run programs of ${target.name}`);
  const [command = '', ...rest] = [...target.runner, program, ...args];
  return spawnSync(command, rest, { env, encoding: 'utf8', timeout: RUN_MS, stdio: ['ignore', 'pipe', 'pipe'] });
}
