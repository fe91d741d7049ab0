import { spawnSync } from 'node:child_process';
import { readdir, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import type { WorkloadSpec } from '../capture/workload-spec.ts';
import { messageOf } from '../errors.ts';
import { atExit } from './at-exit.ts';
import { sizesOf } from './limit.ts';
import { filterArgv, startArgv } from './pktmon-argv.ts';
import { convertLogs } from './pktmon-convert.ts';
import {
  eventsLost,
  filtersIn,
  firstLine,
  hasNoFilters,
  isForeign,
  isIdle,
  packetsDropped,
  sessionIn,
} from './pktmon-output.ts';
import type { Scratch } from './scratch.ts';
import type { CaptureTool, End } from './tool.ts';
import { toolEnv } from './tool-env.ts';

// The commands are those of https://learn.microsoft.com/windows-server/administration/windows-commands/pktmon

/** Between looks whether the session still runs: nothing else tells that somebody has ended it. */
const WATCH_MS = 5_000;
/** Of a command that only asks or changes something. */
const COMMAND_MS = 60_000;
/** At most so many characters of an answer go into the log: counters can be long. */
const MAX_ANSWER = 1 << 20;
const MISSING =
  'pktmon is not there: it comes with Windows Server 2022 and later (Windows Server 2019 has an older one)';

/** What a command of pktmon's said. */
export type Answer = { ok: boolean; output: string };

/** Runs a command of pktmon's, and logs it. */
export type RunPktmon = (argv: readonly string[], limitMs?: number) => Promise<Answer>;

/** What is ours on the node at the moment, and has to be taken away again. */
type Ours = { filters: boolean; session: boolean };

type Session = {
  spec: WorkloadSpec;
  directory: string;
  run: RunPktmon;
  ours: Ours;
  lost: number;
  /** Packets that components of Windows dropped meanwhile. */
  dropped: number;
  /** Aborted when it need not be watched any more. */
  over: AbortController;
};

/**
 * Starts a session of pktmon's, of which a node has one for all. Where somebody else's runs, or has filters, nothing is
 * touched: their filters would let packets in that nobody asked for, and to end the session would lose theirs.
 */
export function openPktmon(spec: WorkloadSpec, { scratch }: { scratch: Scratch }): CaptureTool {
  const log: string[] = [];
  const ours = { filters: false, session: false };
  const counts = { lost: 0, dropped: 0 };
  const session = { spec, directory: scratch.bundle, run: runner(log), ours, ...counts, over: new AbortController() };
  const calledOff = atExit(() => endAtOnce(session));
  const started = start(session).catch((error: unknown) => messageOf(error));
  let ended: Promise<string[]> | undefined;
  const end = (): Promise<string[]> => {
    ended ??= started.then(() => stop(session)).finally(calledOff);
    return ended;
  };
  return {
    where: 'every network component, with pktmon',
    started,
    exited: started.then((failure) => (failure === undefined ? watch(session) : new Promise<End>(() => undefined))),
    reached: async () => ((await isFull(session)) ? 'max-size' : null),
    finish: async ({ reason, error }) => {
      const problems = await end();
      const told = [...(error === undefined ? [] : [error]), ...problems];
      const { files, packets, bytes, errors } = await convertLogs(await logsOf(session), session.run);
      return {
        ...{ reason, packets, pcapBytes: bytes, worthKeeping: files.length > 0 },
        files: [...files, { name: 'pktmon.log', content: Buffer.from(log.join('\n')) }],
        ...{ droppedByKernel: session.lost, droppedByInterface: session.dropped },
        errors: [...told, ...errors],
      };
    },
    kill: async () => void (await end()),
  };
}

function runner(log: string[]): RunPktmon {
  return async (argv, limitMs = COMMAND_MS) => {
    const { failed, code, all, shortMessage } = await execa('pktmon', argv, {
      ...{ reject: false, stdin: 'ignore', all: true, timeout: limitMs, extendEnv: false, env: toolEnv() },
      // Its own process group, as tcpdump has: Ctrl-C in a terminal must not reach it.
      detached: process.platform !== 'win32',
    });
    const output = all ?? '';
    log.push(`> pktmon ${argv.join(' ')}`, output.slice(0, MAX_ANSWER), ...(failed ? [`[${shortMessage}]`] : []), '');
    if (code === 'ENOENT') return { ok: false, output: MISSING };
    return { ok: !failed, output: output === '' && failed ? (shortMessage ?? '') : output };
  };
}

/** The answer is why no session runs; then nothing of ours is left either. */
async function start(session: Session): Promise<string | undefined> {
  const { spec, directory, run, ours } = session;
  const commands = filterArgv(spec);
  const status = await run(['status']);
  if (!status.ok && !isIdle(status.output)) return `pktmon cannot be used: ${firstLine(status.output)}`;
  if (!isIdle(status.output)) {
    const whose = sessionIn(status.output);
    return `pktmon already captures on this node, and was left alone: ${whose}; it is ended there with: pktmon stop`;
  }
  const there = await run(['filter', 'list']);
  if (!hasNoFilters(there.output)) {
    const words = `pktmon has filters on this node that are not ours, and was left alone: ${filtersIn(there.output)}`;
    return `${words}; they are removed there with: pktmon filter remove`;
  }
  for (const argv of commands) {
    ours.filters = true;
    const added = await run(argv);
    if (!added.ok) return `pktmon refuses the filter ${argv.slice(3).join(' ')}: ${firstLine(added.output)}`;
  }
  const file = join(directory, `${spec.stem}.etl`);
  // Told before it is known: a start that is cut short may have come to its end.
  ours.session = true;
  const begun = await run(startArgv(spec, file));
  return begun.ok ? undefined : `pktmon cannot capture: ${firstLine(begun.output)}`;
}

/** Resolves when the session was ended by somebody else; never where we do. */
async function watch({ run, over, spec }: Session): Promise<End> {
  while (!over.signal.aborted) {
    await sleep(WATCH_MS, undefined, { signal: over.signal }).catch(() => undefined);
    if (over.signal.aborted) break;
    const { ok, output } = await run(['status']);
    if (!over.signal.aborted && ((ok && isForeign(output, spec.stem)) || isIdle(output))) {
      return { reason: 'tool-exited', error: 'the session of pktmon was ended by somebody else on the node' };
    }
  }
  return new Promise(() => undefined);
}

/** Takes away what is ours: the session, then the filters. The answer is what could not be. */
async function stop(session: Session): Promise<string[]> {
  const { run, ours, over, spec } = session;
  over.abort();
  const problems: string[] = [];
  if (ours.session) {
    const { output } = await run(['status']);
    if (!isIdle(output) && !isForeign(output, spec.stem)) {
      // All of them for the log; then those that count, each of which is a drop. Both are gone once it has stopped.
      await run(['counters', '--json']);
      session.dropped = packetsDropped((await run(['counters', '--type', 'drop', '--json'])).output);
      const stopped = await run(['stop']);
      session.lost = eventsLost(stopped.output);
      if (!stopped.ok) problems.push(`pktmon cannot be stopped, and captures on: ${firstLine(stopped.output)}`);
    }
    ours.session = false;
  }
  // Filters belong to all of the node: while ours were there, nobody else could know theirs from them.
  if (ours.filters) {
    const removed = await run(['filter', 'remove']);
    if (!removed.ok) problems.push(`our filters are still in pktmon: ${firstLine(removed.output)}`);
    ours.filters = false;
  }
  return problems;
}

/** Where this process ends without having stopped it, as by a second Ctrl-C: only what is synchronous can be done. */
function endAtOnce({ ours, spec }: Session): void {
  const run = (...argv: string[]): string =>
    spawnSync('pktmon', argv, { env: toolEnv(), encoding: 'utf8', timeout: COMMAND_MS }).stdout ?? '';
  if (ours.session) {
    const status = run('status');
    if (!isIdle(status) && !isForeign(status, spec.stem)) run('stop');
  }
  if (ours.filters) run('filter', 'remove');
}

/** Whether only one file is kept: the first that was full ends the capture. */
function wholeOf({ maxBytes, fileCount }: WorkloadSpec): boolean {
  return maxBytes === null || fileCount !== null;
}

async function isFull(session: Session): Promise<boolean> {
  const { spec } = session;
  if (wholeOf(spec)) return false;
  const files = await logNames(session);
  const sizes = await sizesOf(files);
  return files.length > 1 || (sizes[0] ?? 0) >= (spec.maxBytes ?? 0);
}

/** pktmon's files, in the order of their numbers: "log files are sequentially numbered" (page "pktmon start"). */
async function logNames({ directory, spec }: Session): Promise<string[]> {
  const number = (name: string): string => name.slice(spec.stem.length, -'.etl'.length);
  const names = await readdir(directory);
  return names
    .filter((name) => name.startsWith(spec.stem) && name.endsWith('.etl') && /^\d*$/.test(number(name)))
    .sort((a, b) => Number(number(a)) - Number(number(b)))
    .map((name) => join(directory, name));
}

/** The logs that are kept. What came after a full one goes, and one alone has no number. */
async function logsOf(session: Session): Promise<string[]> {
  const { directory, spec } = session;
  const all = await logNames(session);
  const [first, ...later] = all;
  if (first === undefined || (wholeOf(spec) && later.length > 0)) return all;
  for (const file of later) await unlink(file);
  const name = join(directory, `${spec.stem}.etl`);
  if (first !== name) await rename(first, name);
  return [name];
}
