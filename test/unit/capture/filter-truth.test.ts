import assert from 'node:assert/strict';
import { BlockList, isIPv6 } from 'node:net';
import { suite, test } from 'node:test';
import type { LinkType } from '../../../src/bpf/compiler.ts';
import { composeFilter } from '../../../src/capture/filter.ts';
import type { EndpointTerm, FilterModel } from '../../../src/capture/request.ts';
import { compileAll, runner } from '../support/bpf.ts';
import { makePackets, type Packet } from '../support/packets.ts';

// Two pods, A and B, of both families; others. M is where A's neighbours ask for its IPv6 address.
const [A4, B4, C4, D4] = ['10.244.1.7', '10.244.1.9', '10.2.3.4', '192.168.7.7'];
const [A6, B6, C6, M6] = ['fd00:244:1::7', 'fd00:244:1::9', '2001:db8::5', 'ff02::1:ff00:7'];
const PAIRS = [
  ...([
    [A4, B4],
    [B4, A4],
    [A4, C4],
    [C4, A4],
    [C4, D4],
    [D4, B4],
  ] as const),
  ...([
    [A6, B6],
    [B6, A6],
    [A6, C6],
    [C6, A6],
    [C6, M6],
    [C6, B6],
  ] as const),
];

const term = (address: string | undefined, port?: number): EndpointTerm => ({ address, port });
const PODS = [[], [A4], [A4, A6], [A6, B6, B4]];
const INCLUDE = [
  [],
  [term(undefined, 80)],
  [term(C4, 80), term(undefined, 53), term(undefined, 9)],
  [term('10.2.0.0/16'), term(C6, 53), term('fd00:244::/32', 80)],
];
const EXCLUDE = [[], [term(undefined, 22)], [term(C4), term(B6)], [term('10.244.0.0/16', 53), term(C6, 9)]];
const SOURCES = [[], [A4, A6], ['10.2.0.0/16', '2001:db8::/32']];
const DESTINATIONS = [[], [B4, B6, M6], ['10.0.0.0/8']];
const EXPRESSIONS: readonly (readonly [text: string, holds: (packet: Packet) => boolean, on?: LinkType])[] = [
  ['', () => true],
  ['tcp or udp', ({ vlan, protocol }) => !vlan && (protocol === 'tcp' || protocol === 'udp')],
  ['not (tcp or udp)', ({ vlan, protocol }) => vlan || (protocol !== 'tcp' && protocol !== 'udp')],
  ['tcp[tcpflags] & tcp-syn != 0', ({ vlan, syn }) => !vlan && syn],
  // Whatever is behind it in the text would look for the headers four bytes further on.
  ['vlan 100 and not udp', ({ vlan, protocol }) => vlan && protocol !== 'udp', 'ethernet'],
];

const blocks = new Map<readonly string[], BlockList>();

/** Whether an address is in a list of addresses and networks, as Node's own BlockList sees it. */
function among(ip: string | undefined, list: readonly string[]): boolean {
  const block = blocks.get(list) ?? new BlockList();
  if (!blocks.has(list)) {
    blocks.set(list, block);
    for (const entry of list) {
      const [address = '', prefix = isIPv6(address) ? '128' : '32'] = entry.split('/');
      block.addSubnet(address, Number(prefix), isIPv6(address) ? 'ipv6' : 'ipv4');
    }
  }
  return ip !== undefined && block.check(ip, isIPv6(ip) ? 'ipv6' : 'ipv4');
}

const lists = new Map<string, readonly string[]>();
/** The same list each time, so that it is looked up fast. */
function listOf(address: string): readonly string[] {
  const list = lists.get(address) ?? [address];
  lists.set(address, list);
  return list;
}

/** What the filters mean, from the packet's fields alone. */
function oracle(
  packet: Packet,
  pods: readonly string[],
  model: FilterModel,
  holds: (packet: Packet) => boolean,
): boolean {
  // A tag hides the addresses and ports behind it; on an interface, the kernel has taken the first one off.
  const ends = packet.vlan ? [] : [packet.src, packet.dst];
  const touches = (terms: readonly EndpointTerm[]): boolean =>
    terms.some(
      ({ address, port }) =>
        (address === undefined || ends.some((end) => among(end, listOf(address)))) &&
        (port === undefined || (!packet.vlan && packet.ports.includes(port))) &&
        !packet.vlan,
    );
  const asked = pods.includes(A6) && ends[1] === M6;
  return (
    (pods.length === 0 ||
      ends.some((end) => among(end, pods)) ||
      asked ||
      (pods.includes(B6) && ends[1] === 'ff02::1:ff00:9')) &&
    (model.include.length === 0 || touches(model.include)) &&
    !touches(model.exclude) &&
    holds(packet) &&
    (model.sources.length === 0 || among(ends[0], model.sources)) &&
    (model.destinations.length === 0 || among(ends[1], model.destinations))
  );
}

type Row = { pods: readonly string[]; model: FilterModel; holds: (packet: Packet) => boolean };

function rows(linkType: LinkType): Row[] {
  const expressions = EXPRESSIONS.filter(([, , on]) => on === undefined || on === linkType);
  return PODS.flatMap((pods) =>
    INCLUDE.flatMap((include) =>
      EXCLUDE.flatMap((exclude) =>
        SOURCES.flatMap((sources) =>
          DESTINATIONS.flatMap((destinations) =>
            expressions.map(([expression, holds]) => ({
              pods,
              model: { include, exclude, sources, destinations, expression },
              holds,
            })),
          ),
        ),
      ),
    ),
  );
}

suite('truth table of filters', () => {
  for (const linkType of ['ethernet', 'any'] as const) {
    test(`every combination of filters keeps the packets that it should, on ${linkType}`, async (t) => {
      const packets = makePackets(PAIRS, linkType);
      const table = rows(linkType);
      const programs = await compileAll(
        table.map(({ pods, model }) => composeFilter(pods, model)),
        linkType,
      );
      const passes = runner();
      let kept = 0;
      const wrong: string[] = [];
      for (const [index, { pods, model, holds }] of table.entries()) {
        for (const { packet, bytes } of packets) {
          const got = passes(programs[index], bytes);
          kept += Number(got);
          if (got === oracle(packet, pods, model, holds)) continue;
          wrong.push(`${got ? 'kept' : 'lost'}: ${packet.what} by ${composeFilter(pods, model)}`);
        }
      }
      assert.deepEqual(wrong.slice(0, 3), [], `${wrong.length} of ${packets.length * table.length} are wrong`);
      assert.ok(kept > 1000, 'some packets pass');
      t.diagnostic(`${packets.length} packets × ${table.length} expressions on ${linkType}: ${kept} kept`);
    });
  }
});
