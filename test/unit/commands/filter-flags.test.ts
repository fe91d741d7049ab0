import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type FilterFlags, toFilter } from '../../../src/commands/filter-flags.ts';
import { Problems } from '../../../src/commands/flags.ts';

async function read(flags: FilterFlags & { interfaces?: string }) {
  const problems = new Problems();
  const model = await toFilter(flags, problems);
  return { model, found: problems.found, warnings: problems.warnings };
}

const EVERY = { include: [], exclude: [], sources: [], destinations: [], expression: '' };

suite('filters of a command line', () => {
  test('blank is not given', async () => {
    const blank = { includeFilter: ' ', excludeFilter: '', pcapFilter: ' ', tcpdumpFilter: '', sourceIps: ' ' };
    assert.deepEqual(await read({ ...blank, destinationIps: '' }), { model: EVERY, found: [], warnings: [] });
  });

  const forms: readonly (readonly [text: string, address: string | undefined, port: number | undefined])[] = [
    ['10.0.0.1:80', '10.0.0.1', 80],
    ['10.0.0.1', '10.0.0.1', undefined],
    ['10.0.0.1:*', '10.0.0.1', undefined],
    ['80', undefined, 80],
    ['*:80', undefined, 80],
    ['[::1]:53', '::1', 53],
    ['::1', '::1', undefined],
    ['[::1]', '::1', undefined],
    ['[fd00::1]:*', 'fd00::1', undefined],
    ['FD00:0::01', 'fd00::1', undefined],
    ['::ffff:10.0.0.1', '::ffff:a00:1', undefined],
    ['10.0.0.0/8:80', '10.0.0.0/8', 80],
    ['10.0.0.0/8', '10.0.0.0/8', undefined],
    ['[fd00::/8]:443', 'fd00::/8', 443],
    ['fd00::/8', 'fd00::/8', undefined],
    ['10.0.0.1/32', '10.0.0.1', undefined],
    ['*:65535', undefined, 65_535],
  ];
  for (const [text, address, port] of forms) {
    test(`include and exclude take ${text}`, async () => {
      const included = await read({ includeFilter: text });
      assert.deepEqual(included, { model: { ...EVERY, include: [{ address, port }] }, found: [], warnings: [] });
      const { model } = await read({ excludeFilter: ` ${text} , 1.1.1.1 ` });
      assert.deepEqual(model.exclude[0], { address, port });
    });
  }

  const refused: readonly (readonly [text: string, told: RegExp])[] = [
    ['0', /port 0 in "0" is out of range \(1 to 65535\)/],
    ['10.0.0.1:65536', /port 65536 in "10.0.0.1:65536" is out of range/],
    ['abc', /"abc" is not one of IP:Port, IP/],
    ['10.0.0.1:abc', /"abc" in "10.0.0.1:abc" is not a port/],
    ['10.0.0.1:', /"" in "10.0.0.1:" is not a port/],
    [':80', /":80" is not one of/],
    ['*', /"\*" is not one of|is every packet/],
    ['*:*', /"\*:\*" is every packet/],
    ['web:80', /"web:80" is not one of/],
    ['10.0.0.1,,80', /empty entry/],
    ['[::1:53', /is not one of/],
    ['fd00::/129', /is not one of/],
    ['10.0.0.1:-1', /is not a port/],
    ['10.0.0.1:80:90', /is not one of/],
    ['fe80::1%eth0', /is not one of/],
  ];
  for (const [text, told] of refused) {
    test(`include refuses ${text}`, async () => {
      const { found } = await read({ includeFilter: text });
      assert.equal(found.length, 1);
      assert.match(found[0] ?? '', /^--include-filter: /);
      assert.match(found[0] ?? '', told);
    });
  }

  test('every wrong entry of every flag is told together', async () => {
    const { found } = await read({
      includeFilter: '0,abc,0',
      excludeFilter: 'x',
      sourceIps: 'y',
      pcapFilter: 'tcp prot',
    });
    assert.equal(found.length, 4);
    assert.match(found[0] ?? '', /port 0 .*; "abc" is not/);
    assert.equal(found[3], '--pcap-filter: syntax error\n      tcp prot\n          ^^^^');
  });

  test('a network with bits behind its prefix is taken without them, and said so', async () => {
    const { model, warnings } = await read({ sourceIps: '10.0.0.1/8', destinationIps: '10.0.0.0/8,fd00::1/64' });
    assert.deepEqual([model.sources, model.destinations], [['10.0.0.0/8'], ['10.0.0.0/8', 'fd00::/64']]);
    assert.deepEqual(warnings, [
      '--source-ips: 10.0.0.1/8 is taken as the network 10.0.0.0/8',
      '--destination-ips: fd00::1/64 is taken as the network fd00::/64',
    ]);
  });

  test('sources and destinations are addresses, not endpoints', async () => {
    const { found } = await read({ sourceIps: '10.0.0.1:80', destinationIps: 'host' });
    assert.match(found.join('\n'), /--source-ips: "10.0.0.1:80" is not an IP address.*\n--destination-ips: "host"/);
  });

  test('filters that contradict one another', async () => {
    const none = ['the filters contradict one another: no packet can pass them all'];
    assert.deepEqual((await read({ pcapFilter: 'ip6', sourceIps: '10.0.0.1' })).found, none);
    assert.deepEqual((await read({ includeFilter: '::1', excludeFilter: '::1' })).found, none);
  });

  test('flags of tcpdump are refused, arithmetic with a minus is not', async () => {
    assert.match((await read({ pcapFilter: '-i eth0 tcp' })).found[0] ?? '', /is a flag of tcpdump.*--help/);
    assert.deepEqual((await read({ pcapFilter: '-ip[1] = 0' })).found, []);
  });

  test('the old name says what is wrong by its name; two different expressions are one too many', async () => {
    assert.match((await read({ tcpdumpFilter: 'tcp prot' })).found[0] ?? '', /^--tcpdump-filter: syntax error/);
    assert.equal((await read({ pcapFilter: 'tcp', tcpdumpFilter: 'tcp' })).model.expression, 'tcp');
    const { found } = await read({ pcapFilter: 'tcp', tcpdumpFilter: 'udp' });
    assert.match(found[0] ?? '', /two different expressions/);
  });

  test('a VLAN filter needs a named interface', async () => {
    assert.match((await read({ pcapFilter: 'vlan 5' })).found[0] ?? '', /no VLAN support.*name --interfaces/s);
    assert.deepEqual((await read({ pcapFilter: 'vlan 5', interfaces: 'eth0' })).found, []);
  });

  test('a host name is left to the nodes, with a warning', async () => {
    const { model, found, warnings } = await read({ pcapFilter: 'host db.example' });
    assert.deepEqual([model.expression, found], ['host db.example', []]);
    assert.match(warnings[0] ?? '', /each node resolves db.example by itself/);
  });

  test('a long expression is shown around the mistake', async () => {
    const { found } = await read({ pcapFilter: `${'tcp or '.repeat(30)}udp prot 9 or ${'tcp or '.repeat(30)}tcp` });
    const [, shown = '', mark = ''] = (found[0] ?? '').split('\n');
    assert.equal(shown.slice(mark.indexOf('^'), mark.length), 'prot');
    assert.ok(shown.length < 80);
  });
});
