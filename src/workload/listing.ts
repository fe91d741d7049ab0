import { type FileHandle, open } from 'node:fs/promises';
import { execa } from 'execa';
import type { WorkloadSpec } from '../capture/workload-spec.ts';
import { explainErrno } from '../upload/explain.ts';
import type { PacketStream } from './limit.ts';
import { toolEnv } from './tool-env.ts';

/** The listing is for reading: what is longer is read better from the packets themselves. */
const MAX_BYTES = 10_000_000;
/** How long tcpdump may print, and how long it may do so with a name to look up for each address. */
const PRINT_MS = 10_000;
const NAMES_MS = 5_000;
/** Characters that are written at once. */
const PIECE = 1 << 18;

type Listing = NonNullable<WorkloadSpec['listing']>;

/** tcpdump's arguments for a listing; packets are numbered as Wireshark numbers them. */
export function listingArgv(listing: Listing, resolveNames: boolean): string[] {
  const { verbosity, timestamps, data } = listing;
  return [
    ...['-r', '-', '-Z', 'root', '--number'],
    ...(listing.resolvePorts ? (resolveNames ? [] : ['-n']) : ['-nn']),
    ...(verbosity === '' ? [] : [VERBOSITY[verbosity]]),
    ...(timestamps === '' ? [] : [TIMESTAMPS[timestamps]]),
    ...(data === '' ? [] : [DATA[data]]),
    ...(listing.linkHeader ? ['-e'] : []),
    ...(listing.quiet ? ['-q'] : []),
    ...(listing.absoluteSequence ? ['-S'] : []),
    ...(listing.verifyChecksums ? [] : ['-K']),
  ];
}

const VERBOSITY = { verbose: '-v', extra: '-vv', max: '-vvv' } as const;
const TIMESTAMPS = {
  none: '-t',
  unformatted: '-tt',
  delta: '-ttt',
  date: '-tttt',
  'delta-since-first': '-ttttt',
} as const;
const DATA = { hex: '-x', 'hex-with-link': '-xx', ascii: '-A', 'ascii-with-link': '-AA' } as const;

/** What was written of a listing so far. */
type Sheet = { readonly file: FileHandle; bytes: number; listed: number };

type Ending = { kind: 'whole' | 'size' | 'time' } | { kind: 'failed'; complaint: string };

/**
 * Writes the packets of a capture as text into a file. Bounded in size and time: what could not be listed is told in the last
 * line. Resolves with what kept the file from being written; never rejects.
 */
export async function writeListing(
  path: string,
  listing: Listing,
  kept: { packets: number; streams: readonly PacketStream[] },
): Promise<string | null> {
  try {
    const file = await open(path, 'w');
    try {
      const sheet = { file, bytes: 0, listed: 0 };
      const ending = await printAll(sheet, listing, kept.streams);
      if (ending.kind !== 'whole') {
        await append(sheet, `[${sheet.listed} of ${kept.packets} packets are listed: ${reasonOf(ending)}]\n`);
      }
      await file.truncate(sheet.bytes);
    } finally {
      await file.close();
    }
    return null;
  } catch (error) {
    return explainErrno(error);
  }
}

function reasonOf(ending: Ending): string {
  if (ending.kind === 'failed') return `tcpdump failed: ${ending.complaint}`;
  return ending.kind === 'size'
    ? `a listing ends at ${MAX_BYTES / 1e6} MB`
    : `it took longer than ${PRINT_MS / 1000} s`;
}

async function printAll(sheet: Sheet, listing: Listing, streams: readonly PacketStream[]): Promise<Ending> {
  if (listing.resolveNames && listing.resolvePorts) {
    const ending = await printStreams(sheet, listingArgv(listing, true), streams, NAMES_MS);
    if (ending.kind !== 'time') return ending;
    // A server of names that does not answer must not cost the listing: once more, from the top.
    sheet.bytes = 0;
    sheet.listed = 0;
    const note = `the names of the addresses could not be looked up within ${NAMES_MS / 1000} s: shown as numbers`;
    await append(sheet, `[${note}]\n`);
  }
  return printStreams(sheet, listingArgv(listing, false), streams, PRINT_MS);
}

async function printStreams(
  sheet: Sheet,
  argv: readonly string[],
  streams: readonly PacketStream[],
  limitMs: number,
): Promise<Ending> {
  const deadline = performance.now() + limitMs;
  for (const stream of streams) {
    if (streams.length > 1) await append(sheet, `### ${stream.title}\n`);
    const ending = await print(sheet, argv, stream, Math.max(1, Math.round(deadline - performance.now())));
    if (ending.kind !== 'whole') return ending;
  }
  return { kind: 'whole' };
}

async function print(sheet: Sheet, argv: readonly string[], stream: PacketStream, limitMs: number): Promise<Ending> {
  const child = execa('tcpdump', argv, {
    reject: false,
    stdin: stream.open(),
    buffer: { stdout: false },
    maxBuffer: { stderr: 10_000 },
    timeout: limitMs,
    forceKillAfterDelay: 500,
    extendEnv: false,
    // One address without a name would else take 10 s.
    env: { ...toolEnv(), RES_OPTIONS: 'timeout:1 attempts:1' },
  });
  let packet = '';
  let piece = '';
  let number = 0;
  let full = false;
  const take = (): void => {
    piece += packet;
    if (packet !== '') sheet.listed += 1;
    packet = '';
  };
  for await (const line of child.iterable({ preserveNewlines: true })) {
    // With -A, a packet's own bytes may look like the beginning of another: only the next number counts.
    if (Number(/^ *(\d+) {2}/.exec(line)?.[1]) === number + 1) {
      number += 1;
      take();
    }
    packet += line;
    full = sheet.bytes + piece.length + packet.length > MAX_BYTES;
    if (full) {
      child.kill('SIGKILL');
      break;
    }
    if (piece.length < PIECE) continue;
    await append(sheet, piece);
    piece = '';
  }
  const { failed, timedOut, stderr, shortMessage = '' } = await child;
  // The last packet may have been cut short, unless tcpdump has come to its end.
  if (!failed && !full) take();
  await append(sheet, piece);
  if (full) return { kind: 'size' };
  if (timedOut) return { kind: 'time' };
  return failed ? { kind: 'failed', complaint: stderr.trim().split('\n').at(-1) || shortMessage } : { kind: 'whole' };
}

async function append(sheet: Sheet, text: string): Promise<void> {
  const bytes = Buffer.from(text, 'latin1');
  for (let written = 0; written < bytes.length; ) {
    const { bytesWritten } = await sheet.file.write(bytes, written, bytes.length - written, sheet.bytes);
    written += bytesWritten;
    sheet.bytes += bytesWritten;
  }
}
