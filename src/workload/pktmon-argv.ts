import { pktmonFilters } from '../capture/pktmon-filters.ts';
import type { WorkloadSpec } from '../capture/workload-spec.ts';

// Command lines as on https://learn.microsoft.com/windows-server/administration/windows-commands/pktmon-start and
// https://learn.microsoft.com/windows-server/administration/windows-commands/pktmon-filter-add

/** The page "pktmon start" counts in megabytes; taken for the larger kind, so that a file is never larger than asked. */
const MEBIBYTE = 1 << 20;
/** Of a file where there is no limit; as pktmon's own default, after which the next file is begun. */
const DEFAULT_MIB = 512;

type Filters = Pick<WorkloadSpec, 'pktmon'>;

/** The arguments that add our filters, one command line for each. Throws an Error where no packet can be meant. */
export function filterArgv({ pktmon }: Filters): string[][] {
  const filters = pktmonFilters(pktmon ?? { pods: [], include: [] });
  // Without a filter, everything would be captured.
  if (filters === undefined) throw new Error('no packet can pass the filters');
  return filters.map((argv, index) => ['filter', 'add', `Retina${index + 1}`, ...argv]);
}

type Start = Pick<WorkloadSpec, 'snapLength' | 'maxBytes' | 'fileCount'>;

/**
 * The arguments that start a session, as on the page "pktmon start". A ring is one circular file. Elsewhere nothing may be
 * overwritten: in the mode `multi-file` a new file is begun when one is full, by which a limit is noticed.
 */
export function startArgv({ snapLength, maxBytes, fileCount }: Start, file: string): string[] {
  const bytes = (maxBytes ?? DEFAULT_MIB * MEBIBYTE) * (fileCount ?? 1);
  return [
    ...['start', '--capture'],
    // Its default is 128 bytes; 0 is the whole packet.
    ...['--pkt-size', String(snapLength)],
    ...['--file-name', file],
    ...['--file-size', String(Math.max(1, Math.floor(bytes / MEBIBYTE)))],
    ...['--log-mode', fileCount === null ? 'multi-file' : 'circular'],
  ];
}
