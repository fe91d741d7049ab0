import ora from 'ora';
import type { Live, Rows } from '../deps.ts';

/** On a terminal: a spinner with a table below that is rewritten. */
export function createSpinner(
  stream: NodeJS.WriteStream,
  coloured: boolean,
  render: (rows: Rows, yielding?: readonly number[]) => string,
): Live {
  // Ctrl-C must reach the program, which undoes what it began: ora would otherwise swallow it.
  const spinner = ora({ stream, discardStdin: false, hideCursor: true, color: coloured ? 'cyan' : false });
  return {
    show: (rows, yielding) => {
      spinner.text = `\n${render(rows, yielding)}`;
      if (!spinner.isSpinning) spinner.start();
    },
    event: () => undefined,
    end: () => void spinner.stop(),
  };
}
