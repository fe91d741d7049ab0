import { execa } from 'execa';
import type { WorkloadSpec } from '../capture/workload-spec.ts';
import type { PacketStream } from './limit.ts';
import { toolEnv } from './tool-env.ts';

/** The listing is for reading: what is longer is read better from the packets themselves. */
const MAX_BYTES = 10_000_000;
/** How long tcpdump may print, and how long it may do so with a name to look up for each address. */
const PRINT_MS = 10_000;
const NAMES_MS = 5_000;

type Listing = NonNullable<WorkloadSpec['listing']>;

/** What came of one run of tcpdump. */
type Printed = { text: string; listed: number; ending: 'whole' | 'size' | 'time' | 'failed'; complaint: string };

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

/** The packets of a capture as text. Bounded in size and time; whatever fails is told in its last line. Never rejects. */
export async function renderListing(
  listing: Listing,
  kept: { packets: number; streams: readonly PacketStream[] },
): Promise<Buffer> {
  const texts: string[] = [];
  let listed = 0;
  let room = MAX_BYTES;
  for (const stream of kept.streams) {
    const printed = await print(listing, stream, room);
    const title = kept.streams.length > 1 ? `### ${stream.title}\n` : '';
    texts.push(title, printed.text);
    listed += printed.listed;
    room -= printed.text.length;
    if (printed.ending === 'whole') continue;
    texts.push(`[${listed} of ${kept.packets} packets are listed: ${reasonOf(printed)}]\n`);
    break;
  }
  return Buffer.from(texts.join(''), 'latin1');
}

function reasonOf({ ending, complaint }: Printed): string {
  if (ending === 'size') return `a listing ends at ${MAX_BYTES / 1e6} MB`;
  return ending === 'time' ? `it took longer than ${PRINT_MS / 1000} s` : `tcpdump failed: ${complaint}`;
}

async function print(listing: Listing, stream: PacketStream, room: number): Promise<Printed> {
  const looksUp = listing.resolveNames && listing.resolvePorts;
  const printed = await runTcpdump(listingArgv(listing, looksUp), stream, {
    room,
    limitMs: looksUp ? NAMES_MS : PRINT_MS,
  });
  if (!looksUp || printed.ending !== 'time') return printed;
  // A server of names that does not answer must not cost the listing.
  const again = await runTcpdump(listingArgv(listing, false), stream, { room, limitMs: PRINT_MS });
  const note = `[the names of the addresses could not be looked up within ${NAMES_MS / 1000} s: shown as numbers]\n`;
  return { ...again, text: note + again.text };
}

async function runTcpdump(
  argv: readonly string[],
  stream: PacketStream,
  { room, limitMs }: { room: number; limitMs: number },
): Promise<Printed> {
  const result = await execa('tcpdump', argv, {
    reject: false,
    stdin: stream.open(),
    encoding: 'latin1',
    maxBuffer: { stdout: room, stderr: 10_000 },
    timeout: limitMs,
    forceKillAfterDelay: 500,
    stripFinalNewline: false,
    extendEnv: false,
    // One address without a name would else take 10 s.
    env: { ...toolEnv(), RES_OPTIONS: 'timeout:1 attempts:1' },
  });
  const ending = result.isMaxBuffer ? 'size' : result.timedOut ? 'time' : result.failed ? 'failed' : 'whole';
  const { text, listed } = wholePackets(result.stdout, ending === 'whole');
  const complaint = result.stderr.trim().split('\n').at(-1) || result.shortMessage || '';
  return { text, listed, ending, complaint };
}

/** The packets at the beginning of a numbered listing, without the last one where that may be cut, and their number. */
export function wholePackets(text: string, whole: boolean): { text: string; listed: number } {
  let listed = 0;
  let last = 0;
  // With -A, a packet's own bytes may look like the beginning of another: only the next number counts.
  for (const { 1: number, index } of text.matchAll(/^ *(\d+) {2}/gm)) {
    if (Number(number) !== listed + 1) continue;
    listed += 1;
    last = index;
  }
  return whole || listed === 0 ? { text, listed } : { text: text.slice(0, last), listed: listed - 1 };
}
