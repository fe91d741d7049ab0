import { CHECK_LIMIT, type Measured, measureFilters } from '../bpf/check.ts';
import type { FilterModel } from '../capture/request.ts';
import { listNames } from '../capture/suggest.ts';
import { ClusterError } from '../errors.ts';

/** Instructions that the kernel takes (BPF_MAXINSNS). */
const KERNEL_MAX = 4_096;

/** Characters up to which a filter for pods alone is never too large. */
const SMALL = 8_000;

type Planned = { node: string; filter: string };

/**
 * Compiles the filter of each node as its tcpdump will; the answer is what the user should know. Throws a ClusterError
 * for a filter that no packet can pass, with which tcpdump does not start. Short filters for pods alone are not looked at.
 */
export async function checkNodeFilters(
  nodes: readonly Planned[],
  settings: { filter: FilterModel; interfaces: readonly string[] },
): Promise<string[]> {
  const narrowed = Object.values(settings.filter).some((part) => part.length > 0);
  const looked = nodes.filter(({ filter }) => filter !== '' && (narrowed || filter.length > SMALL));
  const filters = [...new Set(looked.map(({ filter }) => filter))];
  if (filters.length === 0) return [];
  const measured = await measureFilters(filters, settings.interfaces.includes('any') ? 'any' : 'ethernet');
  const nodesWith = (holds: (size: Measured | undefined) => boolean): string[] =>
    looked.filter(({ filter }) => holds(measured[filters.indexOf(filter)])).map(({ node }) => node);
  const impossible = nodesWith((size) => size === 'rejects all');
  if (impossible.length > 0) {
    throw new ClusterError(`no packet can pass the filter on ${listNames(impossible)}, nothing was created`, {
      hint: `The filters and the addresses of the pods there contradict one another:\n  ${shown(looked, impossible)}`,
    });
  }
  const large = nodesWith((size) => typeof size === 'number' && size > KERNEL_MAX);
  const slow = nodesWith((size) => size === 'slow');
  return [
    ...(large.length > 0 ? [`on ${listNames(large)} ${TOO_LARGE}`] : []),
    ...(slow.length > 0 ? [`on ${listNames(slow)} ${UNMEASURED}`] : []),
  ];
}

const TOO_LARGE = `the filter is longer than the ${KERNEL_MAX} instructions that a kernel takes: tcpdump looks at every packet itself, and may lose some; fewer pods or endpoints help`;
const UNMEASURED = `the filter could not be compiled within ${CHECK_LIMIT / 1000} s here: tcpdump may need as long there, and captures nothing meanwhile`;

function shown(looked: readonly Planned[], nodes: readonly string[]): string {
  const filter = looked.find(({ node }) => node === nodes[0])?.filter ?? '';
  return filter.length > 200 ? `${filter.slice(0, 200)} …` : filter;
}
