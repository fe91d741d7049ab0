import { Argument, Command, Option } from 'commander';
import { TARGET_WORDS } from './commands/capture-rows.ts';
import { isBoolean } from './commands/command-line.ts';
import { commandPath, commandUsage, explainRefusal, renderExamples } from './commands/help.ts';
import { GROUPS, type OptionRow } from './commands/option-row.ts';
import {
  checkRows,
  createRows,
  deleteRows,
  downloadRows,
  listRows,
  localRows,
  pruneRows,
  statusRows,
  stopRows,
  uploadRows,
  versionRows,
} from './commands/options.ts';
import type { Deps, Habits } from './deps.ts';
import { UsageError } from './errors.ts';

/** How a command ended: its exit code, and whether the program ends although something is still under way. */
export type Ended = { code: number; atOnce: boolean };

type Io = {
  stdout: NodeJS.WriteStream;
  stderr: NodeJS.WriteStream;
  habits: Habits;
  /** The command line as `normalize` writes it: the command's words come first. */
  line: readonly string[];
};
/** Flags by their camel-case names; each command declares which it takes. */
type Flags = Record<string, never>;

/** The command tree. Commands are loaded when they run: `--help` and `version` need none of a cluster's client. */
export function createProgram(deps: Deps, io: Io, ended: Ended): Command {
  const program = createRoot(io);
  const end = (code: number): void => {
    ended.code = code;
  };
  addCaptureCommands(group(program, 'capture', 'make, watch, end and fetch captures'), deps, end);
  leaf(program, 'version', 'the versions of this program, its capture image and the server', versionRows).action(
    async (flags: Flags) => end(await (await import('./commands/version.ts')).version(deps, flags)),
  );
  const shells = new Argument('<shell>', 'the shell; kubectl: what it runs for kubectl retina <TAB>');
  shells.argChoices = ['bash', 'zsh', 'fish', 'powershell', 'kubectl'];
  leaf(program, 'completion', 'a script that completes command lines in a shell', [])
    .addArgument(shells)
    .action(async (shell: string) => end((await import('./commands/completion.ts')).completion(deps, shell)));
  addHiddenCommands(program, deps, io, end);
  program
    .command('__complete', { hidden: true })
    .argument('[words...]')
    .action(async (words: string[]) => {
      await (await import('./commands/complete.ts')).complete(deps, program, words);
      ended.atOnce = true;
    });
  addFlags(program, io.line);
  return program;
}

/** The flags of each command, until they are added to it. */
const flagsOf = new WeakMap<Command, readonly OptionRow[]>();

/**
 * Adds the flags of the command that a line calls, and of all others where it calls none that has any: help and
 * completion look at them. The flags of all commands take several times as long as all else that is done here.
 */
function addFlags(program: Command, line: readonly string[]): void {
  let called = program;
  for (const word of line) {
    const below = called.commands.find((command) => command.name() === word);
    if (below === undefined) break;
    called = below;
  }
  for (const command of flagsOf.has(called) ? [called] : leaves(program)) {
    const rows = flagsOf.get(command) ?? [];
    const words = new Set(rows.flatMap((row) => row.flags.split(/,? /)).filter((word) => word.startsWith('--')));
    for (const row of rows) command.addOption(toOption(row, words));
  }
}

function leaves(command: Command): readonly Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leaves);
}

/** The program without its commands: how it helps and refuses, and the flags that tell how it speaks. */
function createRoot(io: Io): Command {
  const program = new Command('kubectl retina')
    .description('Packet captures across a Kubernetes cluster: one command, one verified tarball per node.')
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      outputError: (text, write) => write(explainRefusal(text, program)),
    })
    .configureHelp({
      commandUsage,
      optionTerm: ({ flags }) => flags.replace(' [bool]', ''),
      // Rows name their words themselves.
      optionDescription: ({ description }) => description,
      minWidthToWrap: 15,
    })
    .helpOption('-h, --help', 'show this help')
    .helpCommand(false)
    // Ours know the other names that people have for a flag.
    .showSuggestionAfterError(false)
    .showHelpAfterError('  The commands: kubectl retina --help')
    .exitOverride()
    .hook('preAction', (_program, command) => {
      const { verbose, debug, noColor } = command.opts<Partial<Habits> & { debug?: boolean }>();
      io.habits.verbose = verbose === true || debug === true;
      io.habits.noColor = noColor === true;
    });
  return program;
}

