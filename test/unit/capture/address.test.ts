import assert from 'node:assert/strict';
import { BlockList, SocketAddress } from 'node:net';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { maskNetwork, networkText, parseNetwork, solicitedNode } from '../../../src/capture/address.ts';

function read(text: string) {
  const network = parseNetwork(text);
  if (network instanceof Error) throw network;
  return network;
}

suite('addresses and networks', () => {
  test('every address is written as Node writes it', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV6(), fc.ipV4()), (address) => {
        const family = address.includes(':') ? 'ipv6' : 'ipv4';
        const ours = networkText(read(address));
        assert.deepEqual(new SocketAddress({ address: ours, family }), new SocketAddress({ address, family }));
        assert.equal(networkText(read(ours)), ours);
        // Addresses in dotted form at their end are not for libpcap's grammar everywhere.
        assert.equal(family === 'ipv6' && ours.includes('.'), false);
      }),
    );
  });

  test('a network holds what it held before its rest was cleared, and libpcap takes no other', () => {
    fc.assert(
      fc.property(fc.oneof(fc.tuple(fc.ipV4(), fc.nat(32)), fc.tuple(fc.ipV6(), fc.nat(128))), ([address, prefix]) => {
        const family = address.includes(':') ? 'ipv6' : 'ipv4';
        const [base = ''] = networkText(maskNetwork(read(`${address}/${prefix}`))).split('/');
        const block = new BlockList();
        block.addSubnet(base, prefix, family);
        assert.ok(block.check(address, family));
        const again = maskNetwork(read(`${base}/${prefix}`));
        assert.equal(networkText(again).split('/')[0], base);
      }),
    );
  });

  test('refused: names, zones, too long prefixes, halves of addresses', () => {
    for (const text of [
      '',
      'a',
      '10.0.0',
      '10.0.0.256',
      '010.0.0.1',
      '1.2.3.4/33',
      '::/129',
      'fe80::1%eth0',
      '::1/',
      '/8',
      '1.2.3.4/-1',
      '1::2::3',
    ]) {
      assert.ok(parseNetwork(text) instanceof Error, text);
    }
  });

  test('the multicast address of a neighbour', () => {
    assert.equal(solicitedNode('fd00:244:1::7'), 'ff02::1:ff00:7');
    assert.equal(solicitedNode('fe80::aabb:ccdd:eeff:1122'), 'ff02::1:ffff:1122');
  });
});
