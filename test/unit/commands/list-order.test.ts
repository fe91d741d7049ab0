import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { summarize } from '../../../src/capture/status.ts';
import { encodeResult } from '../../../src/capture/workload-spec.ts';
import { parseOrder } from '../../../src/commands/list-order.ts';
import { jobOf, podOf, result, START } from '../support/builders.ts';

const young = jobOf('node1', { capture: 'a', createdAt: '2026-11-21T12:00:00Z' });
const failed = jobOf('node1', { capture: 'b', createdAt: '2026-11-21T10:00:00Z' });
const done = jobOf('node1', { capture: 'c', createdAt: '2026-11-21T11:00:00Z' });
const ended = (job: typeof done, exitCode: number, packets: number) =>
  podOf(job, { terminated: { exitCode, message: encodeResult(result({ packets })) } });
const captures = summarize(
  {
    jobs: [young, failed, done],
    pods: [ended(failed, 1, 5), ended(done, 0, 30)],
    events: [],
  },
  START,
);

suite('list --sort-by', () => {
  for (const [field, names] of [
    ['name', 'abc'],
    ['age', 'acb'],
    ['state', 'bac'],
    ['.packets', 'bca'],
    ['packets', 'bca'],
    ['{.createdAt}', 'bca'],
    ['.nodes[0].sha256', 'bca'],
  ] as const) {
    test(`${field}: ${names}`, () => {
      const order = parseOrder(field);
      assert.ok(!(order instanceof Error), String(order));
      assert.equal(
        captures
          .toSorted(order)
          .map(({ name }) => name)
          .join(''),
        names,
      );
    });
  }

  for (const [field, message] of [
    ['', /name a field/],
    ['pakets', /no field \.pakets; did you mean \.packets\?/],
    ['.metadata.name', /no field \.metadata; the fields are name, namespace, state/],
    ['.nodes[', /unbalanced brackets/],
  ] as const) {
    test(`"${field}" is refused`, () => {
      const order = parseOrder(field);
      assert.match(order instanceof Error ? order.message : 'taken', message);
    });
  }
});
