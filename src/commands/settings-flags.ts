import { captureNameProblem } from '../capture/names.ts';
import type { CaptureSettings } from '../capture/request.ts';
import type { MinFree } from '../capture/workload-spec.ts';
import { DEFAULT_DURATION, DEFAULT_MAX_SIZE, DEFAULT_MIN_FREE } from './capture-rows.ts';
import { type FilterFlags, toFilter } from './filter-flags.ts';
import { type Problems, parseBytes, parseDuration, parseInteger, parseInterfaces } from './flags.ts';
import { type ListingFlags, toListing } from './listing-flags.ts';
import { mapTcpdumpFlags } from './tcpdump-flags.ts';

/** Bytes in the megabyte of `--max-size`, as in tcpdump's -C. */
const MEGABYTE = 1_000_000;
const MAX_SNAP_LENGTH = 262_144;
const MAX_MEGABYTES = 10_000_000;
/** What tcpdump can count to. */
const MAX_PACKETS = 2 ** 31 - 1;
const MAX_FILES = 10_000;
const NO_MINIMUM: MinFree = { amount: 0, unit: 'bytes' };

/** What is captured, as typed; unset flags are undefined. */
export type SettingsFlags = FilterFlags &
  ListingFlags & {
    name?: string;
    interfaces?: string;
    packetSize?: string;
    noPromiscuous?: boolean;
    packetBuffered?: boolean;
    immediateMode?: boolean;
    includeMetadata?: boolean;
    duration?: string;
    maxSize?: string;
    packetCount?: string;
    fileCount?: string;
    minFree?: string;
  };

/** The flags that a capture in a cluster and one on this machine share. */
export async function toSettings(
  typed: SettingsFlags,
  problems: Problems,
  newId: () => string,
): Promise<CaptureSettings> {
  const flags = mapTcpdumpFlags(typed, problems);
  const number = (flag: string, text: string | undefined, least: number, most: number): number | undefined =>
    problems.parse(flag, text, parseInteger(least, most));
  const size = number('--max-size', flags.maxSize ?? DEFAULT_MAX_SIZE, 0, MAX_MEGABYTES);
  const fileCount = number('--file-count', flags.fileCount, 1, MAX_FILES) ?? null;
  if (fileCount !== null && size === 0) {
    problems.found.push('--file-count: its files need a size, and --max-size 0 is none: give --max-size 1 or more');
  }
  // A ring keeps what came last: it runs until somebody has seen enough, unless a duration is typed.
  const duration = flags.duration ?? (flags.fileCount === undefined ? DEFAULT_DURATION : '0');
  return {
    name: problems.parse('--name', flags.name, parseCaptureName) ?? `retina-capture-${newId()}`,
    filter: await toFilter(flags, problems),
    interfaces: problems.parse('--interfaces', flags.interfaces, parseInterfaces) ?? ['any'],
    snapLength: number('--packet-size', flags.packetSize, 0, MAX_SNAP_LENGTH) ?? 0,
    durationMs: problems.parse('--duration', duration, parseDuration) || null,
    maxBytes: size ? size * MEGABYTE : null,
    packetCount: number('--packet-count', flags.packetCount, 0, MAX_PACKETS) || null,
    fileCount,
    promiscuous: flags.noPromiscuous !== true,
    packetBuffered: flags.packetBuffered ?? false,
    immediate: flags.immediateMode ?? false,
    listing: toListing(flags, problems),
    includeMetadata: flags.includeMetadata ?? true,
    minFree: problems.parse('--min-free', flags.minFree ?? DEFAULT_MIN_FREE, parseMinFree) ?? NO_MINIMUM,
  };
}

/** `10%` of the file system, or a number of bytes such as 2Gi; 0 for no minimum. */
function parseMinFree(text: string): MinFree | Error {
  const percent = /^(\d{1,2}(?:\.\d+)?)%$/.exec(text.trim())?.[1];
  if (percent !== undefined) return { amount: Number(percent), unit: 'percent' };
  if (text.trim().endsWith('%')) return new Error(`"${text}" is not a percentage from 0% to 99%`);
  const amount = parseBytes(text.trim());
  return amount instanceof Error ? amount : { amount, unit: 'bytes' };
}

/** A capture's name, or what is wrong with it. */
export function parseCaptureName(name: string): string | Error {
  const problem = captureNameProblem(name);
  return problem === undefined ? name : new Error(`"${name}" ${problem}`);
}
