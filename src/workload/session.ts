import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StopReason, WorkloadSpec } from '../capture/workload-spec.ts';
import { explainErrno, freeSpace } from '../upload/explain.ts';
import type { BundleEntry } from './bundle.ts';
import { type Kept, settlePcaps } from './limit.ts';
import { writeListing } from './listing.ts';
import { collectMetadata } from './metadata.ts';
import type { PcapScan } from './pcap.ts';
import type { Scratch } from './scratch.ts';
import { startTcpdump, type Tcpdump } from './tcpdump.ts';
import { type End, firstEnd, fullDisk, stopRequested } from './watch.ts';

/** How long the failures of further interfaces are waited for after the first. */
const FAILURES_MS = 200;
const LOG_NAME = 'tcpdump.log';
const LISTING_NAME = 'packets.txt';

/** What the outside gives a workload. */
export type WorkloadOptions = {
  /** Aborted with a StopRequest as its reason. */
  stop: AbortSignal;
  /** Takes lines that tell a human how far it is. */
  log: (line: string) => void;
  now: () => Date;
};

/** Looks at a capture's one file while it grows. */
export type Watcher = { scanned(): PcapScan };

/** What a capture left. */
export type Captured = {
  /** Of the tarball, packets first. */
  files: readonly BundleEntry[];
  reason: End['reason'];
  startedAt: Date;
  endedAt: Date;
  packets: number;
  /** Whether there are packets in the bundle directory, or may be. */
  worthKeeping: boolean;
  pcapBytes: number;
  droppedByKernel: number;
  droppedByInterface: number;
  errors: string[];
};

type Session = {
  spec: WorkloadSpec;
  scratch: Scratch;
  options: WorkloadOptions;
  tools: Tcpdump[];
  watcher: Watcher | undefined;
};

/** Captures into the scratch directory until something ends it. Nothing of it runs on after it has settled. */
export async function capture(
  spec: WorkloadSpec,
  scratch: Scratch,
  options: WorkloadOptions,
  watcher?: Watcher,
): Promise<Captured> {
  const full = await fullDisk({ ...spec, directory: scratch.bundle });
  if (full !== undefined) return refused(full, await spaceLeft(scratch.bundle), options.now());
  const tools = spec.interfaces.map((name) =>
    startTcpdump({
      interface: name,
      file: join(scratch.bundle, pcapName(spec, name)),
      ...spec,
    }),
  );
  const session = { spec, scratch, options, tools, watcher };
  const metadata = new AbortController();
  const facts: Promise<BundleEntry[]>[] = [];
  try {
    const failure = await started(session);
    const startedAt = options.now();
    if (failure === undefined) {
      options.log(`capturing on ${spec.interfaces.join(', ')}`);
      if (spec.includeMetadata) facts.push(collectMetadata('before', scratch.directory, metadata.signal));
    }
    const end = failure ?? (await firstEnd(tools, { ...spec, directory: scratch.bundle, stop: options.stop }));
    const endedAt = options.now();
    if (end.reason === 'discard') return { ...(await nothing(session)), startedAt, endedAt };
    options.log(`capture ended (${end.reason}); collecting what is left`);
    if (spec.includeMetadata) facts.push(collectMetadata('', scratch.directory, metadata.signal));
    // One file that is full holds all there was up to then. Of several, each may still lack what came before.
    const full = end.reason === 'max-size' && tools.length === 1;
    await finishTools(session, failure === undefined && !full);
    const settled = await settle(session, end);
    const state = (await Promise.all(facts)).flat().sort((a, b) => (a.name < b.name ? -1 : 1));
    return { ...settled, files: [...settled.files, ...state], startedAt, endedAt };
  } finally {
    metadata.abort();
    await Promise.all(tools.map((tool) => tool.kill()));
    await Promise.allSettled(facts);
  }
}

/** The name of the file that an interface is captured into; a name can hold what a file's must not. */
export function pcapName(spec: Pick<WorkloadSpec, 'stem' | 'interfaces'>, name: string): string {
  return spec.interfaces.length === 1 ? `${spec.stem}.pcap` : `${spec.stem}-${name.replace(/[^\w.@:-]/g, '_')}.pcap`;
}

