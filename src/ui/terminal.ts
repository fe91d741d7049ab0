import { Chalk, type ChalkInstance, supportsColor, supportsColorStderr } from 'chalk';
import type { Habits, Live, Ui } from '../deps.ts';
import { printable } from './printable.ts';
import { createTroubleTeller } from './trouble.ts';

type Streams = { stdin: NodeJS.ReadStream; stdout: NodeJS.WriteStream; stderr: NodeJS.WriteStream };

/**
 * The terminal, or the pipes in its place. Colours follow --no-color, then NO_COLOR, then FORCE_COLOR, then each stream.
 * The habits are read when something is said: the command line is not parsed yet when this is made.
 */
export function createUi(streams: Streams, env: NodeJS.ProcessEnv, habits: Habits): Ui {
  const { stdout, stderr } = streams;
  const colour = (detected: typeof supportsColor): ChalkInstance => {
    const none = habits.noColor || (env.NO_COLOR ?? '') !== '' || detected === false;
    return new Chalk({ level: none ? 0 : detected.level });
  };
  const error = (): ChalkInstance => colour(supportsColorStderr);
  // A terminal that does not know its width (as under some CI runners), or is none but in name, cannot be redrawn.
  const interactive = stderr.isTTY === true && stderr.columns > 0 && env.TERM !== 'dumb' && env.CI === undefined;
  const openTable: Ui['openTable'] = async (yielding = []) => {
    const { createTable } = await import('./table.ts');
    const table = createTable(colour(supportsColor), { room: roomOf(stdout), yielding });
    return (rows) => void stdout.write(`${table(rows)}\n`);
  };
  const note = (text: string): void => void stderr.write(`${printable(text)}\n`);
  const teller = createTroubleTeller(note);
  return {
    interactive,
    get verbose() {
      return habits.verbose;
    },
    print: (text) => void stdout.write(`${printable(text)}\n`),
    note,
    detail: (text) => void (habits.verbose && stderr.write(`${error().dim(printable(text))}\n`)),
    warn: (text) => void stderr.write(`${error().yellow('warning:')} ${printable(text)}\n`),
    openTable,
    printTable: async (rows, yielding) => (await openTable(yielding))(rows),
    outcome: (good, text) => {
      const mark = good ? error().green('✔') : error().red('✖');
      stderr.write(`${mark} ${printable(text)}\n`);
    },
    live: async () => {
      if (!interactive) return createLog(stderr);
      const [{ createSpinner }, { createTable }] = await Promise.all([import('./spinner.ts'), import('./table.ts')]);
      const spinner = createSpinner(stderr, error().level > 0, (rows, yielding = []) => {
        const words = teller.words();
        const table = createTable(error(), { room: roomOf(stderr), yielding })(rows);
        return words === undefined ? table : `${table}\n${error().yellow(words)}`;
      });
      return teller.beside(spinner);
    },
    trouble: teller.trouble,
    get canAsk() {
      return interactive && streams.stdin.isTTY === true;
    },
    ask: async (question, signal) => (await import('./prompt.ts')).askLine(streams, question, signal),
  };
}

/** Characters in a line; whoever reads a pipe gets all there is. */
function roomOf(stream: NodeJS.WriteStream): number {
  return stream.isTTY === true && stream.columns > 0 ? stream.columns : Number.POSITIVE_INFINITY;
}

/** Without a terminal: one line for each event. */
function createLog(stream: NodeJS.WriteStream): Live {
  return {
    show: () => undefined,
    event: (line) => void stream.write(`${printable(line)}\n`),
    end: () => undefined,
  };
}
