import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { parsePath, parseTemplate } from '../../../src/commands/jsonpath.ts';

const document = {
  items: [
    {
      name: 'a',
      state: 'Failed',
      packets: 3,
      labels: { 'retina.sh/app': 'x' },
      nodes: [{ node: 'n1' }, { node: 'n2' }],
    },
    { name: 'b', state: 'Completed', packets: null, labels: {}, nodes: [] },
  ],
};

/** A template, and what it prints; an Error for what is refused. */
const rows: readonly (readonly [template: string, printed: string | RegExp])[] = [
  ['{.items[*].name}', 'a b'],
  ['.items[*].name', 'a b'],
  ['names: {.items[*].name}.', 'names: a b.'],
  ['{range .items[*]}{.name}{"\\t"}{.packets}{"\\n"}{end}', 'a\t3\nb\t\n'],
  ["{range .items[*]}{@.name}{','}{end}", 'a,b,'],
  ['{range .items[*]}{range .nodes[*]}{$.items[1].name}/{.node};{end}{end}', 'b/n1;b/n2;'],
  ['{.items[?(@.state=="Failed")].name}', 'a'],
  ['{.items[?(@.packets > 2)].name}', 'a'],
  ['{.items[-1].name}{.items[0:1].name}', 'ba'],
  ["{.items[0]['name','state']}", 'a Failed'],
  ['{.items[0].labels.retina\\.sh/app}', 'x'],
  ['{..node}', 'n1 n2'],
  ['{.items[0].nodes}', '[{"node":"n1"},{"node":"n2"}]'],
  ['{.nope.deeper}{.items[1].packets}', ''],
  ['{"{"}{.items[0].name}{"}"}', '{a}'],
  ['', /needs a template/],
  ['{.items[', /brace is not closed/],
  ['{.items[*}', /unbalanced brackets/],
  ['{items}', /"items" is not a path: it begins with a dot/],
  ['{}', /is not a path/],
  ['{range .items[*]}', /\{range\} without \{end\}/],
  ['{end}', /\{end\} without \{range\}/],
];

suite('templates of -o jsonpath', () => {
  for (const [template, printed] of rows) {
    test(`${template === '' ? 'nothing' : template}: ${printed}`, () => {
      const read = parseTemplate(template);
      if (printed instanceof RegExp) assert.match(read instanceof Error ? read.message : 'taken', printed);
      else assert.equal(read instanceof Error ? read.message : read(document), printed);
    });
  }

  test('a filter is no program', () => {
    for (const evil of ['process.exit(3)', 'globalThis.process', '@.constructor.constructor("return process")()']) {
      const read = parseTemplate(`{.items[?(${evil})].name}`);
      assert.ok(!(read instanceof Error));
      assert.throws(() => read(document), /cannot be read/);
    }
  });

  test('one value is found with or without braces and dot', () => {
    for (const path of ['.items[0].name', '{.items[0].name}', 'items[0].name', '$.items[0].name']) {
      const find = parsePath(path);
      assert.deepEqual(find instanceof Error ? find.message : find(document), ['a']);
    }
  });
});
