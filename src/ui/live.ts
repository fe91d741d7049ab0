import ora from 'ora';
import type { Live, Rows } from '../deps.ts';
import { printable } from './printable.ts';

/** On a terminal a spinner with text below that is rewritten; elsewhere one line for each event. */
export function createLive(stream: NodeJS.WriteStream, interactive: boolean, render: (rows: Rows) => string): Live {
  if (!interactive) {
    return { show: () => undefined, event: (line) => void stream.write(`${printable(line)}\n`), end: () => undefined };
  }
  // Ctrl-C must reach the program, which undoes what it began: ora would otherwise swallow it.
  const spinner = ora({ stream, discardStdin: false, hideCursor: true });
  return {
    show: (rows) => {
      spinner.text = `\n${render(rows)}`;
      if (!spinner.isSpinning) spinner.start();
    },
    event: () => undefined,
    end: () => void spinner.stop(),
  };
}
