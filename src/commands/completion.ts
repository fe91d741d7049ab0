import type { Deps } from '../deps.ts';
import { UsageError } from '../errors.ts';
import { bash } from './completion-bash.ts';
import { fish } from './completion-fish.ts';
import { kubectl } from './completion-kubectl.ts';
import { powershell } from './completion-powershell.ts';
import { zsh } from './completion-zsh.ts';

const SCRIPTS: Readonly<Record<string, string>> = { bash, zsh, fish, powershell, kubectl };

/** `completion SHELL`: a script for the shell to read, or for kubectl to run. */
export function completion(deps: Deps, shell: string): number {
  const script = Object.hasOwn(SCRIPTS, shell) ? SCRIPTS[shell] : undefined;
  if (script === undefined) {
    throw new UsageError(`there is no completion for "${shell}"`, `There is for ${Object.keys(SCRIPTS).join(', ')}.`);
  }
  deps.ui.print(script.trimEnd());
  return 0;
}
