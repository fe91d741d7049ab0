import { execa } from 'execa';
import { audit } from './audit.ts';
import { CLI } from './cluster.ts';

/** The program under test: the binary that users install. */
export { CLI };
export const IMAGE = process.env.RETINA_AGENT_IMAGE ?? '';

export type Ran = { code: number; stdout: string; stderr: string; seconds: number };

type Options = { env?: Record<string, string>; cwd?: string; input?: string; timeoutSeconds?: number };

/** Commands that create objects: what others create meanwhile cannot be told from what one has left. */
const CREATORS = ['create', 'download', 'upload'];
let begun = 0;
let creating = 0;
/** Of each program that was started: its words, and what else created objects when it began. */
const launches = new WeakMap<object, { args: readonly string[]; begun: number; others: number }>();

/** Starts the program without a terminal; the caller may send it signals. */
export function start(args: readonly string[], options: Options = {}) {
  const launched = launch(args, options);
  const creates = CREATORS.includes(args[1] ?? '') ? 1 : 0;
  begun += creates;
  launches.set(launched, { args, begun, others: creating });
  creating += creates;
  void launched.finally(() => {
    creating -= creates;
  });
  return launched;
}

/** Takes a program that was started at its word, once it has ended by itself. */
export async function auditStarted(started: object, ran: Ran): Promise<void> {
  const known = launches.get(started);
  // Tests that end programs look at what is left at once: they are not to wait for it here.
  if (known !== undefined)
    await audit(known.args, ran, { alone: known.others === 0 && known.begun === begun, patience: 0 });
}

function launch(args: readonly string[], options: Options) {
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
  await audit(args, ran, { alone: others === 1 && running === 0, patience: 10 });
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
