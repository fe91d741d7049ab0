import assert from 'node:assert/strict';
import { mock, suite, test } from 'node:test';
import { ClusterError, InterruptedError } from '../../../src/errors.ts';
import { createContact } from '../../../src/kube/contact.ts';

/** A contact whose trouble is told as words, at times of our own. */
function watched(): { ask: (outcome: number | 'none' | 'interrupted') => Promise<void>; told: string[] } {
  const told: string[] = [];
  const contact = createContact((trouble) =>
    told.push(trouble === undefined ? 'over' : `${trouble.what} for ${Date.now() - trouble.since}`),
  );
  const ask = async (outcome: number | 'none' | 'interrupted'): Promise<void> => {
    const error =
      outcome === 'interrupted'
        ? new InterruptedError()
        : new ClusterError('x', outcome === 'none' ? {} : { status: outcome });
    await contact.watch(() => (outcome === 200 ? Promise.resolve() : Promise.reject(error))).catch(() => undefined);
  };
  return { ask, told };
}

suite('a server in trouble', () => {
  test('is told after 3 s, with what it does, and once when that is over', async (t) => {
    t.after(() => mock.timers.reset());
    mock.timers.enable({ apis: ['Date', 'setTimeout'] });
    const { ask, told } = watched();
    await ask('none');
    mock.timers.tick(2000);
    await ask('none');
    assert.deepEqual(told, []);
    mock.timers.tick(2000);
    await ask(503);
    await ask(200);
    await ask(200);
    assert.deepEqual(told, ['answers 503 for 4000', 'over']);
  });

  test('is one that takes 10 s for an answer', async (t) => {
    t.after(() => mock.timers.reset());
    mock.timers.enable({ apis: ['Date', 'setTimeout'] });
    const told: string[] = [];
    const contact = createContact((trouble) => told.push(trouble?.what ?? 'over'));
    const { promise, resolve } = Promise.withResolvers<void>();
    const asking = contact.watch(() => promise);
    mock.timers.tick(10_000);
    assert.deepEqual(told, ['does not answer']);
    resolve();
    await asking;
    assert.deepEqual(told, ['does not answer', 'over']);
  });

  test('is not one that refuses, nor one whose request was interrupted', async (t) => {
    t.after(() => mock.timers.reset());
    mock.timers.enable({ apis: ['Date', 'setTimeout'] });
    const { ask, told } = watched();
    for (const outcome of [403, 404, 409, 500, 'interrupted'] as const) {
      await ask(outcome);
      mock.timers.tick(4000);
      await ask(outcome);
    }
    assert.deepEqual(told, []);
  });
});
