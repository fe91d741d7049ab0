import { isIP, isIPv4 } from 'node:net';

/** An address (its prefix is all its bits) or a network. */
export type Network = { family: 4 | 6; bits: bigint; prefix: number };

const LENGTH = { 4: 32, 6: 128 } as const;

/** Reads an address or a CIDR; what is behind the prefix is kept. The Error tells what is wrong with the text. */
export function parseNetwork(text: string): Network | Error {
  const [, address = '', length] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const family = isIP(address);
  // A zone (`fe80::1%eth0`) says nothing about a packet.
  if ((family !== 4 && family !== 6) || address.includes('%')) {
    return new Error(`"${text}" is not an IP address or a CIDR such as 10.0.0.0/8`);
  }
  const prefix = length === undefined ? LENGTH[family] : Number(length);
  if (prefix > LENGTH[family]) return new Error(`"${text}" has a prefix of more than ${LENGTH[family]} bits`);
  return { family, bits: family === 4 ? bitsOf4(address) : bitsOf6(address), prefix };
}

/** The same with nothing behind its prefix: `10.0.0.1/8` is 10.0.0.0/8. */
export function maskNetwork({ family, bits, prefix }: Network): Network {
  const rest = BigInt(LENGTH[family] - prefix);
  return { family, bits: (bits >> rest) << rest, prefix };
}

/** As text that libpcap reads: an address alone where the prefix is all its bits. */
export function networkText({ family, bits, prefix }: Network): string {
  const address = family === 4 ? text4(bits) : text6(bits);
  return prefix === LENGTH[family] ? address : `${address}/${prefix}`;
}

/** The multicast address at which an IPv6 address is asked for by its neighbours (RFC 4291, 2.7.1). */
export function solicitedNode(address: string): string {
  return text6((0xff02_0000_0000_0000_0000_0001_ffn << 24n) | (bitsOf6(address) & 0xff_ffffn));
}

function bitsOf4(address: string): bigint {
  return address.split('.').reduce((bits, part) => (bits << 8n) | BigInt(part), 0n);
}

function bitsOf6(address: string): bigint {
  const embedded = address.slice(address.lastIndexOf(':') + 1);
  const tail = isIPv4(embedded) ? bitsOf4(embedded) : undefined;
  const hex = tail === undefined ? address : address.replace(embedded, groups(tail, 2).join(':'));
  const [before = '', after] = hex.split('::').map((side) => side.split(':').filter((group) => group !== ''));
  const left = before === '' ? [] : before;
  const zeros = Array<string>(8 - left.length - (after?.length ?? 0)).fill('0');
  return [...left, ...zeros, ...(after ?? [])].reduce((bits, group) => (bits << 16n) | BigInt(`0x${group}`), 0n);
}

function text4(bits: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => (bits >> shift) & 0xffn).join('.');
}

/** RFC 5952: the longest run of zeros is `::`. */
function text6(bits: bigint): string {
  const text = groups(bits, 8).join(':');
  const runs = text.match(/\b0(?::0)+\b/g) ?? [];
  const longest = runs.reduce((best, run) => (run.length > best.length ? run : best), '');
  if (longest === '') return text;
  const at = text.search(new RegExp(`(?<![0-9a-f])${longest}(?![0-9a-f])`));
  const [left, right] = [text.slice(0, at).replace(/:$/, ''), text.slice(at + longest.length).replace(/^:/, '')];
  return `${left}::${right}`;
}

function groups(bits: bigint, count: number): string[] {
  return Array.from({ length: count }, (_, index) =>
    ((bits >> BigInt(16 * (count - 1 - index))) & 0xffffn).toString(16),
  );
}
