import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { summarize } from '../../../src/capture/status.ts';
import { rowOf } from '../../../src/commands/columns.ts';
import { parseFormat, renderDocument } from '../../../src/commands/output-format.ts';
import { jobOf, START } from '../support/builders.ts';

const parse = parseFormat(['wide', 'json', 'yaml', 'name', 'custom-columns', 'jsonpath']);
const [capture] = summarize({ jobs: [jobOf('node1'), jobOf('node2')], pods: [], events: [] }, START);

suite('--output', () => {
  for (const word of ['wide', 'json', 'yaml', 'name']) {
    test(word, () => assert.deepEqual(parse(word), { kind: word }));
  }

  test('custom columns: a comma within brackets belongs to the path, what is not there is <none>', () => {
    const format = parse("custom-columns=NAME:.name,NODES:.nodes[*]['node','phase'],P:.packets,N:{.nodesTotal}");
    assert.ok(!(format instanceof Error) && format.kind === 'columns' && capture !== undefined, String(format));
    assert.deepEqual(
      format.columns.map(({ head }) => head),
      ['NAME', 'NODES', 'P', 'N'],
    );
    assert.deepEqual(rowOf(format.columns, capture), ['web', 'node1,waiting,node2,waiting', '<none>', '2']);
  });

  for (const [text, message] of [
    ['bogus', /^"bogus" is not a format; there is wide, json, yaml, name, custom-columns=…, jsonpath=…$/],
    ['jsn', /Did you mean json\?$/],
    ['JSON', /Did you mean json\?$/],
    ['', /is not a format/],
    ['json=x', /json takes no value/],
    ['go-template={{.x}}', /go-template is not supported: use jsonpath=…/],
    ['jsonpath', /jsonpath needs a template/],
    ['jsonpath={.items[}', /unbalanced brackets/],
    ['custom-columns=', /custom-columns needs columns/],
    ['custom-columns=NAME', /"NAME" is not a column: write HEADING:.path/],
    ['custom-columns=NAME:.nam', /no field \.nam; did you mean \.name\?/],
  ] as const) {
    test(`"${text}" is refused`, () => {
      const format = parse(text);
      assert.match(format instanceof Error ? format.message : 'taken', message);
    });
  }

  test('YAML says the same as JSON', async () => {
    const document = { kind: 'X', items: [{ at: '2026-11-21T10:15:00Z', n: null, no: 'no', many: 'a: b\nc' }] };
    const { load } = await import('js-yaml');
    assert.deepEqual(load(await renderDocument('yaml', document)), JSON.parse(await renderDocument('json', document)));
  });
});
