import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Behaviour, behave, buildEmulator, emulatorProblem } from '../windows/emulator.ts';
import { assertClean, flow, NOBODY, type Node, openNode, resultOf, STEM, unpack } from './pktmon-lab.ts';

let built: ReturnType<typeof buildEmulator>;

const node = (t: TestContext, behaviour: Behaviour = {}): Node => openNode(t, built.program, behaviour);

suite('captures with pktmon', { skip: emulatorProblem() ?? false, concurrency: 3 }, () => {
  before(() => {
    built = buildEmulator('linux');
  });
  after(() => built.remove());

  test('ends after its duration: pcapng, the log of pktmon, what it said, and the state of the network', async (t) => {
    const here = node(t, { lost: 7, dropped: 5 });
    const result = await resultOf(here.start({ durationMs: 500, snapLength: 45, includeMetadata: true }));
    assert.deepEqual([result.errors, result.stopReason], [[], 'duration']);
    assert.deepEqual([result.droppedByKernel, result.droppedByInterface], [7, 5]);
    const { files, fields, path } = unpack(t, here);
    assert.deepEqual(files.slice(0, 3), [`${STEM}.pcapng`, `${STEM}.etl`, 'pktmon.log']);
    assert.ok(files.includes('metadata/routes.txt') && files.includes('before/metadata/routes.txt'), files.join());
    const lengths = fields('frame.cap_len', 'frame.len');
    assert.equal(lengths.length, result.packets);
    assert.ok(result.packets > 20, `${result.packets} packets`);
    assert.deepEqual(lengths[0], ['45', '50']);
    const log = readFileSync(join(path, 'pktmon.log'), 'utf8');
    assert.match(log, /^> pktmon start --capture --pkt-size 45 .*$.*^> pktmon stop$.*7 events lost/ms);
    assertClean(here);
    assert.deepEqual(here.list(), [`${STEM}.json`, `${STEM}.tar.gz`]);
  });

  test('only packets of the pods that the include filter lets through', async (t) => {
    const flows = [
      ...[flow('10.1.0.5', '10.2.0.1', 53), flow('10.2.0.1', '10.1.0.5', 53)],
      ...[flow('10.1.0.5', '10.2.0.1', 80), flow('10.9.9.9', '10.2.0.1', 53), flow('10.1.0.5', '10.3.0.1', 443)],
    ];
    const here = node(t, { flows });
    const include = [{ port: 53 }, { address: '10.3.0.0/16', port: 443 }];
    const running = here.start({ pktmon: { ...NOBODY, pods: ['10.1.0.5'], include } });
    await running.capturing;
    assert.deepEqual(
      here.state().Filters?.map(({ Name, IPs, Ports }) => [Name, IPs, Ports]),
      [
        ['Retina1', ['10.1.0.5'], [53]],
        ['Retina2', ['10.1.0.5', '10.3.0.0/16'], [443]],
      ],
    );
    await sleep(200);
    running.signal('SIGHUP');
    const result = await resultOf(running);
    assert.equal(result.stopReason, 'requested');
    const seen = new Set(unpack(t, here).fields('ip.src', 'ip.dst', 'udp.dstport').map(String));
    assert.deepEqual([...seen].sort(), ['10.1.0.5,10.2.0.1,53', '10.1.0.5,10.3.0.1,443', '10.2.0.1,10.1.0.5,53']);
    assertClean(here);
  });

  test('a full file ends the capture, and nothing of it is overwritten', async (t) => {
    const here = node(t, { payload: 1000, perTick: 40 });
    const running = here.start({ maxBytes: 2_100_000 });
    const result = await resultOf(running);
    assert.deepEqual([result.stopReason, result.errors], ['max-size', []]);
    assert.ok(result.pcapBytes < 2_500_000 && result.pcapBytes > 1_500_000, `${result.pcapBytes}`);
    const { files, fields } = unpack(t, here);
    assert.deepEqual(files.slice(0, 3), [`${STEM}.pcapng`, `${STEM}.etl`, 'pktmon.log']);
    const numbers = fields('udp.payload').map(([hex = '']) => Number(Buffer.from(hex, 'hex').toString('latin1', 0, 8)));
    assert.deepEqual(numbers, [...numbers.keys()], 'the first packets are kept, in order');
    assertClean(here);
  });

  test('a ring keeps the newest packets, in one circular file of all its sizes', async (t) => {
    const here = node(t, { payload: 1000, perTick: 40 });
    const running = here.start({ maxBytes: 1_500_000, fileCount: 2 });
    await running.capturing;
    assert.deepEqual([here.state().Mode, here.state().SizeMB], ['circular', 2]);
    await sleep(1500);
    running.signal('SIGTERM');
    const result = await resultOf(running);
    assert.deepEqual([result.stopReason, result.errors], ['terminated', []]);
    const numbers = unpack(t, here).fields('udp.payload');
    const first = Number(Buffer.from(numbers[0]?.[0] ?? '', 'hex').toString('latin1', 0, 8));
    assert.ok(first > 0, 'older packets have gone');
    assert.ok(result.pcapBytes <= 3_000_000);
    assertClean(here);
  });

  test('a session that runs already is named, and goes on', async (t) => {
    const here = node(t);
    here.pktmon('filter', 'add', 'Theirs', '-p', '80');
    here.pktmon('start', '--capture', '--file-name', join(here.bin, 'theirs.etl'));
    const earlier = here.state().Commands.length;
    const result = await resultOf(here.start({ pktmon: { ...NOBODY, pods: ['10.1.0.5'] } }));
    assert.deepEqual([result.stopReason, result.tarball], ['error', null]);
    assert.match(
      result.errors[0] ?? '',
      /^w1: pktmon already captures on this node, and was left alone: .*theirs\.etl; /,
    );
    assert.deepEqual(here.state().Commands.slice(earlier), ['status']);
    assert.deepEqual([here.state().Running, here.state().Filters?.length], [true, 1]);
    here.pktmon('stop');
  });

  test("somebody else's filters are no part of our capture: they are named, and stay", async (t) => {
    const here = node(t);
    here.pktmon('filter', 'add', 'SenseNdr', '-p', '80');
    const result = await resultOf(here.start());
    assert.match(result.errors[0] ?? '', /pktmon has filters on this node that are not ours, .*SenseNdr/);
    assert.equal(here.state().Filters?.length, 1);
  });

  test('a session that somebody else ends: what there is gets kept, and the capture has failed', async (t) => {
    const here = node(t);
    const running = here.start();
    await running.capturing;
    await sleep(200);
    here.pktmon('stop');
    const result = await resultOf(running);
    assert.equal(result.stopReason, 'tool-exited');
    assert.match(result.errors.join(), /w1: the session of pktmon was ended by somebody else/);
    assert.equal(unpack(t, here).fields('frame.number').length, result.packets);
    assert.ok(result.packets > 0);
  });

  test("somebody's next session is not stopped in place of ours", async (t) => {
    const here = node(t);
    const running = here.start();
    await running.capturing;
    here.pktmon('stop');
    here.pktmon('start', '--capture', '--file-name', join(here.bin, 'theirs.etl'));
    running.signal('SIGTERM');
    assert.equal((await resultOf(running)).stopReason, 'terminated');
    assert.deepEqual([here.state().Running, here.state().File], [true, join(here.bin, 'theirs.etl')]);
    here.pktmon('stop');
  });

  test('a log that cannot be converted is delivered as it is, and told', async (t) => {
    const here = node(t, { fail: { etl2pcap: 'Failed to format: not enough memory.' } });
    const result = await resultOf(here.start({ durationMs: 200 }));
    assert.equal(result.stopReason, 'duration');
    assert.match(result.errors.join(), new RegExp(`${STEM}.etl could not be converted: .*not enough memory`));
    assert.deepEqual(unpack(t, here).files, [`${STEM}.etl`, 'pktmon.log']);
    assertClean(here);
  });

  for (const [command, said] of [
    ['filter add', /pktmon refuses the filter -i 10.1.0.5: broken/],
    ['start', /pktmon cannot capture: broken/],
    ['status', /pktmon cannot be used: broken/],
  ] as const) {
    test(`what fails in \`pktmon ${command}\` is told, and nothing is left`, async (t) => {
      const here = node(t, { fail: { [command]: 'broken' } });
      const result = await resultOf(here.start({ pktmon: { ...NOBODY, pods: ['10.1.0.5'] } }));
      assert.deepEqual([result.stopReason, result.tarball], ['error', null]);
      assert.match(result.errors.join(), said);
      assertClean(here);
      assert.deepEqual(here.list(), []);
    });
  }

  test('a session that cannot be stopped is told: it goes on', async (t) => {
    const here = node(t, { fail: { stop: 'Access is denied.' } });
    const result = await resultOf(here.start({ durationMs: 100 }));
    assert.match(result.errors.join(), /w1: pktmon cannot be stopped, and captures on: Access is denied/);
    behave(here.bin, {});
    here.pktmon('stop');
  });

  test('no pktmon at all', async (t) => {
    const here = node(t);
    rmSync(join(here.bin, 'pktmon'));
    const result = await resultOf(here.start());
    assert.match(result.errors.join(), /^w1: pktmon cannot be used: pktmon is not there: it comes with Windows Server/);
  });

  test('a process that is ended at once takes its session and filters with it', async (t) => {
    const here = node(t);
    const running = here.start({ pktmon: { ...NOBODY, pods: ['10.1.0.5'] } });
    await running.capturing;
    running.signal('SIGQUIT');
    await assert.rejects(running.outcome, /JSON/);
    assertClean(here);
    assert.deepEqual(here.list(), []);
    // While the log is still written, Windows would not let its directory go.
    for (const name of here.recorded()) assert.equal(readFileSync(join(here.bin, name), 'utf8'), '');
  });

  test('a stop while pktmon is still starting, and a discard, leave no session', async (t) => {
    for (const signal of ['SIGHUP', 'SIGUSR2'] as const) {
      const here = node(t, { startMs: 800 });
      const running = here.start({ pktmon: { ...NOBODY, pods: ['10.1.0.5'] } });
      while (!existing(here).some((line) => line.startsWith('start'))) await sleep(20);
      running.signal(signal);
      assert.equal((await running.outcome).kind, signal === 'SIGHUP' ? 'result' : 'discarded');
      assertClean(here);
      assert.equal(here.list().length, signal === 'SIGHUP' ? 2 : 0);
    }
  });
});

/** What pktmon was asked so far. */
function existing(here: Node): readonly string[] {
  try {
    return here.state().Commands;
  } catch {
    return [];
  }
}
