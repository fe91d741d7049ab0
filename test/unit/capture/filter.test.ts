import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { measureFilters } from '../../../src/bpf/check.ts';
import { composeFilter, isShortened } from '../../../src/capture/filter.ts';
import { filterModel } from '../support/builders.ts';

const NONE = filterModel();
const v4 = (count: number): string[] => Array.from({ length: count }, (_, n) => `10.244.${n >> 7}.${(n * 2) & 255}`);
const v6 = (count: number): string[] =>
  Array.from({ length: count }, (_, n) => `fd00:244:1::${(n * 7 + 1).toString(16)}`);

const BESIDE = filterModel({
  include: [
    { address: '10.0.0.1', port: 80 },
    { address: undefined, port: 53 },
    { address: 'fd00:96::/112', port: undefined },
  ],
  exclude: [
    { address: undefined, port: 22 },
    { address: '10.0.0.2', port: undefined },
  ],
  sources: ['10.0.0.0/8', 'fd00::/8'],
  destinations: ['10.0.0.0/8', 'fd00::/8'],
  expression: 'tcp or udp',
});

suite('the text of filters', () => {
  test('none: every packet', () => {
    assert.equal(composeFilter([], NONE), '');
    assert.equal(composeFilter([], filterModel({ expression: ' tcp port 80 ' })), 'tcp port 80');
  });

  test('a pod: its packets, its ARP, and the multicast by which it is asked for', () => {
    const one = 'ip host 10.0.0.2 or arp host 10.0.0.2 or ip6 host fd00::1:2:3 or ip6 dst host ff02::1:ff02:3';
    assert.equal(composeFilter(['fd00::1:2:3', '10.0.0.2', '10.0.0.2'], NONE), one);
  });

  test('all narrow; the expression is a unit, and comes last', () => {
    const text = composeFilter(['10.0.0.2'], { ...BESIDE, expression: 'vlan 5 or tcp' });
    assert.equal(text.split(') and (').length, 6);
    assert.match(text, /^\(ip host 10\.0\.0\.2 or .* and \(not \(.*\)\) and \(vlan 5 or tcp\)$/);
    assert.doesNotMatch(text, /(^|[( ])(?<!ip |ip6 |arp |src |dst )(host|net) /, 'bare host and net are slow');
  });

  test('the same filters in another order give the same text', () => {
    const turned = {
      ...BESIDE,
      include: BESIDE.include.toReversed(),
      exclude: BESIDE.exclude.toReversed(),
      sources: BESIDE.sources.toReversed(),
    };
    assert.equal(composeFilter(v4(9).toReversed(), turned), composeFilter(v4(9), BESIDE));
  });
});

suite('hundreds of pods on a node', () => {
  const cases: readonly (readonly [what: string, pods: readonly string[]])[] = [
    ['128 addresses of IPv4', v4(128)],
    ['128 addresses of IPv6', v6(128)],
    ['64 addresses of each', [...v4(64), ...v6(64)]],
    ['500 addresses of IPv4', v4(500)],
    ['500 addresses of each', [...v4(500), ...v6(500)]],
  ];
  for (const [what, pods] of cases) {
    for (const [beside, model] of [
      ['alone', NONE],
      ['with all other filters', BESIDE],
    ] as const) {
      test(`${what}, ${beside}: what a kernel and a command line take`, async (t) => {
        const filter = composeFilter(pods, model);
        const began = performance.now();
        const [size] = await measureFilters([filter], 'any');
        const took = Math.round(performance.now() - began);
        t.diagnostic(`${what}, ${beside}: ${filter.length} bytes, ${size} instructions, ${took} ms`);
        assert.ok(typeof size === 'number' && size <= 4096, `${size} instructions`);
        assert.ok(filter.length < 32 * 1024, `${filter.length} bytes`);
      });
    }
  }

  test('above 128 addresses, ARP and neighbour discovery are those of all', () => {
    assert.equal(isShortened(v4(128)), false);
    assert.equal(isShortened(v4(129)), true);
    const text = composeFilter([...v4(100), ...v6(100)], NONE);
    assert.match(text, / or arp or \(icmp6 and \(ip6\[40\] = 135 or ip6\[40\] = 136\)\)$/);
    assert.doesNotMatch(text, /ff02|arp host/);
  });
});
