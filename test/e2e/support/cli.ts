import { execa } from 'execa';
import { audit } from './audit.ts';

/** The program under test: the binary that users install. */
export const CLI = process.env.RETINA_CLI ?? '';
export const IMAGE = process.env.RETINA_AGENT_IMAGE ?? '';

export type Ran = { code: number; stdout: string; stderr: string; seconds: number };

type Options = { env?: Record<string, string>; cwd?: string; input?: string; timeoutSeconds?: number };

/** Starts the program without a terminal; the caller may send it signals. */
export function start(args: readonly string[], options: Options = {}) {
  return execa(CLI, args, {
    reject: false,
    ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
    env: { NO_COLOR: '1', ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    timeout: (options.timeoutSeconds ?? 90) * 1000,
    // What a test sends must not be followed by another signal: undoing may take longer than that.
    forceKillAfterDelay: false,
    killSignal: 'SIGKILL',
  });
}

/** Programs that run at once. */
let running = 0;

/** Runs the program to its end, and takes it at its word. */
export async function retina(args: readonly string[], options: Options = {}): Promise<Ran> {
  const began = performance.now();
  running += 1;
  const others = running;
  const result = await start(args, options).finally(() => {
    running -= 1;
  });
  const ran = {
    code: result.exitCode ?? -1,
    stdout: result.stdout,
    stderr: result.stderr,
    seconds: (performance.now() - began) / 1000,
  };
  // What others make meanwhile cannot be told from what this one left.
  await audit(args, ran, others === 1 && running === 0);
  return ran;
}

/** Runs the program and fails the test, with all it said, unless it succeeds. */
export async function retinaOk(args: readonly string[], options: Options = {}): Promise<Ran> {
  const ran = await retina(args, options);
  if (ran.code !== 0) {
    throw new Error(`kubectl retina ${args.join(' ')}\nexit code ${ran.code}\n${ran.stdout}\n${ran.stderr}`);
  }
  return ran;
}
