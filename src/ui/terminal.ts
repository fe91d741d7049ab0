import { Chalk, supportsColor, supportsColorStderr } from 'chalk';
import type { Live, Ui } from '../deps.ts';
import { printable } from './printable.ts';

/** The terminal, or the pipes in its place. Colours follow each stream, NO_COLOR and --no-color. */
export function createUi(stdout: NodeJS.WriteStream, stderr: NodeJS.WriteStream): Ui {
  const colours = {
    stdout: new Chalk({ level: supportsColor === false ? 0 : supportsColor.level }),
    stderr: new Chalk({ level: supportsColorStderr === false ? 0 : supportsColorStderr.level }),
  };
  // A terminal that does not know its width (as under some CI runners) cannot be redrawn.
  const interactive = stderr.isTTY === true && stderr.columns > 0;
  return {
    interactive,
    print: (text) => void stdout.write(`${printable(text)}\n`),
    note: (text) => void stderr.write(`${printable(text)}\n`),
    warn: (text) => void stderr.write(`${colours.stderr.yellow('warning:')} ${printable(text)}\n`),
    printTable: async (rows) => {
      const { renderTable } = await import('./table.ts');
      stdout.write(`${renderTable(rows, colours.stdout)}\n`);
    },
    outcome: (good, text) => {
      const mark = good ? colours.stderr.green('✔') : colours.stderr.red('✖');
      stderr.write(`${mark} ${printable(text)}\n`);
    },
    live: async () => {
      if (!interactive) return createLog(stderr);
      const [{ createSpinner }, { renderTable }] = await Promise.all([import('./spinner.ts'), import('./table.ts')]);
      return createSpinner(stderr, (rows) => renderTable(rows, colours.stderr));
    },
  };
}

/** Without a terminal: one line for each event. */
function createLog(stream: NodeJS.WriteStream): Live {
  return {
    show: () => undefined,
    event: (line) => void stream.write(`${printable(line)}\n`),
    end: () => undefined,
  };
}
