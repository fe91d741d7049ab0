import { parseNetwork } from './address.ts';
import type { PktmonFilter } from './workload-spec.ts';

/**
 * Filters that can be active at once: "Up to 32 filters are supported at once", as
 * https://learn.microsoft.com/windows-server/networking/technologies/pktmon/pktmon-syntax has it.
 */
export const MAX_PKTMON_FILTERS = 32;

/** A filter before it is spelled: a packet must have all of its addresses, and its port. */
type Conditions = { addresses: readonly string[]; port: number | undefined };

type Expressible = Pick<PktmonFilter, 'pods' | 'include'>;

/**
 * The arguments of `pktmon filter add` for each filter that is needed, behind its name; none where every packet is meant.
 * Undefined where no packet can be meant, which pktmon cannot be told: without filters it captures everything.
 *
 * From https://learn.microsoft.com/windows-server/administration/windows-commands/pktmon-filter-add: a packet must match all conditions of at least one filter; an address or a port
 * matches as source or destination; where two addresses are given, a packet must contain both. So whatever tells
 * source from destination, or excludes, has no form here.
 */
export function pktmonFilters({ pods, include }: Expressible): string[][] | undefined {
  if (pods.length === 0 && include.length === 0) return [];
  const found = pods.length === 0 ? include.map(toConditions) : pods.flatMap((pod) => withPod(pod, include));
  if (found.length === 0) return undefined;
  // As text they can be told apart, and sorted.
  const spelled = found.map(({ addresses, port }) => [
    ...(addresses.length === 0 ? [] : ['-i', ...addresses]),
    ...(port === undefined ? [] : ['-p', String(port)]),
  ]);
  return [...new Map(spelled.map((argv) => [argv.join(' '), argv])).entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, argv]) => argv);
}

function toConditions({ address, port }: PktmonFilter['include'][number]): Conditions {
  return { addresses: address === undefined ? [] : [address], port };
}

/** What the packets of one pod must have besides its address. */
function withPod(pod: string, include: PktmonFilter['include']): Conditions[] {
  if (include.length === 0) return [{ addresses: [pod], port: undefined }];
  return include.flatMap(({ address, port }) => {
    if (address === undefined || holds(address, pod)) return [{ addresses: [pod], port }];
    // No packet has addresses of both families.
    return address.includes(':') === pod.includes(':') ? [{ addresses: [pod, address], port }] : [];
  });
}

/** Whether a pod's address is this one, or in this network: every packet of the pod has it then. */
function holds(network: string, pod: string): boolean {
  const [whole, one] = [parseNetwork(network), parseNetwork(pod)];
  if (whole instanceof Error || one instanceof Error || whole.family !== one.family) return false;
  const rest = BigInt((whole.family === 4 ? 32 : 128) - whole.prefix);
  return whole.bits >> rest === one.bits >> rest;
}
