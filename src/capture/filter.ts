import { isIPv6 } from 'node:net';
import { solicitedNode } from './address.ts';
import type { EndpointTerm, FilterModel } from './request.ts';

/**
 * Addresses of pods up to which their ARP and neighbour discovery are told apart from that of others. Each takes as many
 * instructions as IP does: 500 addresses of each family would be 5,791, where the kernel takes 4,096, and 11 s to compile.
 */
const MAX_EXACT = 128;

type Direction = '' | 'src ' | 'dst ';

/**
 * The BPF text of a node's capture: the addresses of its target pods (none: the whole node), and the model's filters. A
 * packet must pass all of them. The user's expression comes last: a `vlan` or `mpls` in it changes where everything
 * behind it looks for the headers.
 */
export function composeFilter(pods: readonly string[], model: FilterModel): string {
  const exclude = endpointFilter(model.exclude);
  return narrow(
    podFilter(pods),
    addressFilter(model.sources, 'src '),
    addressFilter(model.destinations, 'dst '),
    endpointFilter(model.include),
    exclude === '' ? '' : `not (${exclude})`,
    model.expression,
  );
}

/** Whether a filter for so many pods takes in the ARP and neighbour discovery of all others too. */
export function isShortened(pods: readonly string[]): boolean {
  return new Set(pods).size > MAX_EXACT;
}

/** Packets from or to these pods, what asks for their addresses on the link included. */
function podFilter(pods: readonly string[]): string {
  const addresses = [...new Set(pods)].sort();
  const six = addresses.filter(isIPv6);
  if (!isShortened(addresses)) {
    const asked = hosts('ip6 dst ', [...new Set(six.map(solicitedNode))]);
    return anyOf([addressFilter(addresses, ''), asked]);
  }
  const four = addresses.filter((address) => !isIPv6(address));
  const discovery = '(icmp6 and (ip6[40] = 135 or ip6[40] = 136))';
  return anyOf([
    ...[family('ip', four, ''), family('ip6', six, '')],
    ...[four.length > 0 ? 'arp' : '', six.length > 0 ? discovery : ''],
  ]);
}

/** Packets with these addresses or networks, ARP included, as bare `host` has it; empty for none. */
function addressFilter(addresses: readonly string[], direction: Direction): string {
  const all = [...new Set(addresses)].sort();
  const six = all.filter((address) => address.includes(':'));
  const four = all.filter((address) => !address.includes(':'));
  return anyOf([family('ip', four, direction), family('arp', four, direction), family('ip6', six, direction)]);
}

/**
 * Never the bare `host`, with which libpcap takes cubic time (500 of them: 9.4 s, in this form 0.03 s). IPv6 sources and
 * destinations apart: 250 addresses take 773 instructions so, and 4,473 as `ip6 host`.
 */
function family(protocol: 'ip' | 'arp' | 'ip6', addresses: readonly string[], direction: Direction): string {
  const apart = protocol === 'ip6' && direction === '' && addresses.length > 1;
  if (apart) return anyOf([family(protocol, addresses, 'src '), family(protocol, addresses, 'dst ')]);
  const isNet = (address: string): boolean => address.includes('/');
  const single = addresses.filter((address) => !isNet(address));
  const nets = addresses.filter(isNet).map((net) => `${protocol} ${direction}net ${net}`);
  return anyOf([hosts(`${protocol} ${direction}`, single), ...nets]);
}

function hosts(qualifiers: string, addresses: readonly string[]): string {
  return addresses.length === 0 ? '' : `${qualifiers}host ${list(addresses)}`;
}

/** Packets from or to one of these; ports are those of TCP, UDP and SCTP, which only first fragments have. */
function endpointFilter(terms: readonly EndpointTerm[]): string {
  const byPort = Map.groupBy(terms, (term) => term.port);
  const whole = addressFilter(addressesOf(byPort.get(undefined) ?? []), '');
  const anywhere = terms.flatMap(({ address, port }) => (address === undefined && port !== undefined ? [port] : []));
  const ports = [...new Set(anywhere)].sort((a, b) => a - b);
  const both = [...byPort]
    .filter(([port, there]) => port !== undefined && addressesOf(there).length > 0)
    .map(([port, there]) => `(${ipOnly(addressesOf(there))} and port ${port})`);
  return anyOf([whole, ...both.sort(), portFilter(ports)]);
}

function addressesOf(terms: readonly EndpointTerm[]): string[] {
  return terms.flatMap(({ address }) => (address === undefined ? [] : [address]));
}

function ipOnly(addresses: readonly string[]): string {
  const all = [...new Set(addresses)].sort();
  const six = all.filter((address) => address.includes(':'));
  const four = all.filter((address) => !address.includes(':'));
  const text = anyOf([family('ip', four, ''), family('ip6', six, '')]);
  return text.includes(' or ') ? `(${text})` : text;
}

/** One family at a time takes libpcap two thirds of the time. */
function portFilter(ports: readonly number[]): string {
  if (ports.length < 2) return ports.map((port) => `port ${port}`).join('');
  return `(ip and port ${list(ports)}) or (ip6 and port ${list(ports)})`;
}

function list(values: readonly (string | number)[]): string {
  return values.length === 1 ? `${values[0]}` : `(${values.join(' or ')})`;
}

function anyOf(filters: readonly string[]): string {
  return filters.filter((filter) => filter !== '').join(' or ');
}

/** Several filters at once: a packet must pass each of those that are not empty. */
function narrow(...filters: readonly string[]): string {
  const given = filters.map((filter) => filter.trim()).filter((filter) => filter !== '');
  return given.length > 1 ? given.map((filter) => `(${filter})`).join(' and ') : (given[0] ?? '');
}
