import { Command, Option } from 'commander';
import type { OptionRow } from './commands/option-row.ts';
import {
  createRows,
  deleteRows,
  downloadRows,
  listRows,
  localRows,
  statusRows,
  stopRows,
  versionRows,
} from './commands/options.ts';
import type { Deps } from './deps.ts';
import { UsageError } from './errors.ts';

/** How a command ended: its exit code. */
export type Ended = { code: number };

type Io = { stdout: NodeJS.WriteStream; stderr: NodeJS.WriteStream };
/** Flags by their camel-case names; each command declares which it takes. */
type Flags = Record<string, never>;

/** The command tree. Commands are loaded when they run: `--help` and `version` need none of a cluster's client. */
export function createProgram(deps: Deps, io: Io, ended: Ended): Command {
  const program = new Command('kubectl-retina')
    .description('Packet captures across a Kubernetes cluster: one command, one verified tarball per node.')
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      outputError: (text, write) => write(withSuggestion(text, program)),
    })
    .showSuggestionAfterError(true)
    .showHelpAfterError('  The commands: kubectl retina --help')
    .exitOverride();
  const end = (code: number): void => {
    ended.code = code;
  };
  addCaptureCommands(group(program, 'capture', 'make, watch, end and fetch captures'), deps, end);
  leaf(program, 'version', 'the versions of this program, its capture image and the server', versionRows).action(
    async (flags: Flags) => end(await (await import('./commands/version.ts')).version(deps, flags)),
  );
  addHiddenCommands(program, deps, io, end);
  return program;
}

function addCaptureCommands(capture: Command, deps: Deps, end: (code: number) => void): void {
  leaf(capture, 'create', 'start a capture: one Job on each node', createRows).action(async (flags: Flags) =>
    end(await (await import('./commands/create.ts')).create(deps, flags)),
  );
  leaf(capture, 'list', 'the captures and their state', listRows).action(async (flags: Flags) =>
    end(await (await import('./commands/list.ts')).list(deps, flags)),
  );
  leaf(capture, 'status', 'one capture in depth: packets, losses, tarballs, errors', statusRows)
    .argument('[name]', 'the capture')
    .action(async (name: string | undefined, flags: Flags) =>
      end(await (await import('./commands/status.ts')).status(deps, name, flags)),
    );
  leaf(capture, 'stop', 'end a capture early and keep its files', stopRows)
    .argument('[name]', 'the capture')
    .action(async (name: string | undefined, flags: Flags) =>
      end(await (await import('./commands/stop.ts')).stop(deps, name, flags)),
    );
  leaf(capture, 'download', 'fetch the tarballs of captures, and verify them', downloadRows)
    .argument('[names...]', 'the captures')
    .action(async (names: string[], flags: Flags) =>
      end(await (await import('./commands/download.ts')).download(deps, names, flags)),
    );
  leaf(capture, 'delete', 'remove the Jobs, pods and Secrets of captures; delivered files stay', deleteRows)
    .argument('[names...]', 'the captures')
    .action(async (names: string[], flags: Flags) =>
      end(await (await import('./commands/delete.ts')).deleteCommand(deps, names, flags)),
    );
  leaf(capture, 'local', 'the same capture on this machine, without a cluster', localRows).action(
    async (flags: Flags) => end(await (await import('./commands/local.ts')).local(deps, flags)),
  );
}

/** What the pods run. */
function addHiddenCommands(program: Command, deps: Deps, io: Io, end: (code: number) => void): void {
  program.command('workload', { hidden: true }).action(async () => {
    const { workload } = await import('./commands/workload.ts');
    end(await workload({ signal: deps.signal, now: deps.now, log: deps.ui.note }));
  });
  program
    .command('node-files', { hidden: true })
    .argument('[words...]')
    .action(async (words: string[]) => {
      const { nodeFiles } = await import('./commands/node-files.ts');
      end(await nodeFiles(words, { stdout: io.stdout, signal: deps.signal }));
    });
}

function group(parent: Command, name: string, description: string): Command {
  return configured(parent, name, description);
}

