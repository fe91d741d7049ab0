import { CommanderError } from 'commander';
import { createProgram, type Ended } from './cli.ts';
import { normalize } from './commands/command-line.ts';
import type { Deps, Habits } from './deps.ts';
import { exitCodeFor, InterruptedError, UsageError } from './errors.ts';
import { renderError } from './ui/error-text.ts';
import { createUi } from './ui/terminal.ts';

const ID_LETTERS = 'bcdfghjklmnpqrstvwxz2456789';

/**
 * The first signal asks the command to undo what it began and end; the second ends it where it is, and tells what may be
 * left. Of Ctrl-C, a command that waits may take the first for a question of its own.
 */
function listenToSignals(): Pick<Deps, 'signal' | 'onInterrupt' | 'mayLeave'> {
  const controller = new AbortController();
  let first: (() => void) | undefined;
  const left = new Set<string>();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) endAtOnce(left);
      const answer = name === 'SIGINT' ? first : undefined;
      first = undefined;
      if (answer === undefined) controller.abort(new InterruptedError());
      else answer();
    });
  }
  const onInterrupt = (answer: () => void): (() => void) => {
    first = answer;
    return () => {
      if (first === answer) first = undefined;
    };
  };
  const mayLeave: Deps['mayLeave'] = async (words, action) => {
    left.add(words);
    try {
      return await action();
    } finally {
      left.delete(words);
    }
  };
  return { signal: controller.signal, onInterrupt, mayLeave };
}

function endAtOnce(left: ReadonlySet<string>): never {
  for (const words of left) process.stderr.write(`ended at once: ${words}\n`);
  process.exit(130);
}

/**
 * A reader that went away (`| head`, a terminal that was closed) is no failure of ours, and no reason to leave a capture
 * half made: the command goes on to its end, and its exit code tells how that was. What only shows changes ends by the
 * signal that is returned. Results that could not be written for another reason, such as a full disk, make the code 1.
 */
function surviveLostReaders(): AbortSignal {
  const ignored = ['EPIPE', 'EIO', 'ERR_STREAM_DESTROYED'];
  const unread = new AbortController();
  let lost: NodeJS.ErrnoException | undefined;
  process.stderr.on('error', () => undefined);
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (ignored.includes(error.code ?? '')) unread.abort();
    else lost ??= error;
  });
  process.on('exit', (code) => {
    if (lost === undefined) return;
    process.stderr.write(`error: not all of the results could be written: ${lost.message}\n`);
    if (code === 0) process.exitCode = 1;
  });
  return unread.signal;
}

/**
 * Node's module is loaded here: at each start it would take as long as all of ours, and the global `crypto` takes longer
 * still. Whatever needs such a name also speaks TLS, which loads the module anyway.
 */
function newId(): string {
  const { randomInt } = process.getBuiltinModule('node:crypto');
  return Array.from({ length: 5 }, () => ID_LETTERS[randomInt(ID_LETTERS.length)]).join('');
}

type Listening = Pick<Deps, 'signal' | 'unread' | 'onInterrupt' | 'mayLeave'>;

function createDeps(listening: Listening, habits: Habits): Deps {
  const { signal } = listening;
  const ui = createUi(process, process.env, habits);
  return {
    connect: async (options) => {
      const { connect } = await import('./kube/client-node.ts');
      return connect(options, process.env, { signal, traced: ui.detail, troubled: ui.trouble });
    },
    configNames: async (options) => (await import('./kube/config.ts')).configNames(options, process.env),
    now: () => new Date(),
    newId,
    env: process.env,
    ui,
    ...listening,
  };
}

async function main(): Promise<number> {
  const ended: Ended = { code: 0, atOnce: false };
  const unread = surviveLostReaders();
  const habits: Habits = { verbose: false, noColor: false };
  const deps = createDeps({ ...listenToSignals(), unread }, habits);
  const io = { stdout: process.stdout, stderr: process.stderr, habits };
  try {
    const line = normalize(process.argv.slice(2));
    await createProgram(deps, { ...io, line }, ended).parseAsync(line, { from: 'user' });
    // Written first: a pipe takes what it is given later than this program ends, on some systems.
    if (ended.atOnce) process.stdout.write('', () => process.exit(ended.code));
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
