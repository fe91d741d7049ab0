import type { WorkloadSpec } from '../capture/workload-spec.ts';
import { awaitBegin, type Begun } from './begin.ts';
import type { BundleEntry } from './bundle.ts';
import { collectMetadata } from './metadata.ts';
import { collectWindowsMetadata } from './metadata-windows.ts';
import { openPktmon } from './pktmon.ts';
import type { Scratch } from './scratch.ts';
import { openTcpdumps } from './tcpdumps.ts';
import type { End, Leavings, Watcher } from './tool.ts';
import { firstEnd, fullDisk, spaceLeft, stopRequested } from './watch.ts';

/** What the outside gives a workload. */
export type WorkloadOptions = {
  /** Aborted with a StopRequest as its reason. */
  stop: AbortSignal;
  /** Takes lines that tell a human how far it is. */
  log: (line: string) => void;
  now: () => Date;
  /** Called when it listens, and before, when it is ready and waits for the instant at which it will. Never rejects. */
  ready?: () => Promise<void>;
  /** The instant that the word to start names; undefined while nobody has given it. Never rejects. */
  word?: () => Promise<Date | undefined>;
};

/** What a capture left. */
export type Captured = Leavings & {
  startedAt: Date;
  /** When it was to begin; undefined for at once. */
  startAt?: Date | undefined;
  endedAt: Date;
};

/** What captures, and what tells of the network around it. The order names them: it is not the machine that decides. */
const TOOLS = {
  tcpdump: { open: openTcpdumps, collect: collectMetadata },
  pktmon: { open: openPktmon, collect: collectWindowsMetadata },
};

/** Captures into the scratch directory until something ends it. Nothing of it runs on after it has settled. */
export async function capture(
  spec: WorkloadSpec,
  scratch: Scratch,
  options: WorkloadOptions,
  watcher?: Watcher,
): Promise<Captured> {
  const begun = await awaitBegin(spec, options);
  if (begun.end !== undefined) return unbegun(begun, begun.end, options.now());
  const { startAt } = begun;
  const full = await fullDisk({ ...spec, directory: scratch.bundle });
  if (full !== undefined) return refused(full, await spaceLeft(scratch.bundle), options.now());
  const { open, collect } = TOOLS[spec.tool];
  const tool = open(spec, { scratch, watcher, log: options.log });
  const metadata = new AbortController();
  const facts: Promise<BundleEntry[]>[] = [];
  try {
    const failed = tool.started.then((error): End | undefined =>
      error === undefined ? undefined : { reason: 'error', error },
    );
    const failure = await Promise.race([failed, stopRequested(options.stop)]);
    const startedAt = options.now();
    if (failure === undefined) {
      options.log(`capturing on ${tool.where}`);
      void options.ready?.();
      if (spec.includeMetadata) facts.push(collect('before', scratch.directory, metadata.signal));
    }
    const end = failure ?? (await firstEnd(tool, { ...spec, directory: scratch.bundle, stop: options.stop }));
    const endedAt = options.now();
    if (end.reason === 'discard') {
      await tool.kill();
      return { ...NOTHING, reason: 'discard', errors: [], startedAt, startAt, endedAt };
    }
    options.log(`capture ended (${end.reason}); collecting what is left`);
    if (spec.includeMetadata) facts.push(collect('', scratch.directory, metadata.signal));
    const left = await tool.finish(end, failure === undefined);
    const state = (await Promise.all(facts)).flat().sort((a, b) => (a.name < b.name ? -1 : 1));
    return { ...left, files: [...left.files, ...state], startedAt, startAt, endedAt };
  } finally {
    metadata.abort();
    await tool.kill();
    await Promise.allSettled(facts);
  }
}

/** A capture that cannot begin for want of room. */
function refused({ error }: End, left: string, at: Date): Captured {
  const why = error ?? `the disk is nearly full${left}; --min-free says how much must stay so`;
  return { ...NOTHING, reason: 'error', startedAt: at, endedAt: at, errors: [why] };
}

/** What ended before its instant came: there is nothing to keep. */
function unbegun({ startAt }: Begun, { reason, error }: End, at: Date): Captured {
  return { ...NOTHING, reason, startedAt: at, startAt, endedAt: at, errors: error === undefined ? [] : [error] };
}

const NOTHING = {
  files: [],
  packets: 0,
  worthKeeping: false,
  pcapBytes: 0,
  droppedByKernel: 0,
  droppedByInterface: 0,
};
