import { randomInt } from 'node:crypto';
import { CommanderError } from 'commander';
import { createProgram, type Ended } from './cli.ts';
import { normalize } from './commands/command-line.ts';
import type { Deps } from './deps.ts';
import { exitCodeFor, InterruptedError, messageOf, UsageError } from './errors.ts';
import { printable } from './ui/printable.ts';
import { createUi } from './ui/terminal.ts';

const ID_LETTERS = 'bcdfghjklmnpqrstvwxz2456789';

/** The first signal asks the command to undo what it began and end; the second ends it where it is. */
function signalAbort(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(130);
      controller.abort(new InterruptedError());
    });
  }
  return controller.signal;
}

function createDeps(signal: AbortSignal): Deps {
  return {
    connect: async (options) => (await import('./kube/client-node.ts')).connect(options, process.env, signal),
    configNames: async (options) => (await import('./kube/config.ts')).configNames(options, process.env),
    now: () => new Date(),
    newId: () => Array.from({ length: 5 }, () => ID_LETTERS[randomInt(ID_LETTERS.length)]).join(''),
    env: process.env,
    ui: createUi(process.stdout, process.stderr),
    signal,
  };
}

/** One line for what a user can mend, then facts and what to do next, indented; the stack for what is our fault. */
function renderError(error: unknown): string {
  const known = error as { hint?: unknown; name?: string };
  const hint = typeof known.hint === 'string' ? `\n${known.hint}` : '';
  if (error instanceof InterruptedError) return `\n${told(messageOf(error) + hint)}\n`;
  const ours = error instanceof Error && /^(UsageError|ClusterError|CaptureError)$/.test(error.name);
  if (ours) return `error: ${told(messageOf(error) + hint)}\n`;
  const stack = error instanceof Error ? error.stack : String(error);
  return `error: this is a fault of kubectl-retina, please report it:\n${printable(stack ?? '')}\n`;
}

/** All lines but the first indented, as a terminal may show them. */
function told(text: string): string {
  return printable(text).replace(/\n(?! {2})/g, '\n  ');
}

async function main(): Promise<number> {
  const ended: Ended = { code: 0, atOnce: false };
  // A reader that went away (`| head`) is no failure of ours, and no reason to leave a capture half made: the command
  // goes on to its end, and its exit code tells how that was.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
  }
  const deps = createDeps(signalAbort());
  const io = { stdout: process.stdout, stderr: process.stderr };
  try {
    await createProgram(deps, io, ended).parseAsync(normalize(process.argv.slice(2)), { from: 'user' });
    // Written first: a pipe takes what it is given later than this program ends, on some systems.
    if (ended.atOnce) process.stdout.write('', () => process.exit(ended.code));
    return ended.code;
  } catch (error) {
    if (error instanceof CommanderError) {
      // commander has told the problem already, or has shown the help that was asked for.
      return error.exitCode === 0 ? 0 : exitCodeFor(new UsageError(error.message));
    }
    process.stderr.write(renderError(error));
    return exitCodeFor(error);
  }
}

// No top-level await: the single binary is built as CommonJS.
void main().then((code) => {
  process.exitCode = code;
});
