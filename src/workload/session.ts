import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkloadSpec } from '../capture/workload-spec.ts';
import { explainErrno, freeSpace } from '../upload/explain.ts';
import type { BundleEntry } from './bundle.ts';
import { settlePcaps } from './limit.ts';
import { collectMetadata } from './metadata.ts';
import type { Scratch } from './scratch.ts';
import { startTcpdump, type Tcpdump } from './tcpdump.ts';
import { type End, firstEnd, stopRequested } from './watch.ts';

/** How long the failures of further interfaces are waited for after the first. */
const FAILURES_MS = 200;

/** What the outside gives a workload. */
export type WorkloadOptions = {
  /** Aborted with a StopRequest as its reason. */
  stop: AbortSignal;
  /** Takes lines that tell a human how far it is. */
  log: (line: string) => void;
  now: () => Date;
};

/** What a capture left: packets in the bundle directory, the rest in memory. */
export type Captured = {
  metadata: readonly BundleEntry[];
  reason: End['reason'];
  startedAt: Date;
  endedAt: Date;
  packets: number;
  /** Whether there are packets in the bundle, or may be. */
  worthKeeping: boolean;
  pcapBytes: number;
  droppedByKernel: number;
  droppedByInterface: number;
  errors: string[];
};

type Session = { spec: WorkloadSpec; scratch: Scratch; options: WorkloadOptions; tools: Tcpdump[] };

/** Captures into the scratch directory until something ends it. Nothing of it runs on after it has settled. */
export async function capture(spec: WorkloadSpec, scratch: Scratch, options: WorkloadOptions): Promise<Captured> {
  const tools = spec.interfaces.map((name) =>
    startTcpdump({
      interface: name,
      file: join(scratch.bundle, pcapName(spec, name)),
      snapLength: spec.snapLength,
      filter: spec.filter,
    }),
  );
  const session = { spec, scratch, options, tools };
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
    if (end.reason === 'discard') return { ...(await nothing(session)), metadata: [], startedAt, endedAt };
    options.log(`capture ended (${end.reason}); collecting what is left`);
    if (spec.includeMetadata) facts.push(collectMetadata('', scratch.directory, metadata.signal));
    await finishTools(session, failure === undefined && end.reason !== 'max-size');
    const metadataEntries = (await Promise.all(facts)).flat().sort((a, b) => (a.name < b.name ? -1 : 1));
    return { ...(await settle(session, end)), metadata: metadataEntries, startedAt, endedAt };
  } finally {
    metadata.abort();
    await Promise.all(tools.map((tool) => tool.kill()));
    await Promise.allSettled(facts);
  }
}

/** The name of an interface's pcap file; a name can hold what a file's must not. */
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
  // Without the log the packets are still worth delivering; a full disk is told where it loses packets.
  await writeFile(join(scratch.bundle, 'tcpdump.log'), tools.map((tool) => tool.log()).join('\n')).catch(
    () => undefined,
  );
}

type Settled = Omit<Captured, 'startedAt' | 'endedAt' | 'metadata'>;

async function settle({ spec, scratch, tools }: Session, end: End): Promise<Settled> {
  const errors = end.error === undefined ? [] : [end.error];
  const files = tools.map(({ file }) => file);
  const pcaps = await settlePcaps(files, spec.maxBytes).catch((error: unknown) => {
    errors.push(`the packets could not be counted: ${explainErrno(error)}`);
    return null;
  });
  const counts = tools.map((tool) => tool.counts());
  const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
  const packets = sum(pcaps?.map((pcap) => pcap?.packets ?? 0) ?? []);
  const missing = sum(counts.map(({ captured }) => captured)) - packets;
  // What the size limit cut off was captured too, so only without a cut is a difference a loss.
  if (missing > 0 && pcaps !== null && !pcaps.some((pcap) => pcap?.limited)) {
    errors.push(`${missing} captured packets could not be written${await spaceLeft(scratch.bundle)}`);
  }
  return {
    reason: end.reason,
    packets,
    worthKeeping: packets > 0 || pcaps === null,
    pcapBytes: sum(pcaps?.map((pcap) => pcap?.bytes ?? 0) ?? []),
    droppedByKernel: sum(counts.map(({ droppedByKernel }) => droppedByKernel)),
    droppedByInterface: sum(counts.map(({ droppedByInterface }) => droppedByInterface)),
    errors,
  };
}

async function nothing({ tools }: Session): Promise<Settled> {
  await Promise.all(tools.map((tool) => tool.kill()));
  return {
    reason: 'discard',
    packets: 0,
    worthKeeping: false,
    pcapBytes: 0,
    droppedByKernel: 0,
    droppedByInterface: 0,
    errors: [],
  };
}

async function spaceLeft(directory: string): Promise<string> {
  const space = await freeSpace(directory);
  return space === null ? '' : `: ${space.free} of ${space.total} bytes of the disk are free`;
}
