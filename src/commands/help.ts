import type { Command, Option } from 'commander';
import { nearest } from '../capture/suggest.ts';
import { EXAMPLES } from './examples.ts';

/** What people call a flag or a command that is named otherwise here: in kubectl, in tcpdump, or in one's head. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  '--node': '--node-names',
  '--nodes': '--node-names',
  '--node-name': '--node-names',
  '--pod': '--pod-names',
  '--pods': '--pod-names',
  '--selector': '--pod-selectors',
  '-l': '--pod-selectors',
  '-i': '--interfaces',
  '--filter': '--pcap-filter',
  '--bpf': '--pcap-filter',
  '--snaplen': '--packet-size',
  '--count': '--packet-count',
  '-c': '--packet-count',
  '--size': '--max-size',
  '--follow': '--watch',
  '--output-dir': '--output',
  '--bucket': '--s3-bucket',
};
const OTHER_COMMANDS: Readonly<Record<string, string>> = {
  start: 'create',
  run: 'create',
  get: 'list',
  ls: 'list',
  describe: 'status',
  show: 'status',
  rm: 'delete',
  remove: 'delete',
  clean: 'prune',
  cleanup: 'prune',
  gc: 'prune',
  preflight: 'check',
  validate: 'check',
  fetch: 'download',
  cp: 'download',
};

/** The words that call a command. */
export function commandPath(command: Command): string {
  return command.parent === null ? command.name() : `${commandPath(command.parent)} ${command.name()}`;
}

/** `kubectl retina capture create [TARGET…] [flags]`. */
export function commandUsage(command: Command): string {
  if (command.commands.length > 0) return `${commandPath(command)} COMMAND [flags]`;
  const words = command.registeredArguments.map((argument) => {
    const name = argument.argChoices?.join('|') ?? argument.name().toUpperCase().replace(/S$/, '');
    const shown = `${name}${argument.variadic ? '…' : ''}`;
    return argument.required ? shown : `[${shown}]`;
  });
  return [commandPath(command), ...words, '[flags]'].join(' ');
}

/** The examples of a command, for the end of its help. */
export function renderExamples(command: Command): string {
  const examples = EXAMPLES[commandPath(command)] ?? [];
  return ['', 'Examples:', ...examples.flatMap(({ what, line }) => [`  # ${what}`, `  ${line}`])].join('\n');
}

/** What commander tells of a wrong command line, in the form of our other errors, with what was probably meant. */
export function explainRefusal(text: string, command: Command): string {
  const missing = /^error: option '.*?(--[\w-]+) .*' argument missing/.exec(text)?.[1];
  if (missing !== undefined) return `error: ${missing}: its value is missing\n`;
  const [, what, typed = ''] = /^error: unknown (command|option) '([^']*)'/.exec(text) ?? [];
  if (what === undefined) return text;
  const meant = what === 'command' ? meantCommand(typed, command) : meantFlag(typed, command);
  const hint = meant?.includes(' ')
    ? `  Did you mean: ${meant}\n`
    : meant === undefined
      ? ''
      : `  Did you mean ${meant}?\n`;
  return `error: unknown ${what} '${typed.replace(/=.*/s, '')}'\n${hint}`;
}

function meantFlag(typed: string, command: Command): string | undefined {
  const name = typed.replace(/=.*/s, '');
  if (name === '--version' || name === '-V') return 'kubectl retina version';
  const known = command.options.map((option: Option) => option.long ?? '').concat('--help');
  const other = OTHER_NAMES[name];
  if (other !== undefined && known.includes(other)) return other;
  const longer = known.filter((flag) => name.length > 4 && flag.startsWith(name));
  return nearest(name, known) ?? (longer.length === 1 ? longer[0] : undefined);
}

function meantCommand(typed: string, command: Command): string | undefined {
  const here = visible(command);
  const known = nearest(typed, here) ?? here.find((name) => name === OTHER_COMMANDS[typed]);
  if (known !== undefined) return known;
  // `kubectl retina list` is a slip of those who expect no group.
  const whole = command.commands.flatMap((group) => {
    const below = visible(group);
    const name = nearest(typed, below) ?? below.find((word) => word === OTHER_COMMANDS[typed]);
    return name === undefined ? [] : [`${commandPath(group)} ${name}`];
  });
  return whole[0];
}

function visible(command: Command): string[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .map((sub) => sub.name());
}
