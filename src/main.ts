import { randomInt } from 'node:crypto';
import { CommanderError } from 'commander';
import { createProgram, type Ended, normalize } from './cli.ts';
import type { Deps, Habits } from './deps.ts';
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

function createDeps(signal: AbortSignal, habits: Habits): Deps {
  const ui = createUi(process, process.env, habits);
  return {
    connect: async (options) => {
      const { connect } = await import('./kube/client-node.ts');
      return connect(options, process.env, { signal, traced: ui.detail });
    },
    now: () => new Date(),
    newId: () => Array.from({ length: 5 }, () => ID_LETTERS[randomInt(ID_LETTERS.length)]).join(''),
    env: process.env,
    ui,
    signal,
  };
}

/**
 * One line for what a user can mend, then facts and what to do next, indented. For what is our fault one line too: its
 * stack needs --verbose.
 */
function renderError(error: unknown, verbose: boolean): string {
  const known = error as { hint?: unknown; name?: string };
  const hint = typeof known.hint === 'string' ? `\n${known.hint}` : '';
  if (error instanceof InterruptedError) return `\n${told(messageOf(error) + hint)}\n`;
  const ours = error instanceof Error && /^(UsageError|ClusterError|CaptureError)$/.test(error.name);
  if (ours) return `error: ${told(messageOf(error) + hint)}\n`;
  const fault = `error: this is a fault of kubectl-retina: ${told(messageOf(error))}`;
  if (verbose) return `${fault}\n${printable((error instanceof Error && error.stack) || '')}\n`;
  return `${fault}\n  Please report it with what the same command tells with --verbose.\n`;
}

/** All lines but the first indented, as a terminal may show them. */
function told(text: string): string {
  return printable(text).replace(/\n(?! {2})/g, '\n  ');
}

async function main(): Promise<number> {
  const ended: Ended = { code: 0 };
  // A reader that went away (`| head`) is no failure of ours, and no reason to leave a capture half made: the command
  // goes on to its end, and its exit code tells how that was.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
  }
  const habits: Habits = { verbose: false, noColor: false };
  const deps = createDeps(signalAbort(), habits);
  const io = { stdout: process.stdout, stderr: process.stderr, habits };
  try {
    await createProgram(deps, io, ended).parseAsync(normalize(process.argv.slice(2)), { from: 'user' });
    return ended.code;
  } catch (error) {
    if (error instanceof CommanderError) {
      // commander has told the problem already, or has shown the help that was asked for.
      return error.exitCode === 0 ? 0 : exitCodeFor(new UsageError(error.message));
    }
    process.stderr.write(renderError(error, habits.verbose));
    return exitCodeFor(error);
  }
}

// No top-level await: the single binary is built as CommonJS.
void main().then((code) => {
  process.exitCode = code;
});
