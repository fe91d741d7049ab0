import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Lab, labProblem, numbersIn, openLab, resultOf, unpack } from './lab.ts';

async function lab(t: TestContext): Promise<Lab> {
  const opened = await openLab();
  t.after(() => opened.close());
  return opened;
}

const inFuture = (ms: number) => ({ kind: 'at' as const, at: new Date(Date.now() + ms).toISOString() });

suite('a capture that begins later', { skip: labProblem() ?? false, concurrency: 3 }, () => {
  test('at its instant: no packet of the time before, and its duration counts from then', async (t) => {
    const here = await lab(t);
    const start = inFuture(10_000);
    const running = here.start({ start, durationMs: 6000 });
    await running.ready;
    await here.traffic({ count: 100 });
    assert.ok(Date.now() < Date.parse(start.at), 'the first packets were sent before the instant');
    await running.capturing;
    await here.traffic({ count: 70 });
    const result = await resultOf(running);
    assert.deepEqual([result.stopReason, result.packets, result.errors], ['duration', 70, []]);
    assert.equal(result.startAt, start.at);
    const late = Date.parse(result.startedAt) - Date.parse(start.at);
    assert.ok(late >= 0 && late < 3000, `it began ${late} ms late`);
    const lasted = Date.parse(result.endedAt) - Date.parse(result.startedAt);
    assert.ok(lasted >= 6000 && lasted < 16_000, `it lasted ${lasted} ms`);
    const { path, files } = await unpack(here.directory);
    t.after(() => rm(path, { recursive: true }));
    const pcap = files.find((file) => file.endsWith('.pcap')) ?? '';
    assert.equal((await numbersIn(join(path, pcap))).length, 70);
  });

  test('what is wrong is told at once, not at the instant', async (t) => {
    const here = await lab(t);
    const began = performance.now();
    const result = await resultOf(here.start({ start: inFuture(60_000), interfaces: ['none0'] }));
    assert.ok(performance.now() - began < 30_000);
    assert.match(result.errors.join(), /cannot capture on interface none0: .*(No such device|doesn't exist)/);
    assert.deepEqual(await here.list(), []);
  });

  for (const signal of ['SIGHUP', 'SIGTERM'] as const) {
    test(`ended before by ${signal}: told, and no file is left`, async (t) => {
      const here = await lab(t);
      const running = here.start({ start: inFuture(60_000) });
      await running.ready;
      await sleep(500);
      running.child.kill(signal);
      const result = await resultOf(running);
      assert.equal(result.stopReason, 'not-begun');
      assert.match(
        result.errors.join(),
        /lab: it was ended before it began, which was to be at .*: nothing was captured/,
      );
      assert.equal(result.tarball, null);
      assert.deepEqual(await here.list(), []);
    });
  }

  test('taken back before: no file is left', async (t) => {
    const here = await lab(t);
    const running = here.start({ start: { kind: 'word', withinMs: 60_000 } });
    await running.ready;
    await sleep(500);
    running.child.kill('SIGUSR2');
    assert.equal((await running.outcome).kind, 'discarded');
    assert.deepEqual(await here.list(), []);
  });

  test('without the word to start: given up, told, and no file is left', async (t) => {
    const here = await lab(t);
    const result = await resultOf(here.start({ start: { kind: 'word', withinMs: 700 } }));
    assert.equal(result.stopReason, 'not-begun');
    assert.match(result.errors.join(), /nobody gave the word to start within 0\.7 s: nothing was captured/);
    assert.deepEqual(await here.list(), []);
  });
});