function leaf(parent: Command, name: string, description: string, rows: readonly OptionRow[]): Command {
  const command = configured(parent, name, description);
  const words = new Set(rows.flatMap((row) => row.flags.split(/,? /)).filter((word) => word.startsWith('--')));
  for (const row of rows) command.addOption(toOption(row, words));
  return command;
}

/** Arguments that a command does not know are refused, and the message names the help instead of showing it. */
function configured(parent: Command, name: string, description: string): Command {
  const path = ['kubectl retina', ...(parent.parent === null ? [] : [parent.name()]), name].join(' ');
  return parent
    .command(name)
    .description(description)
    .allowExcessArguments(false)
    .showHelpAfterError(`  What it takes: ${path} --help`)
    .helpOption('-h, --help', 'show this help');
}

/** What commander tells of a wrong command line, in the form of our other errors. */
function withSuggestion(text: string, program: Command): string {
  const word = /^error: unknown command '([^']*)'/.exec(text)?.[1];
  const group = program.commands.find((command) => command.commands.some((sub) => sub.name() === word));
  // `kubectl retina list` is a slip of those who expect no group.
  if (group !== undefined)
    return `error: unknown command '${word}'\n  Did you mean: kubectl retina ${group.name()} ${word}\n`;
  const missing = /^error: option '.*?(--[\w-]+) .*' argument missing/.exec(text)?.[1];
  if (missing !== undefined) return `error: ${missing}: its value is missing\n`;
  // The value of a flag that is not known may be a credential.
  const bare = text.replace(/^(error: unknown option '--[^=\n]*)=.*?'$/m, "$1'");
  return bare.replace(/\n\((Did you mean .*)\)\n/, '\n  $1\n');
}

function toOption(row: OptionRow, words: ReadonlySet<string>): Option {
  const text = row.default === undefined ? row.description : `${row.description} (default: ${row.default})`;
  if (isBoolean(row)) {
    // An optional value, so that `--flag=false` works; normalize gives the bare flag its `=true`.
    const option = new Option(`${row.flags} [bool]`, text).helpGroup(row.group).argParser(parseBoolean(row));
    // `--no-headers` is a flag of its own here, not the opposite of `--headers`.
    option.negate = false;
    return option;
  }
  const option = new Option(row.flags, text).helpGroup(row.group);
  return option.argParser<string | string[]>((value, all) => {
    if (words.has(value.replace(/=.*/s, ''))) {
      throw new UsageError(`${option.long}: its value is missing: ${value.replace(/=true$/, '')} is a flag`);
    }
    return row.repeatable ? [...(Array.isArray(all) ? all : []), value] : value;
  });
}

function isBoolean(row: OptionRow): boolean {
  return !row.flags.includes('<');
}

function parseBoolean(row: OptionRow): (text: string) => boolean {
  const flag = row.flags.split(' ').at(-1);
  return (text) => {
    if (text === 'true' || text === '1') return true;
    if (text === 'false' || text === '0') return false;
    throw new UsageError(`${flag}: "${text}" is not true or false`);
  };
}

const ALL_ROWS = [createRows, localRows, listRows, statusRows, stopRows, deleteRows, downloadRows, versionRows].flat();

/**
 * Writes a command line as kubectl reads it: a bare `--wait` means `--wait=true` and never takes the next argument;
 * `--no-wait` is the opposite of `--wait`; a group of commands without a command shows its help.
 */
export function normalize(argv: readonly string[]): string[] {
  if (argv.length === 0 || (argv.length === 1 && argv[0] === 'capture')) return [...argv, '--help'];
  const bare = new Set(ALL_ROWS.filter(isBoolean).flatMap((row) => row.flags.split(', ')));
  const end = argv.indexOf('--');
  return argv.map((word, index) => {
    if (end !== -1 && index > end) return word;
    const opposite = /^--no-wait(?:=(.*))?$/.exec(word);
    if (opposite !== null) return `--wait=${opposite[1] === 'false' || opposite[1] === '0'}`;
    if (!bare.has(word)) return word;
    return word.startsWith('--') ? `${word}=true` : `${word}true`;
  });
}
