import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { errnoOf, explainErrno } from '../upload/explain.ts';
import { atExit } from './at-exit.ts';
import { type TcpdumpSpec, tcpdumpArgv, tcpdumpCommand } from './tcpdump-argv.ts';
import {
  isCountsAnswer,
  isListening,
  NO_COUNTS,
  parseCounts,
  type TcpdumpCounts,
  tcpdumpComplaint,
} from './tcpdump-output.ts';
import { toolEnv } from './tool-env.ts';

/** The kernel hands over a ring block that is not full after 1 s; the rest is for tcpdump to read it. */
const DRAIN_MS = 1_050;
/** A tcpdump that is still reading a backlog then is given this long. */
const DRAIN_BACKLOG_MS = 4_000;
const DRAIN_POLL_MS = 50;
const KILL_AFTER_MS = 5_000;
const MAX_LOG_LINES = 500;
/** How a shell ends that finds no tcpdump. */
const NOT_FOUND = 127;

/** A tcpdump that was started. */
export type Tcpdump = {
  readonly interface: string;
  readonly file: string;
  /** True once packets are being captured; false when it ended before that. Never rejects. */
  readonly listening: Promise<boolean>;
  /** Resolves when it has ended and all its output is read. Never rejects. */
  readonly exited: Promise<void>;
  counts(): TcpdumpCounts;
  /** Asks for new counters, which come a moment later. Only once it captures: before, it would end it. */
  askCounts(): void;
  /** Why it ended, in tcpdump's own words or the system's; with a hint where there is one. */
  complaint(): string;
  /** Its command line and what it said. */
  log(): string;
  /** Lets it read what the kernel still holds (`drain`), ends it and waits. Never rejects. */
  end(drain: boolean): Promise<void>;
  /** Ends it at once, whatever is lost, and waits. */
  kill(): Promise<void>;
};

type State = { counts: TcpdumpCounts; answers: number; lines: string[]; spawnError: unknown; killed: boolean };

/** Starts one tcpdump; whether that worked is told by `listening`. */
export function startTcpdump(spec: TcpdumpSpec): Tcpdump {
  const { command, argv } = tcpdumpCommand(spec);
  const child = spawn(command, argv, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: toolEnv(),
    // Its own process group: Ctrl-C in a terminal reaches us alone, and tcpdump is drained before it is ended.
    detached: true,
  });
  const state: State = { counts: NO_COUNTS, answers: 0, lines: [], spawnError: undefined, killed: false };
  const listening = Promise.withResolvers<boolean>();
  const orphaned = atExit(() => void child.kill('SIGKILL'));
  const exited = watch(child, state, () => listening.resolve(true)).then(() => {
    orphaned();
    listening.resolve(false);
  });
  return {
    interface: spec.interface,
    file: spec.file,
    listening: listening.promise,
    exited,
    counts: () => state.counts,
    askCounts: () => void (isRunning(child) && child.kill('SIGUSR1')),
    complaint: () => complaintOf(child, state),
    log: () =>
      [`tcpdump ${tcpdumpArgv(spec).map(quoted).join(' ')}`, ...state.lines, ...ending(child, state), ''].join('\n'),
    end: async (drain) => {
      if (drain) await drained(child, state, exited);
      await terminate(child, state, exited);
    },
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** Reads stderr by lines into the state; resolves when the process and its output have ended. */
async function watch(child: ChildProcess, state: State, onListening: () => void): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    // A process that could not be started closes too, but only `error` says why.
    child.once('error', (error) => {
      state.spawnError ??= error;
      if (child.pid === undefined) resolve();
    });
    child.once('close', () => resolve());
  });
  if (child.stderr !== null) {
    createInterface({ input: child.stderr, crlfDelay: Number.POSITIVE_INFINITY }).on('line', (line) => {
      const counts = parseCounts(line);
      if (counts !== undefined) state.counts = { ...state.counts, ...counts };
      if (isListening(line)) onListening();
      if (isCountsAnswer(line)) state.answers += 1;
      else if (state.lines.length < MAX_LOG_LINES) state.lines.push(line);
    });
  }
  await closed;
}

function isRunning(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}

/**
 * The kernel hands packets over in blocks, up to 1 s late; what is in the open block when tcpdump ends is lost. SIGUSR1
 * makes tcpdump tell its counters: what it has received at this moment is what it must have written before it may end.
 */
async function drained(child: ChildProcess, state: State, exited: Promise<void>): Promise<void> {
  // Elsewhere SIGUSR1 has another meaning, and packets do not wait in blocks.
  if (process.platform !== 'linux') return;
  const ended = exited.then(() => 'ended' as const);
  const start = performance.now();
  let target: number | undefined;
  let written = -1;
  while (isRunning(child)) {
    const answers = state.answers;
    child.kill('SIGUSR1');
    if ((await Promise.race([sleep(DRAIN_POLL_MS), ended])) === 'ended') return;
    const elapsed = performance.now() - start;
    if (elapsed > DRAIN_BACKLOG_MS) return;
    if (state.answers === answers) {
      if (elapsed > DRAIN_MS && target === undefined) return;
      continue;
    }
    const done = state.counts.captured + state.counts.droppedByKernel;
    target ??= state.counts.received;
    // Where loopback packets are counted twice the target is never reached: then the time decides.
    if (done >= target || (elapsed > DRAIN_MS && done === written)) return;
    written = done;
  }
}

async function terminate(child: ChildProcess, state: State, exited: Promise<void>): Promise<void> {
  if (isRunning(child)) child.kill('SIGTERM');
  const timer = setTimeout(() => {
    state.killed = true;
    child.kill('SIGKILL');
  }, KILL_AFTER_MS);
  await exited;
  clearTimeout(timer);
}

function ending(child: ChildProcess, state: State): string[] {
  if (state.spawnError !== undefined) return [explainErrno(state.spawnError)];
  if (state.killed) return [`(it did not end ${KILL_AFTER_MS / 1000} s after SIGTERM and was killed)`];
  if (child.signalCode !== null) return [`(ended by ${child.signalCode})`];
  return child.exitCode === null || child.exitCode === 0 ? [] : [`(exit status ${child.exitCode})`];
}

function complaintOf(child: ChildProcess, state: State): string {
  if (errnoOf(state.spawnError) === 'ENOENT' || child.exitCode === NOT_FOUND) {
    return 'tcpdump is not installed (install the package "tcpdump", or add its directory to PATH)';
  }
  const words = tcpdumpComplaint(state.lines);
  // An exit status says nothing more than the words; a signal does.
  const how = words !== '' && child.signalCode === null ? [] : ending(child, state);
  const said = [words, ...how].filter((text) => text !== '').join(' ');
  const hint = /permission|not permitted/i.test(said) ? '; capturing needs root, or CAP_NET_RAW and CAP_NET_ADMIN' : '';
  return `${said === '' ? 'tcpdump ended without a word' : said}${hint}`;
}

/** An argument as a shell would need it, for the log only: nothing is run by a shell. */
function quoted(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;
}
