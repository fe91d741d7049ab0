import { readdir, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { WorkloadSpec } from '../capture/workload-spec.ts';
import { errnoOf } from '../upload/explain.ts';
import type { BundleEntry } from './bundle.ts';
import { captureFile, pcapFile } from './capture-file.ts';
import { type MergedPart, planMerge, streamPart } from './merge.ts';
import { cutPcap, type PcapScan, pcapHeader, scanPcap } from './pcap.ts';
import { BEGIN, RecordCursor, type Source } from './records.ts';

/** The packets of one interface, or of several of one link type, as a pcap file that can be read from a pipe. */
export type PacketStream = { title: string; open(): AsyncIterable<Buffer> };

/** What is kept of a capture. */
export type Kept = {
  /** The files of the tarball, the oldest packets first. */
  entries: BundleEntry[];
  packets: number;
  bytes: number;
  /** The limit that left out what came after it. */
  cutBy: 'max-size' | 'packet-count' | null;
  /** The same packets once more, for the listing. */
  streams: PacketStream[];
};

type Limits = Pick<WorkloadSpec, 'stem' | 'maxBytes' | 'packetCount' | 'fileCount'>;

/** What an interface's tcpdump wrote: its file, or the first part of the names of a ring's files. */
export type Written = { interface: string; file: string; captured: number };

/** The size of each file in bytes; 0 for one that does not exist (yet). */
export function sizesOf(paths: readonly string[]): Promise<number[]> {
  return Promise.all(
    paths.map(async (path) => {
      try {
        return (await stat(path)).size;
      } catch (error) {
        if (errnoOf(error) === 'ENOENT') return 0;
        throw error;
      }
    }),
  );
}

/**
 * Decides what is kept of the files that the tools have left, within the limits. The files of one interface stay as they
 * are, cut at a whole packet; those of several become one file, which is made while it is bundled. A single file is not
 * read again up to where it was `scanned`.
 */
export async function settlePcaps(written: readonly Written[], limits: Limits, scanned?: PcapScan): Promise<Kept> {
  const [one] = written;
  if (one !== undefined && written.length === 1) {
    return limits.fileCount === null ? settleFile(one, limits.maxBytes, scanned) : settleRing(one);
  }
  return settleMerged(written, limits);
}

async function settleFile(written: Written, maxBytes: number | null, scanned?: PcapScan): Promise<Kept> {
  const [size = 0] = await sizesOf([written.file]);
  const found = size === 0 ? null : await cutPcap(written.file, maxBytes ?? undefined, scanned);
  if (found === null) {
    await removeUnusable(written.file);
    return { entries: [], packets: 0, bytes: 0, cutBy: null, streams: [] };
  }
  const source = await sourceOf(written.interface, [written.file]);
  return {
    entries: [{ name: basename(written.file), file: written.file }],
    packets: found.packets,
    bytes: found.end,
    // From there on the kernel has let tcpdump write nothing more.
    cutBy: reached(size, maxBytes) ? 'max-size' : null,
    streams: source === null ? [] : [streamOf(source, found.packets)],
  };
}

/** The files of a ring keep tcpdump's names. */
async function settleRing(written: Written): Promise<Kept> {
  const files = await ringFiles(written.file);
  const found = await Promise.all(files.map((file) => cutPcap(file)));
  const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
  const packets = sum(found.map((scan) => scan?.packets ?? 0));
  const source = await sourceOf(written.interface, files);
  return {
    entries: files.map((file) => ({ name: basename(file), file })),
    packets,
    bytes: sum(found.map((scan) => scan?.end ?? 0)),
    cutBy: null,
    streams: source === null ? [] : [streamOf(source, packets)],
  };
}

async function settleMerged(written: readonly Written[], limits: Limits): Promise<Kept> {
  const found = await Promise.all(
    written.map(async (tool) => sourceOf(tool.interface, await filesOf(tool, limits.fileCount))),
  );
  const sizes = await sizesOf(written.map(({ file }) => file));
  const isFull = (size = 0): boolean => limits.fileCount === null && reached(size, limits.maxBytes);
  const sources = found.flatMap((source, index) =>
    source === null ? [] : [{ ...source, full: isFull(sizes[index]) }],
  );
  if (sources.length === 0) return { entries: [], packets: 0, bytes: 0, cutBy: null, streams: [] };
  const file = captureFile(sources);
  const { maxBytes: bytes, fileCount: files } = limits;
  const gone = files === null ? 0 : await overwritten(written, sources);
  const packets = limits.packetCount === null ? null : limits.packetCount - gone;
  const { parts, cutBy } = await planMerge(sources, file, { packets, bytes, files });
  const name = `${limits.stem}.${file.extension}`;
  const whole = { packets: parts.reduce((total, part) => total + part.packets, 0), start: parts[0]?.start ?? [] };
  return {
    entries: parts.map((part, index) => ({
      name: files === null ? name : `${name}${ringNumber(index, files)}`,
      size: part.bytes,
      open: () => streamPart(sources, file, part, { reuse: true }),
    })),
    packets: whole.packets,
    bytes: parts.reduce((total, part) => total + part.bytes, 0),
    cutBy,
    streams: mergedStreams(sources, whole),
  };
}

/** How many packets a ring has overwritten: they count too. */
async function overwritten(written: readonly Written[], sources: readonly Source[]): Promise<number> {
  const scans = await Promise.all(sources.flatMap(({ files }) => files.map((file) => scanPcap(file))));
  const captured = written.reduce((total, tool) => total + tool.captured, 0);
  return Math.max(0, captured - scans.reduce((total, scan) => total + (scan?.packets ?? 0), 0));
}

/** tcpdump's numbers: as many digits as the last one needs, and none for a single file. */
function ringNumber(index: number, files: number): string {
  return files === 1 ? '' : String(index).padStart(String(files - 1).length, '0');
}

function mergedStreams(sources: readonly Source[], whole: Pick<MergedPart, 'packets' | 'start'>): PacketStream[] {
  const file = captureFile(sources);
  const title = sources.map((source) => source.interface).join(', ');
  if (file.extension === 'pcap') return [{ title, open: () => streamPart(sources, file, whole) }];
  return sources.map((source, index) => ({
    title: source.interface,
    open: () => streamPart(sources, pcapFile(source.header), whole, { only: index }),
  }));
}

function streamOf(source: Source, packets: number): PacketStream {
  const open = (): AsyncIterable<Buffer> => streamPart([source], pcapFile(source.header), { packets, start: [BEGIN] });
  return { title: source.interface, open };
}

async function filesOf({ file }: Written, fileCount: number | null): Promise<string[]> {
  return fileCount === null ? usable([file]) : ringFiles(file);
}

/** A ring's files, the oldest packets first; one that was just begun, without any, is the newest. */
async function ringFiles(path: string): Promise<string[]> {
  const names = await readdir(dirname(path));
  const numbers = (name: string): string => name.slice(basename(path).length);
  const ours = names.filter((name) => name.startsWith(basename(path)) && /^\d*$/.test(numbers(name)));
  const files = await usable(ours.sort().map((name) => join(dirname(path), name)));
  const times = new Map(await Promise.all(files.map(async (file) => [file, await firstTime(file)] as const)));
  return files.sort((a, b) => (times.get(a) ?? 0) - (times.get(b) ?? 0));
}

async function firstTime(file: string): Promise<number> {
  const source = await sourceOf('', [file]);
  if (source === null) return Number.MAX_VALUE;
  const cursor = await RecordCursor.open(source, BEGIN);
  await cursor.close();
  return cursor.ended ? Number.MAX_VALUE : cursor.time;
}

/** The files that have a whole pcap header; the others cannot be opened by anything and are removed. */
async function usable(files: readonly string[]): Promise<string[]> {
  const sizes = await sizesOf(files);
  const kept: string[] = [];
  for (const [index, file] of files.entries()) {
    if (sizes[index] !== 0 && (await pcapHeader(file)) !== null) kept.push(file);
    else await removeUnusable(file);
  }
  return kept;
}

async function sourceOf(name: string, files: readonly string[]): Promise<Source | null> {
  const [first] = files;
  const header = first === undefined ? null : await pcapHeader(first);
  return header === null ? null : { interface: name, header, files, full: false };
}

function reached(size: number, maxBytes: number | null): boolean {
  return maxBytes !== null && size >= maxBytes;
}

async function removeUnusable(path: string): Promise<void> {
  await unlink(path).catch((error: unknown) => {
    if (errnoOf(error) !== 'ENOENT') throw error;
  });
}
