import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { suite, test } from 'node:test';
import { checkExpression } from '../../../src/bpf/check.ts';
import data from '../../../src/bpf/pcap-filter.json' with { type: 'json' };

const wrong = async (text: string): Promise<string> => {
  const verdict = await checkExpression(text, 'ethernet');
  assert.equal(verdict.kind, 'wrong', text);
  if (verdict.kind !== 'wrong') return '';
  const marked = verdict.word === undefined ? '' : text.slice(verdict.word.start, verdict.word.end);
  return `${verdict.error}${verdict.word === undefined ? '' : ` [${marked}@${verdict.word.start}]`}`;
};

suite('the filter compiler', () => {
  test('the module is the one that its checksum names', () => {
    const bytes = Buffer.from(data.module, 'base64');
    assert.equal(createHash('sha256').update(bytes).digest('hex'), data.sha256);
  });

  const rows: readonly (readonly [text: string, told: string])[] = [
    ['tcp prot 80', 'syntax error [prot@4]'],
    ['tcp and', 'syntax error [@7]'],
    ['tcp) or (udp', 'syntax error [)@3]'],
    ['a or b) or (c', 'syntax error [a@0]'],
    ['10.0.0.1', 'syntax error [10.0.0.1@0]'],
    ['ip host é', 'syntax error [é@8]'],
    ['port 65536', 'illegal port number 65536 > 65535'],
    ['tcp port foo', "unknown port 'foo' [foo@9]"],
    ['net 10.0.0.1/8', 'non-network bits set in "10.0.0.1/8" [10.0.0.1/8@4]'],
    ['ip host ::1', "'ip' modifier applied to ip6 host"],
    ['ip and ip6', 'expression rejects all packets'],
    ['host db.example and tcp prot 80', 'syntax error'],
  ];
  for (const [text, told] of rows) {
    test(`${text}: ${told}`, async () => {
      const said = await wrong(text);
      assert.ok(said.startsWith(told), said);
    });
  }

  test('host names are left to the node, in either family', async () => {
    for (const [text, hosts] of [
      ['host db.example and (tcp port 80 or src web)', ['db.example', 'web']],
      ['ip6 host db', ['db']],
      ['not host db', ['db']],
    ] as const) {
      const verdict = await checkExpression(text, 'any');
      assert.deepEqual(verdict.kind === 'ok' && verdict.hosts, hosts, text);
    }
  });

  test('what one link type can and another cannot', async () => {
    assert.equal((await checkExpression('vlan 5 and tcp', 'ethernet')).kind, 'ok');
    const cooked = await checkExpression('vlan 5 and tcp', 'any');
    assert.match(cooked.kind === 'wrong' ? cooked.error : '', /no VLAN support for Linux cooked v2/);
  });

  test('an expression that takes minutes is given up in time, and known to be right', async () => {
    const text = Array.from({ length: 600 }, (_, n) => `host 10.${n >> 8}.${n & 255}.1`).join(' or ');
    const began = performance.now();
    assert.deepEqual(await checkExpression(text, 'any'), { kind: 'ok', hosts: [], instructions: null });
    assert.ok(performance.now() - began < 15_000);
  });

  test('nesting without end is an error, not a crash', async () => {
    assert.match(await wrong(`${'('.repeat(50_000)}tcp`), /too complex|syntax error|memory/);
  });
});
