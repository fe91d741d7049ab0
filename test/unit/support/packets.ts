import { isIPv6 } from 'node:net';
import type { LinkType } from '../../../src/bpf/compiler.ts';

/** A made packet: its bytes as a link type has them, and the fields that an oracle looks at. */
export type Packet = {
  family: 'ip' | 'arp' | 'ip6';
  src: string;
  dst: string;
  /** `tcp`, `udp` …; what a filter without knowledge of extension headers can see; empty for none. */
  protocol: string;
  /** Empty where there are none to see: other protocols, later fragments, behind extension headers. */
  ports: readonly number[];
  syn: boolean;
  vlan: boolean;
  what: string;
};

type Body = { protocol: string; number: number; bytes: readonly number[]; ports?: readonly number[]; syn?: boolean };
/** `later` is a fragment that is not the first, `hop` and `frag` are extension headers of IPv6. */
type Variant = 'plain' | 'first' | 'later' | 'hop' | 'frag';

const word = (value: number): number[] => [value >> 8, value & 255];
const tcp = (from: number, to: number, flags: number): Body => ({
  ...{ protocol: 'tcp', number: 6, ports: [from, to], syn: (flags & 2) !== 0 },
  bytes: [...word(from), ...word(to), 0, 0, 0, 1, 0, 0, 0, 0, 0x50, flags, 1, 0, 0, 0, 0, 0],
});
const udp = (from: number, to: number): Body => ({
  ...{ protocol: 'udp', number: 17, ports: [from, to] },
  bytes: [...word(from), ...word(to), 0, 12, 0, 0, 1, 2, 3, 4],
});
const icmp: Body = { protocol: 'icmp', number: 1, bytes: [8, 0, 0, 0, 0, 1, 0, 1] };
const icmp6: Body = { protocol: 'icmp6', number: 58, bytes: [128, 0, 0, 0, 0, 1, 0, 1] };
const BODIES = [tcp(40_000, 80, 2), tcp(80, 40_000, 16), tcp(22, 443, 16), udp(5353, 53), udp(53, 40_001), udp(7, 9)];

function bytesOf(address: string): number[] {
  if (!isIPv6(address)) return address.split('.').map(Number);
  const [left = [], right = []] = address.split('::').map((side) => side.split(':').filter(Boolean));
  const zeros = Array<string>(8 - left.length - right.length).fill('0');
  return [...left, ...zeros, ...right].flatMap((group) => word(Number.parseInt(group, 16)));
}

function ip4(src: string, dst: string, body: Body, variant: Variant): number[] {
  const offset = variant === 'later' ? 185 : variant === 'first' ? 0x2000 : 0;
  const head = [0x45, 0, ...word(20 + body.bytes.length), 0, 1, ...word(offset), 64, body.number, 0, 0];
  return [...head, ...bytesOf(src), ...bytesOf(dst), ...body.bytes];
}

function ip6(src: string, dst: string, body: Body, variant: Variant): number[] {
  const extension =
    variant === 'hop'
      ? [body.number, 0, 1, 4, 0, 0, 0, 0]
      : variant === 'frag'
        ? [body.number, 0, 5, 0, 0, 0, 0, 1]
        : [];
  const next = variant === 'hop' ? 0 : variant === 'frag' ? 44 : body.number;
  const head = [0x60, 0, 0, 0, ...word(extension.length + body.bytes.length), next, 64];
  return [...head, ...bytesOf(src), ...bytesOf(dst), ...extension, ...body.bytes];
}

const MAC = [2, 0, 0, 0, 0, 1];
const arp = (src: string, dst: string): number[] => [
  ...[0, 1, 8, 0, 6, 4, 0, 1, ...MAC, ...bytesOf(src)],
  ...[0, 0, 0, 0, 0, 0, ...bytesOf(dst)],
];
const TYPES = { ip: 0x0800, arp: 0x0806, ip6: 0x86dd } as const;

function framed(packet: Packet, network: readonly number[], linkType: LinkType): Uint8Array {
  const type = word(TYPES[packet.family]);
  const tagged = packet.vlan ? [0x81, 0, 0, 100, ...type] : type;
  if (linkType === 'ethernet') return Uint8Array.from([...MAC, ...MAC, ...tagged, ...network]);
  const cooked = [0, 0, 0, 0, 0, 2, 0, 1, 0, 6, ...MAC, 0, 0];
  return Uint8Array.from([...tagged.slice(0, 2), ...cooked, ...tagged.slice(2), ...network]);
}

/** Every kind of packet between these pairs of addresses, with and without a VLAN tag. */
export function makePackets(
  pairs: readonly (readonly [src: string, dst: string])[],
  linkType: LinkType,
): { packet: Packet; bytes: Uint8Array }[] {
  const made = pairs.flatMap(([src, dst]) => (isIPv6(src) ? six(src, dst) : four(src, dst)));
  return made.flatMap(({ packet, network }) =>
    [false, true].map((vlan) => {
      const tagged = { ...packet, vlan, what: `${vlan ? 'vlan ' : ''}${packet.what}` };
      return { packet: tagged, bytes: framed(tagged, network, linkType) };
    }),
  );
}

type Made = { packet: Packet; network: number[] };

function described(
  family: Packet['family'],
  [src, dst]: readonly [string, string],
  body: Body,
  variant: Variant,
): Packet {
  const seen = variant !== 'hop';
  return {
    ...{ family, src, dst, vlan: false },
    protocol: seen ? body.protocol : '',
    ports: variant === 'plain' || variant === 'first' ? (body.ports ?? []) : [],
    syn: family === 'ip' && variant !== 'later' && body.syn === true,
    what: `${family} ${src} > ${dst} ${body.protocol} ${body.ports ?? ''} ${variant}`,
  };
}

function four(src: string, dst: string): Made[] {
  const plain = [...BODIES, icmp].map((body) => [body, 'plain'] as const);
  const rest = [BODIES[3] ?? icmp, BODIES[0] ?? icmp].flatMap((body) => [
    [body, 'first'] as const,
    [body, 'later'] as const,
  ]);
  const none: Body = { protocol: '', number: 0, bytes: [] };
  return [
    ...[...plain, ...rest].map(([body, variant]) => ({
      packet: described('ip', [src, dst], body, variant),
      network: ip4(src, dst, body, variant),
    })),
    { packet: described('arp', [src, dst], none, 'plain'), network: arp(src, dst) },
  ];
}

function six(src: string, dst: string): Made[] {
  const plain = [...BODIES, icmp6].map((body) => [body, 'plain'] as const);
  const rest = [BODIES[3] ?? icmp6, icmp6].flatMap((body) => [[body, 'hop'] as const, [body, 'frag'] as const]);
  return [...plain, ...rest].map(([body, variant]) => ({
    packet: described('ip6', [src, dst], body, variant),
    network: ip6(src, dst, body, variant),
  }));
}
