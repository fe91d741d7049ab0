import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { CLI } from './cli.ts';
import { until } from './cluster.ts';

/** The keys that a terminal turns into a signal, or the end of what is typed. */
export const CTRL_C = '\x03';
export const CTRL_D = '\x04';

/** The program on a terminal of its own, with somebody who types. */
export type Seated = {
  /** All that was on the screen. */
  screen(): string;
  /** Waits until the screen has shown something, after what it had shown when it was last waited for. */
  shows(what: RegExp, seconds?: number): Promise<void>;
  type(text: string): void;
  /** Closes the terminal, as an ssh session that breaks does: what is written to it fails from now on. */
  hangUp(): void;
  /** The exit code of the program, once it has ended. */
  ended(seconds?: number): Promise<number>;
};

/** Starts the program on a terminal; its exit code is noted by a process that outlives the terminal. */
export function sit(args: readonly string[], env: Record<string, string> = {}): Seated {
  const directory = mkdtempSync(join(tmpdir(), 'retina-tty-'));
  const note = join(directory, 'code');
  const words = [process.execPath, join(import.meta.dirname, 'seat.ts'), note, CLI, ...args];
  const command = `stty cols 100 rows 30; exec ${words.map((word) => `'${word}'`).join(' ')}`;
  const terminal = execa('script', ['-qefc', command, '/dev/null'], {
    env: { TERM: 'xterm-256color', NO_COLOR: '1', CI: undefined, SHELL: '/bin/sh', ...env },
    stdin: 'pipe',
    reject: false,
    timeout: 120_000,
  });
  let screen = '';
  let seen = 0;
  terminal.stdout.on('data', (chunk: Buffer) => {
    screen += chunk.toString('utf8');
  });
  const shows: Seated['shows'] = async (what, seconds = 40) => {
    const find = () => what.exec(screen.slice(seen));
    await until(`the screen shows ${what}`, () => find() !== null, seconds).catch((error: Error) => {
      throw new Error(`${error.message}\n${screen.slice(seen)}`);
    });
    const found = find();
    seen += (found?.index ?? 0) + (found?.[0].length ?? 0);
  };
  const code = (): string => {
    try {
      return readFileSync(note, 'utf8').trim();
    } catch {
      return '';
    }
  };
  return {
    screen: () => screen,
    shows,
    type: (text) => void terminal.stdin.write(text),
    hangUp: () => void terminal.kill('SIGKILL'),
    ended: async (seconds = 60) => {
      await until('the program has ended', () => code() !== '', seconds);
      terminal.kill('SIGKILL');
      await terminal;
      const told = Number(code());
      rmSync(directory, { recursive: true });
      return told;
    },
  };
}