function addCaptureCommands(capture: Command, deps: Deps, end: (code: number) => void): void {
  addOrderCommands(capture, deps, end);
  leaf(capture, 'list', 'the captures and their state', listRows)
    .argument('[names...]', 'only these')
    .action(async (names: string[], flags: Flags) =>
      end(await (await import('./commands/list.ts')).list(deps, names, flags)),
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
  leaf(capture, 'upload', 'send again what a destination did not take, from the nodes that keep it', uploadRows)
    .argument('[names...]', 'the captures')
    .action(async (names: string[], flags: Flags) =>
      end(await (await import('./commands/upload.ts')).upload(deps, names, flags)),
    );
  addRemovals(capture, deps, end);
  leaf(capture, 'local', 'the same capture on this machine, without a cluster', localRows).action(
    async (flags: Flags) => end(await (await import('./commands/local.ts')).local(deps, flags)),
  );
}

function addRemovals(capture: Command, deps: Deps, end: (code: number) => void): void {
  leaf(capture, 'delete', 'remove the Jobs, pods and Secrets of captures; delivered files stay', deleteRows)
    .argument('[names...]', 'the captures')
    .action(async (names: string[], flags: Flags) =>
      end(await (await import('./commands/delete.ts')).deleteCommand(deps, names, flags)),
    );
  leaf(capture, 'prune', 'remove what is left in the cluster of captures that ended long ago', pruneRows).action(
    async (flags: Flags) => end(await (await import('./commands/prune.ts')).prune(deps, flags)),
  );
}

/** What takes the flags of a capture that is to be. */
function addOrderCommands(capture: Command, deps: Deps, end: (code: number) => void): void {
  leaf(capture, 'create', 'start a capture: one Job on each node', createRows)
    .argument('[targets...]', `KIND/NAME, or KIND NAME…: ${TARGET_WORDS}`)
    .action(async (targets: string[], flags: Flags) =>
      end(await (await import('./commands/create.ts')).create(deps, { ...flags, targets })),
    );
  leaf(capture, 'check', 'whether create with the same flags would work; creates nothing', checkRows)
    .argument('[targets...]', `KIND/NAME, or KIND NAME…: ${TARGET_WORDS}`)
    .action(async (targets: string[], flags: Flags) =>
      end(await (await import('./commands/check.ts')).check(deps, { ...flags, targets })),
    );
}

/** What the pods run. */
function addHiddenCommands(program: Command, deps: Deps, io: Io, end: (code: number) => void): void {
  program.command('workload', { hidden: true }).action(async () => {
    const { workload } = await import('./commands/workload.ts');
    end(await workload({ signal: deps.signal, now: deps.now, log: deps.ui.note }));
  });
  program.command('end-workload', { hidden: true }).action(async () => {
    const { endWorkload } = await import('./commands/end-workload.ts');
    end(await endWorkload());
  });
  program.command('send-again', { hidden: true }).action(async () => {
    const { sendAgainCommand } = await import('./commands/send-again.ts');
    end(await sendAgainCommand({ signal: deps.signal, log: deps.ui.note }));
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
  flagsOf.set(command, rows);
  return command
    .addHelpOption(new Option('-h, --help', 'show this help').helpGroup(GROUPS.output))
    .addHelpText('after', () => renderExamples(command));
}

/** Arguments that a command does not know are refused, and the message names the help instead of showing it. */
function configured(parent: Command, name: string, description: string): Command {
  const command = parent.command(name).description(description).allowExcessArguments(false);
  return command
    .showHelpAfterError(`  What it takes: ${commandPath(command)} --help`)
    .configureOutput({ outputError: (text, write) => write(explainRefusal(text, command)) })
    .helpOption('-h, --help', 'show this help');
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
  // For completion only: `choices` would also check them, before the other problems of a command line are known.
  if (row.values !== undefined) option.argChoices = [...row.values];
  return option.argParser<string | string[]>((value, all) => {
    if (words.has(value.replace(/=.*/s, ''))) {
      throw new UsageError(`${option.long}: its value is missing: ${value.replace(/=true$/, '')} is a flag`);
    }
    return row.repeatable ? [...(Array.isArray(all) ? all : []), value] : value;
  });
}

function parseBoolean(row: OptionRow): (text: string) => boolean {
  const flag = row.flags.split(' ').at(-1);
  return (text) => {
    if (text === 'true' || text === '1') return true;
    if (text === 'false' || text === '0') return false;
    throw new UsageError(`${flag}: "${text}" is not true or false`);
  };
}
