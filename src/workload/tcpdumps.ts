import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StopReason, WorkloadSpec } from '../capture/workload-spec.ts';
import { explainErrno } from '../upload/explain.ts';
import type { BundleEntry } from './bundle.ts';
import { type Kept, settlePcaps, sizesOf } from './limit.ts';
import { writeListing } from './listing.ts';
import { PCAP_HEADER_BYTES } from './pcap.ts';
import type { Scratch } from './scratch.ts';
import { startTcpdump, type Tcpdump } from './tcpdump.ts';
import type { CaptureTool, End, Leavings, Watcher } from './tool.ts';
import { spaceLeft } from './watch.ts';

/** How long the failures of further interfaces are waited for after the first. */
const FAILURES_MS = 200;
const LOG_NAME = 'tcpdump.log';
const LISTING_NAME = 'packets.txt';

type Session = {
  spec: WorkloadSpec;
  scratch: Scratch;
  log: (line: string) => void;
  tools: readonly Tcpdump[];
  watcher: Watcher | undefined;
};

/** Starts one tcpdump for each interface; together they are one tool. */
export function openTcpdumps(
  spec: WorkloadSpec,
  { scratch, log, watcher }: Pick<Session, 'scratch' | 'log' | 'watcher'>,
): CaptureTool {
  const tools = spec.interfaces.map((name) =>
    startTcpdump({
      interface: name,
      file: join(scratch.bundle, pcapName(spec, name)),
      ...spec,
    }),
  );
  const session = { spec, scratch, log, tools, watcher };
  const files = tools.map(({ file }) => file);
  return {
    where: spec.interfaces.join(', '),
    started: started(tools),
    exited: Promise.race(tools.map((tool) => ended(tool, spec))),
    reached: async () => {
      if (await sizeReached(files, spec)) return 'max-size';
      return countReached(tools, spec) ? 'packet-count' : null;
    },
    finish: async (end, captured) => {
      // One file that is full holds all there was up to then. Of several, each may still lack what came before.
      const full = end.reason === 'max-size' && tools.length === 1;
      await finishTools(session, captured && !full);
      return settle(session, end);
    },
    kill: async () => {
      await Promise.all(tools.map((tool) => tool.kill()));
    },
  };
}

/** The name of the file that an interface is captured into; a name can hold what a file's must not. */
export function pcapName(spec: Pick<WorkloadSpec, 'stem' | 'interfaces'>, name: string): string {
  return spec.interfaces.length === 1 ? `${spec.stem}.pcap` : `${spec.stem}-${name.replace(/[^\w.@:-]/g, '_')}.pcap`;
}

/** Waits until every tcpdump captures; the answer is why they do not, if one does not. */
async function started(tools: readonly Tcpdump[]): Promise<string | undefined> {
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
  const first = await Promise.race([failed.promise, settled.then(() => undefined)]);
  if (first === undefined) return undefined;
  // What is wrong with one is often wrong with all: users want to read of every interface at once.
  await Promise.race([settled, sleep(FAILURES_MS)]);
  return tools.flatMap((tool) => failures.get(tool) ?? []).join('; ');
}

async function ended(tool: Tcpdump, spec: WorkloadSpec): Promise<End> {
  await tool.exited;
  if (countReached([tool], spec)) return { reason: 'packet-count' };
  return {
    reason: 'tool-exited',
    error: `tcpdump on interface ${tool.interface} ended by itself: ${tool.complaint()}`,
  };
}

/** Whether the one file to come would be full. What is kept is decided later: this only ends the capture. */
async function sizeReached(files: readonly string[], { maxBytes, fileCount }: WorkloadSpec): Promise<boolean> {
  if (maxBytes === null || fileCount !== null) return false;
  const packets = (await sizesOf(files)).map((size) => Math.max(0, size - PCAP_HEADER_BYTES));
  return PCAP_HEADER_BYTES + sum(packets) >= maxBytes;
}

/** Whether all together have captured enough; a single tcpdump ends by itself. */
function countReached(tools: readonly Tcpdump[], { packetCount }: WorkloadSpec): boolean {
  if (packetCount === null) return false;
  if (tools.length > 1) for (const tool of tools) tool.askCounts();
  return sum(tools.map((tool) => tool.counts().captured)) >= packetCount;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

async function finishTools({ tools, scratch }: Session, drain: boolean): Promise<void> {
  await Promise.all(tools.map((tool) => tool.end(drain)));
  // Where the tarball cannot be made, the log is kept with the packets; a full disk is told where it loses packets.
  await writeFile(join(scratch.bundle, LOG_NAME), toolLog(tools)).catch(() => undefined);
}

function toolLog(tools: readonly Tcpdump[]): string {
  return tools.map((tool) => tool.log()).join('\n');
}

async function settle(session: Session, end: End): Promise<Leavings> {
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
async function texts(kept: Kept | null, { spec, tools, log: tell, scratch }: Session): Promise<BundleEntry[]> {
  const log = { name: LOG_NAME, content: Buffer.from(toolLog(tools)) };
  if (spec.listing === null || kept === null) return [log];
  tell(`listing ${kept.packets} packets in ${LISTING_NAME}`);
  const file = join(scratch.bundle, LISTING_NAME);
  const problem = await writeListing(file, spec.listing, kept);
  // It is never the listing that fails a capture.
  const told = { name: LISTING_NAME, content: Buffer.from(`[the packets could not be listed: ${problem}]\n`) };
  return [log, problem === null ? { name: LISTING_NAME, file } : told];
}
