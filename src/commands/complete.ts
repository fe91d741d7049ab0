import type { Command, Option } from 'commander';
import type { Deps } from '../deps.ts';
import type { ConnectionOptions } from '../kube/cluster.ts';
import { type Part, readParts } from './command-line.ts';
import { argumentValues, type Candidates, NOTHING, type Typed, valuesOfFlag, words } from './complete-values.ts';
import { connectionRows } from './connection-rows.ts';

/** Milliseconds that a cluster has to answer: who presses TAB does not wait for it. */
const PATIENCE = 220;
const REPEATABLE = connectionRows.filter((row) => row.repeatable).map((row) => longName(row.flags));

/**
 * `__complete`, hidden: prints what a command line can go on with, one a line with a tab before its description, and
 * last `:N`, as cobra's command of that name does: kubectl and our scripts read it. It never fails.
 */
export async function complete(deps: Deps, root: Command, typed: readonly string[]): Promise<void> {
  const late = new Promise<Candidates>((resolve) => setTimeout(resolve, PATIENCE, NOTHING).unref());
  const answer = candidatesFor(deps, root, typed).catch(() => NOTHING);
  const { found, directive } = await Promise.race([answer, late]);
  for (const { text, description } of found) {
    deps.ui.print(description === undefined ? text : `${text}\t${description.replace(/\s+/g, ' ')}`);
  }
  deps.ui.print(`:${directive}`);
}

async function candidatesFor(deps: Deps, root: Command, line: readonly string[]): Promise<Candidates> {
  const current = line.at(-1) ?? '';
  const before = line.slice(0, -1);
  const { command, args, flags, open } = walk(root, before);
  const typed: Typed = { command: command.name(), args, flags, connection: connectionOf(flags) };
  if (open !== undefined) return valuesOfFlag(deps, optionOf(root, command, open), current, typed);
  const [, flag, value] = /^(-[^=]+)=(.*)$/s.exec(current) ?? [];
  if (flag !== undefined && !before.includes('--')) {
    return valuesOfFlag(deps, optionOf(root, command, flag), value ?? '', typed);
  }
  if (current.startsWith('-') && !before.includes('--')) return flagNames(root, command, current, flags);
  if (command.commands.length > 0) return args.length > 0 ? NOTHING : subcommands(command, current);
  return argumentValues(deps, command, current, typed);
}

type Walked = { command: Command; args: string[]; flags: Map<string, string[]>; open: string | undefined };

/** What the words before the one to complete say: the command, its arguments and flags, and a flag without its value. */
function walk(root: Command, before: readonly string[]): Walked {
  const end = before.indexOf('--');
  const parts: readonly Part[] = readParts(end === -1 ? before : before.slice(0, end));
  const walked: Walked = { command: root, args: [], flags: new Map(), open: undefined };
  for (const part of parts) {
    if ('flag' in part) {
      walked.flags.set(part.flag, [
        ...(walked.flags.get(part.flag) ?? []),
        ...(part.value === undefined ? [] : [part.value]),
      ]);
    } else {
      const below =
        walked.args.length === 0 ? walked.command.commands.find((sub) => sub.name() === part.word) : undefined;
      if (below !== undefined) walked.command = below;
      else if (part.word !== 'help' || walked.command.commands.length === 0) walked.args.push(part.word);
    }
  }
  const last = parts.at(-1);
  if (last !== undefined && 'flag' in last && last.value === undefined && end === -1) walked.open = last.flag;
  if (end !== -1) walked.args.push(...before.slice(end + 1));
  return walked;
}

/** A flag by any of its names; before the command is known, that of any command. */
function optionOf(root: Command, command: Command, name: string): Option | undefined {
  const options = command.commands.length > 0 ? leaves(root).flatMap((leaf) => leaf.options) : command.options;
  return options.find((option) => option.long === name || option.short === name);
}

function leaves(command: Command): readonly Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leaves);
}

function flagNames(root: Command, command: Command, current: string, flags: Walked['flags']): Candidates {
  // Before a command is named, the flags of the connection.
  const options =
    command.commands.length === 0
      ? command.options
      : connectionRows.flatMap((row) => optionOf(root, command, longName(row.flags)) ?? []);
  const open = options.filter(({ long }) => REPEATABLE.includes(long ?? '') || !flags.has(long ?? ''));
  const all = open.map((option) => ({ text: option.long ?? '', description: option.description }));
  return words([...all, { text: '--help', description: 'show this help' }], current);
}

function longName(flags: string): string {
  return flags.replace(/ <.*/, '').split(', ').at(-1) ?? '';
}

function subcommands(command: Command, current: string): Candidates {
  const visible = command.createHelp().visibleCommands(command);
  return words(
    visible.map((sub) => ({ text: sub.name(), description: sub.description() })),
    current,
  );
}

/** The connection flags that are typed already: what is asked must be asked of that cluster. */
function connectionOf(flags: Walked['flags']): ConnectionOptions {
  const entries = connectionRows.flatMap((row) => {
    const long = longName(row.flags);
    const values = flags.get(long);
    if (values === undefined) return [];
    const key = long.slice(2).replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
    const last = values.at(-1);
    return [[key, row.repeatable ? values : row.flags.includes('<') ? last : last === 'true']];
  });
  return Object.fromEntries(entries) as ConnectionOptions;
}
