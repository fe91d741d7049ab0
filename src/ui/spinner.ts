import ora from 'ora';
import type { Live, Rows } from '../deps.ts';

/** On a terminal: a spinner with a table below that is rewritten. */
export function createSpinner(stream: NodeJS.WriteStream, render: (rows: Rows) => string): Live {
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