/** Waits until every tool captures; the answer is what ended the capture before that, if anything did. */
async function started({ options, tools }: Session): Promise<End | undefined> {
  const failures = new Map<Tcpdump, string>();
  const failed = Promise.withResolvers<'failed'>();
  const settled = Promise.all(
    tools.map(async (tool) => {
      if (await tool.listening) return;
      failures.set(tool, `cannot capture on interface ${tool.interface}: ${tool.complaint()}`);
      failed.resolve('failed');
    }),
  );
  // One that fails ends the start, however long another still compiles its filter.
  const first = await Promise.race([failed.promise, settled.then(() => undefined), stopRequested(options.stop)]);
  if (first !== 'failed') return first;
  // What is wrong with one is often wrong with all: users want to read of every interface at once.
  await Promise.race([settled, sleep(FAILURES_MS)]);
  return { reason: 'error', error: tools.flatMap((tool) => failures.get(tool) ?? []).join('; ') };
}

async function finishTools({ tools, scratch }: Session, drain: boolean): Promise<void> {
  await Promise.all(tools.map((tool) => tool.end(drain)));
  // Where the tarball cannot be made, the log is kept with the packets; a full disk is told where it loses packets.
  await writeFile(join(scratch.bundle, LOG_NAME), toolLog(tools)).catch(() => undefined);
}

function toolLog(tools: readonly Tcpdump[]): string {
  return tools.map((tool) => tool.log()).join('\n');
}

type Settled = Omit<Captured, 'startedAt' | 'endedAt'>;

async function settle(session: Session, end: End): Promise<Settled> {
  const { spec, scratch, tools, watcher } = session;
  const errors = end.error === undefined ? [] : [end.error];
  const counts = tools.map((tool) => tool.counts());
  const written = tools.map((tool) => ({ ...tool, captured: tool.counts().captured }));
  const kept = await settlePcaps(written, spec, watcher?.scanned()).catch((error: unknown) => {
    errors.push(`the packets could not be counted: ${explainErrno(error)}`);
    return null;
  });
  const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
  const { packets, bytes } = kept ?? { packets: 0, bytes: 0 };
  const missing = sum(counts.map(({ captured }) => captured)) - packets;
  // What a limit cut off and what a ring has overwritten was captured too: no loss.
  if (missing > 0 && kept !== null && kept.cutBy === null && spec.fileCount === null) {
    errors.push(`${missing} captured packets could not be written${await spaceLeft(scratch.bundle)}`);
  }
  return {
    reason: reasonOf(end, kept),
    files: [...(kept?.entries ?? []), ...(await texts(kept, session))],
    packets,
    worthKeeping: packets > 0 || kept === null,
    pcapBytes: bytes,
    droppedByKernel: sum(counts.map(({ droppedByKernel }) => droppedByKernel)),
    droppedByInterface: sum(counts.map(({ droppedByInterface }) => droppedByInterface)),
    errors,
  };
}

const AFTER_A_LIMIT: readonly End['reason'][] = [
  'duration',
  'requested',
  'terminated',
  'interrupted',
  'packet-count',
  'max-size',
  'disk-nearly-full',
];

/** A limit that has left packets out came first, even where it was noticed later than what ended the capture. */
function reasonOf({ reason }: End, kept: Kept | null): StopReason | 'discard' {
  return kept?.cutBy != null && AFTER_A_LIMIT.includes(reason) ? kept.cutBy : reason;
}

/** What is to be read besides the packets. */
async function texts(kept: Kept | null, { spec, tools, options, scratch }: Session): Promise<BundleEntry[]> {
  const log = { name: LOG_NAME, content: Buffer.from(toolLog(tools)) };
  if (spec.listing === null || kept === null) return [log];
  options.log(`listing ${kept.packets} packets in ${LISTING_NAME}`);
  const file = join(scratch.bundle, LISTING_NAME);
  const problem = await writeListing(file, spec.listing, kept);
  // It is never the listing that fails a capture.
  const told = { name: LISTING_NAME, content: Buffer.from(`[the packets could not be listed: ${problem}]\n`) };
  return [log, problem === null ? { name: LISTING_NAME, file } : told];
}

/** A capture that cannot begin for want of room. */
function refused({ error }: End, left: string, at: Date): Captured {
  const why = error ?? `the disk is nearly full${left}; --min-free says how much must stay so`;
  return { ...NOTHING, reason: 'error', startedAt: at, endedAt: at, errors: [why] };
}

async function nothing({ tools }: Session): Promise<Settled> {
  await Promise.all(tools.map((tool) => tool.kill()));
  return { ...NOTHING, reason: 'discard', errors: [] };
}

const NOTHING = {
  files: [],
  packets: 0,
  worthKeeping: false,
  pcapBytes: 0,
  droppedByKernel: 0,
  droppedByInterface: 0,
};

async function spaceLeft(directory: string): Promise<string> {
  const space = await freeSpace(directory);
  return space === null ? '' : `: ${space.free} of ${space.total} bytes of the disk are free`;
}
