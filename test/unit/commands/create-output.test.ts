import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { planCapture } from '../../../src/capture/plan.ts';
import { type Acting, printMade, toMode } from '../../../src/commands/create-output.ts';
import { Problems } from '../../../src/commands/flags.ts';
import type { Rows, Ui } from '../../../src/deps.ts';
import type { Secret } from '../../../src/kube/cluster.ts';
import { request, START, snapshot } from '../support/builders.ts';

const secret: Secret = {
  ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'web-keys', namespace: 'shop' }, type: 'Opaque' },
  ...{ data: { a: 'U0VDUkVU' }, stringData: { b: 'SECRET' } },
};
const plan = { ...planCapture(request(), snapshot(), { id: 'run01', startedAt: START }), secret };
const made = [{ plan, jobs: plan.nodes.map(({ job }) => job) }];

/** What is said, and where. */
async function printed(mode: Acting): Promise<{ out: string; warnings: readonly string[]; rows: Rows }> {
  const lines: string[] = [];
  const warnings: string[] = [];
  const tables: Rows[] = [];
  const ui = {
    print: (text: string) => void lines.push(`${text}\n`),
    warn: (text: string) => void warnings.push(text),
    printTable: async (rows: Rows) => void tables.push(rows),
  } as unknown as Ui;
  await printMade(ui, made, mode);
  return { out: lines.join(''), warnings, rows: tables.flat() };
}

suite('what create prints', () => {
  test('a dry run, as kubectl says it: the Secret first, as it would be created', async () => {
    const { out } = await printed({ kind: 'client', shape: 'plain' });
    assert.match(out, /^secret\/web-keys created \(dry run\)\njob\.batch\/web-node1-\w+ created \(dry run\)\n/);
    assert.match((await printed({ kind: 'server', shape: 'plain' })).out, /\(server dry run\)/);
  });

  test('the objects of a dry run: no value of a Secret, and a word about it', async () => {
    for (const shape of ['json', 'yaml'] as const) {
      const { out, warnings } = await printed({ kind: 'client', shape });
      assert.doesNotMatch(out, /SECRET|U0VDUkVU/);
      assert.equal(out.match(/REDACTED/g)?.length, 2);
      assert.deepEqual(warnings, ['the values of secret/web-keys are not printed: put them in before you apply it']);
    }
  });

  test('after a capture was created: the Jobs and nothing else', async () => {
    const { out } = await printed({ kind: 'create', shape: 'json' });
    const { kind, items } = JSON.parse(out) as { kind: string; items: { kind: string }[] };
    assert.deepEqual([kind, items.map((item) => item.kind)], ['List', ['Job', 'Job']]);
    assert.match(
      (await printed({ kind: 'create', shape: 'name' })).out,
      /^job\.batch\/web-node1-\w+\njob\.batch\/web-node2-\w+\n$/,
    );
  });

  test('tables: one line for each node, with headings where there are more columns', async () => {
    assert.deepEqual(
      (await printed({ kind: 'create', shape: 'plain' })).rows.map(([node]) => node),
      ['node1', 'node2'],
    );
    const [head, first] = (await printed({ kind: 'client', shape: 'wide' })).rows;
    assert.deepEqual([head?.length, first?.slice(3)], [5, ['–', '–']]);
  });
});

suite('what create is to do', () => {
  const modeOf = (dryRun: string | undefined, output: string | undefined) => {
    const problems = new Problems();
    const flags = { ...(dryRun === undefined ? {} : { dryRun }), ...(output === undefined ? {} : { output }) };
    return { mode: toMode(flags, problems), problems: problems.found };
  };

  test('create, unless a dry run is asked for', () => {
    assert.deepEqual(modeOf(undefined, undefined).mode, { kind: 'create', shape: 'plain' });
    assert.deepEqual(modeOf('none', 'json').mode, { kind: 'create', shape: 'json' });
    assert.deepEqual(modeOf('server', 'name').mode, { kind: 'server', shape: 'name' });
    assert.deepEqual(modeOf('client', 'capture'), { mode: { kind: 'manifest' }, problems: [] });
  });

  test('a manifest is written by a client dry run only; both words can be wrong', () => {
    for (const where of [undefined, 'none', 'server']) assert.equal(modeOf(where, 'capture').problems.length, 1);
    assert.equal(modeOf('x', 'y').problems.length, 2);
  });
});
