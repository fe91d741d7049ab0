import { captureNameProblem } from '../capture/names.ts';
import type { CaptureSettings } from '../capture/request.ts';
import { DEFAULT_DURATION, DEFAULT_MAX_SIZE } from './capture-rows.ts';
import { type FilterFlags, toFilter } from './filter-flags.ts';
import { type Problems, parseDuration, parseInteger, parseInterfaces } from './flags.ts';
import { mapTcpdumpFlags } from './tcpdump-flags.ts';

/** Bytes in the megabyte of `--max-size`, as in tcpdump's -C. */
const MEGABYTE = 1_000_000;
const MAX_SNAP_LENGTH = 262_144;

/** What is captured, as typed; unset flags are undefined. */
export type SettingsFlags = FilterFlags & {
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
  noResolveDns?: boolean;
  noResolvePort?: boolean;
  verbosity?: string;
  timestampFormat?: string;
  printData?: string;
  printLinkHeader?: boolean;
  quietOutput?: boolean;
  absoluteSeq?: boolean;
  dontVerifyChecksum?: boolean;
};

/** The flags that a capture in a cluster and one on this machine share. */
export async function toSettings(
  typed: SettingsFlags,
  problems: Problems,
  newId: () => string,
): Promise<CaptureSettings> {
  const flags = mapTcpdumpFlags(typed, problems);
  const duration = problems.parse('--duration', flags.duration ?? DEFAULT_DURATION, parseDuration);
  const size = problems.parse('--max-size', flags.maxSize ?? DEFAULT_MAX_SIZE, parseInteger(0, 10_000_000));
  return {
    name: problems.parse('--name', flags.name, parseCaptureName) ?? `retina-capture-${newId()}`,
    filter: await toFilter(flags, problems),
    interfaces: problems.parse('--interfaces', flags.interfaces, parseInterfaces) ?? ['any'],
    snapLength: problems.parse('--packet-size', flags.packetSize, parseInteger(0, MAX_SNAP_LENGTH)) ?? 0,
    durationMs: duration || null,
    maxBytes: size ? size * MEGABYTE : null,
    packetCount: null,
    fileCount: null,
    promiscuous: true,
    packetBuffered: false,
    immediate: false,
    listing: null,
    includeMetadata: flags.includeMetadata ?? true,
  };
}

/** A capture's name, or what is wrong with it. */
export function parseCaptureName(name: string): string | Error {
  const problem = captureNameProblem(name);
  return problem === undefined ? name : new Error(`"${name}" ${problem}`);
}
