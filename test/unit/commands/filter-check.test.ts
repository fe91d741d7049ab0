import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { composeFilter } from '../../../src/capture/filter.ts';
import { checkNodeFilters } from '../../../src/commands/filter-check.ts';
import { filterLines } from '../../../src/commands/filter-lines.ts';
import { filterModel } from '../support/builders.ts';

const ANY = { filter: filterModel(), interfaces: ['any'] };
const v6 = (count: number): string[] => Array.from({ length: count }, (_, n) => `fd00::${(7 * n + 1).toString(16)}`);

suite('the filters of nodes, before anything is created', () => {
  test('what is in order is not talked about', async () => {
    const nodes = [
      { node: 'node1', filter: '' },
      { node: 'node2', filter: 'ip host 10.0.0.1' },
    ];
    assert.deepEqual(await checkNodeFilters(nodes, ANY), []);
    assert.deepEqual(await checkNodeFilters(nodes, { ...ANY, filter: filterModel({ expression: 'tcp' }) }), []);
  });

  test('a filter that no packet passes is refused, with the nodes that have it', async () => {
    const model = filterModel({ expression: 'ether proto 0x88cc' });
    const nodes = [
      { node: 'node1', filter: composeFilter(['10.0.0.1'], model) },
      { node: 'node2', filter: 'tcp' },
    ];
    await assert.rejects(checkNodeFilters(nodes, { ...ANY, filter: model }), {
      name: 'ClusterError',
      message: 'no packet can pass the filter on node1, nothing was created',
      hint: /contradict one another:\n {2}\(ip host 10\.0\.0\.1 or .*0x88cc/,
    });
  });

  test('a filter that a kernel does not take is told', async () => {
    const [warning = '', ...more] = await checkNodeFilters(
      [{ node: 'n', filter: composeFilter(v6(1200), ANY.filter) }],
      ANY,
    );
    assert.match(warning, /^on n the filter is longer than the 4096 instructions that a kernel takes/);
    assert.deepEqual(more, []);
  });

  test('a name that only the node resolves says nothing about time; a slow filter does', async () => {
    const named = filterModel({ expression: 'host db.example', exclude: [{ address: undefined, port: 22 }] });
    assert.deepEqual(
      await checkNodeFilters([{ node: 'n', filter: composeFilter([], named) }], { ...ANY, filter: named }),
      [],
    );
    const hosts = Array.from({ length: 600 }, (_, n) => `host 10.${n >> 8}.${n & 255}.1`);
    const slow = filterModel({ expression: hosts.join(' or ') });
    const [warning] = await checkNodeFilters([{ node: 'n', filter: slow.expression }], { ...ANY, filter: slow });
    assert.match(warning ?? '', /^on n the filter could not be compiled within 5 s here/);
  });

  test('a VLAN filter is looked at as on an interface, where the kernel holds the tag', async () => {
    const model = filterModel({ expression: 'vlan 100' });
    const nodes = [{ node: 'n', filter: composeFilter(['10.0.0.1'], model) }];
    assert.deepEqual(await checkNodeFilters(nodes, { filter: model, interfaces: ['eth0'] }), []);
  });
});

suite('lines that tell the filters', () => {
  const long = `tcp${' or tcp'.repeat(100)}`;

  test('nodes with one filter together, a long one cut unless all is asked for', () => {
    const nodes = ['a', 'b', 'c', 'd'].map((node) => ({ node, filter: 'udp' }));
    assert.deepEqual(filterLines(nodes, false), ['  filter on 4 nodes: udp']);
    assert.deepEqual(filterLines([{ node: 'a', filter: '' }, { node: 'b' }], false), []);
    assert.match(filterLines([{ node: 'a', filter: long }], false)[0] ?? '', /^.{300,330} … \(whole with --verbose\)$/);
    assert.deepEqual(filterLines([{ node: 'a', filter: long }], true), [`  filter on a: ${long}`]);
  });
});
