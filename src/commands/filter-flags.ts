import type { FilterModel } from '../capture/request.ts';
import type { Problems } from './flags.ts';

/** The flags that narrow a capture, as typed; unset ones are undefined. */
export type FilterFlags = {
  includeFilter?: string;
  excludeFilter?: string;
  pcapFilter?: string;
  tcpdumpFilter?: string;
  sourceIps?: string;
  destinationIps?: string;
};

/** The filters of a command line, checked. */
export async function toFilter(flags: FilterFlags, problems: Problems): Promise<FilterModel> {
  const expression = problems.parse('--pcap-filter', flags.pcapFilter, parseFilter) ?? '';
  return { include: [], exclude: [], expression, sources: [], destinations: [] };
}

/** Blank is not given; a leading dash would be a flag of tcpdump, not a filter. */
function parseFilter(text: string): string | Error {
  const filter = text.trim();
  if (filter.startsWith('-')) {
    return new Error(`"${text}" is a flag of tcpdump, not a BPF expression such as "tcp port 80"`);
  }
  return /[\p{Cc}]/u.test(filter) ? new Error('it has a control character') : filter;
}
