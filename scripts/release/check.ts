import { readFileSync } from 'node:fs';
import { runProgram } from '../build/run.ts';
import type { Target } from '../build/targets.ts';
import { checkOurMachO, checkOurPe } from './formats.ts';

/** How a platform's binary is checked on this machine. */
export function howChecked(target: Target): string {
  if (target.runner?.length === 0) return 'runs here';
  if (target.runner) return target.platform === 'win' ? 'runs under Wine' : 'runs under qemu-user';
  return target.platform === 'macos' ? 'Mach-O, ad-hoc signature; not run' : 'PE; not run';
}

/** Throws if a platform's binary is not what it should be, as far as this machine can tell. */
export function checkBinary(program: string, target: Target, version: string): void {
  if (!target.runner) {
    const check = target.platform === 'macos' ? checkOurMachO : checkOurPe;
    check(readFileSync(program), target.arch);
    return;
  }
  const told = runProgram(program, target, ['version', '--client']);
  if (told.status !== 0 || !told.stdout.includes(`v${version}`))
    throw new Error(`version --client: status ${told.status}, ${told.stdout}${told.stderr}`);
  const refused = runProgram(program, target, ['capture', 'create', '--no-such-flag']);
  if (refused.status !== 2 || !refused.stderr.includes('--no-such-flag'))
    throw new Error(`a usage error ended with status ${refused.status}, ${refused.stderr}`);
}
