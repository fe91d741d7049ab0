import type { ListingOptions } from '../capture/request.ts';
import { type Problems, parseOneOf } from './flags.ts';

/** How packets are printed, as typed; unset flags are undefined. */
export type ListingFlags = {
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

const VERBOSITIES = ['verbose', 'extra', 'max'] as const;
const TIMESTAMPS = ['none', 'unformatted', 'delta', 'date', 'delta-since-first'] as const;
const DATA_FORMATS = ['hex', 'hex-with-link', 'ascii', 'ascii-with-link'] as const;

/** How the decoded listing is printed; null when no flag asks for one. */
export function toListing(flags: ListingFlags, problems: Problems): ListingOptions | null {
  const { noResolveDns = false, noResolvePort = false, printLinkHeader = false, quietOutput = false } = flags;
  const { absoluteSeq = false, dontVerifyChecksum = false } = flags;
  const verbosity = problems.parse('--verbosity', flags.verbosity, parseOneOf(...VERBOSITIES));
  const timestamps = problems.parse('--timestamp-format', flags.timestampFormat, parseOneOf(...TIMESTAMPS));
  const data = problems.parse('--print-data', flags.printData, parseOneOf(...DATA_FORMATS));
  const words = [verbosity, timestamps, data].some((word) => word !== undefined);
  const switches = [noResolveDns, noResolvePort, printLinkHeader, quietOutput, absoluteSeq, dontVerifyChecksum];
  if (!words && !switches.includes(true)) return null;
  return {
    resolveNames: !noResolveDns,
    resolvePorts: !noResolvePort,
    verbosity: verbosity ?? '',
    data: data ?? '',
    timestamps: timestamps ?? '',
    linkHeader: printLinkHeader,
    quiet: quietOutput,
    absoluteSequence: absoluteSeq,
    verifyChecksums: !dontVerifyChecksum,
  };
}
