import assert from 'node:assert/strict';
import { execFileSync, type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeResult, encodeSpec, type WorkloadSpec } from '../../src/capture/workload-spec.ts';
import { spec as order } from '../unit/support/builders.ts';
import { type Behaviour, buildEmulator, installEmulator, stateIn } from '../windows/emulator.ts';
import { root } from './release.ts';

// The binary for Windows as the pod of a Windows node runs it: under Wine, with an emulated pktmon.exe.

const BINARY = join(root, 'dist/kubectl-retina-win-x64.exe');
const STEM = 'web-w1-20261121101500UTC';
/** Below dist: Wine sees the project only. */
const work = join(root, 'dist/windows-test');
const inWine = join(root, 'test/windows/in-wine');

/** What the kubelet would mount, and pktmon. */
function node(name: string, program: string, behaviour: Behaviour = {}) {
  const directory = join(work, name);
  for (const below of ['bin', 'etc/retina', 'dev', 'out']) mkdirSync(join(directory, below), { recursive: true });
  installEmulator(program, join(directory, 'bin'), behaviour);
  const message = join(directory, 'dev/termination-log');
  writeFileSync(message, '');
  return {
    ...{ directory, bin: join(directory, 'bin'), tarball: join(directory, 'out', `${STEM}.tar.gz`) },
    order: (changes: Partial<WorkloadSpec>) => {
      const spec = order({
        ...{ node: 'w1', stem: STEM, tool: 'pktmon', minFree: { amount: 0, unit: 'bytes' }, includeMetadata: false },
        pktmon: { pods: ['10.0.0.1'], include: [], exclude: [], sources: [], destinations: [] },
        destinations: [{ kind: 'host-path', path: '/mnt/retina/captures', directory: join(directory, 'out') }],
        ...changes,
      });
      writeFileSync(join(directory, 'etc/retina/workload'), encodeSpec(spec));
    },
    say: (word: string) => writeFileSync(join(directory, 'etc/retina/stop'), word),
    result: () => decodeResult(readFileSync(message, 'utf8')),
    silent: () => readFileSync(message, 'utf8') === '',
  };
}

function run(directory: string): SpawnSyncReturns<string> {
  return spawnSync(inWine, [BINARY, directory], { encoding: 'utf8', timeout: 120_000 });
}

/** Starts the workload; resolves with its exit code. */
function begin(directory: string): Promise<number | null> {
  const child = spawn(inWine, [BINARY, directory], { stdio: 'ignore' });
  return new Promise((resolve) => child.once('exit', resolve));
}

async function capturing(bin: string): Promise<void> {
  while (!existsSync(join(bin, 'state.json')) || !stateIn(bin).Running) await sleep(50);
}

describe('windows/amd64: the workload of a Windows node, under Wine', () => {
  let emulator: ReturnType<typeof buildEmulator>;
  const fresh = (t: TestContext, behaviour: Behaviour = {}) =>
    node(t.name.replace(/\W+/g, '-'), emulator.program, behaviour);
  before(() => {
    execFileSync(process.execPath, [join(root, 'scripts/build.ts'), 'win-x64']);
    rmSync(work, { recursive: true, force: true });
    emulator = buildEmulator('windows');
  });
  after(() => {
    emulator.remove();
    rmSync(work, { recursive: true, force: true });
  });

  test('captures, converts, delivers and tells the result', (t) => {
    const here = fresh(t, { lost: 3, dropped: 5 });
    here.order({ durationMs: 1000, includeMetadata: true });
    const { status, stderr } = run(here.directory);
    assert.equal(status, 0, stderr);
    const { stopReason, errors, packets, droppedByKernel, droppedByInterface, destinations } = here.result();
    assert.deepEqual([stopReason, errors, destinations[0]?.ok], ['duration', [], true]);
    assert.deepEqual([droppedByKernel, droppedByInterface], [3, 5]);
    const files = execFileSync('tar', ['-tzf', here.tarball], { encoding: 'utf8' }).trim().split('\n');
    assert.deepEqual(files.slice(0, 3), [`${STEM}.pcapng`, `${STEM}.etl`, 'pktmon.log']);
    assert.ok(files.includes('metadata/routes.txt') && files.includes('before/metadata/sockets.txt'), files.join());
    execFileSync('tar', ['-xzf', here.tarball, '-C', here.directory]);
    const told = execFileSync('capinfos', ['-Tmrc', join(here.directory, `${STEM}.pcapng`)], { encoding: 'utf8' });
    assert.equal(Number(told.trim().split(',').at(-1)), packets);
    assert.ok(packets > 0);
    const { Running, Filters, Commands } = stateIn(here.bin);
    assert.deepEqual([Running, Filters], [false, null]);
    assert.ok(Commands.includes('filter add Retina1 -i 10.0.0.1'), Commands.join('\n'));
  });

  for (const [word, code] of [
    ['keep', 0],
    ['discard', 1],
  ] as const) {
    test(`the word to stop ends it: ${word}`, async (t) => {
      const here = fresh(t);
      here.order({ durationMs: null });
      const ended = begin(here.directory);
      await capturing(here.bin);
      here.say(word);
      assert.equal(await ended, code);
      assert.deepEqual([stateIn(here.bin).Running, stateIn(here.bin).Filters], [false, null]);
      assert.equal(existsSync(here.tarball), word === 'keep');
      if (word === 'keep') assert.equal(here.result().stopReason, 'requested');
      else assert.ok(here.silent(), 'a capture that was taken back has no result');
    });
  }

  test('a pod that is deleted: the command that the kubelet runs first ends the capture, which is delivered', async (t) => {
    const here = fresh(t);
    here.order({ durationMs: null });
    const ended = begin(here.directory);
    await capturing(here.bin);
    const hook = spawn(inWine, [BINARY, here.directory, 'end-workload'], { stdio: 'ignore', detached: true });
    assert.equal(await ended, 0);
    // It ends with its container. Here it is stuck, or has ended: Wine's server was a process of the workload's.
    if (hook.exitCode === null) process.kill(-(hook.pid ?? assert.fail()), 'SIGKILL');
    assert.deepEqual([here.result().stopReason, here.result().errors], ['terminated', []]);
    assert.deepEqual([stateIn(here.bin).Running, stateIn(here.bin).Filters], [false, null]);
    assert.ok(existsSync(here.tarball));
  });

  test('a session that runs already is named, and goes on', (t) => {
    const here = fresh(t);
    const theirs = { Running: true, File: 'C:\\theirs.etl', ID: 1, Mode: 'circular', SizeMB: 1, Filters: [] };
    writeFileSync(join(here.bin, 'state.json'), JSON.stringify(theirs));
    here.order({ durationMs: 1000 });
    assert.equal(run(here.directory).status, 1);
    assert.match(here.result().errors.join(), /^w1: pktmon already captures on this node, .* alone: C:\\theirs\.etl; /);
    assert.deepEqual([stateIn(here.bin).Running, stateIn(here.bin).Commands], [true, ['status']]);
  });

  test("somebody else's filters are named, and stay", (t) => {
    const here = fresh(t);
    const theirs = { Filters: [{ Name: 'SenseNdr', IPs: null, Ports: [80] }] };
    writeFileSync(join(here.bin, 'state.json'), JSON.stringify(theirs));
    here.order({ durationMs: 1000 });
    assert.equal(run(here.directory).status, 1);
    assert.match(here.result().errors.join(), /pktmon has filters on this node that are not ours, .*SenseNdr/);
    assert.deepEqual([stateIn(here.bin).Running, stateIn(here.bin).Filters?.length], [false, 1]);
  });

  test('a ring is one circular file of all its sizes, with the newest packets', async (t) => {
    const here = fresh(t, { payload: 1000, perTick: 40 });
    here.order({ durationMs: null, maxBytes: 1_500_000, fileCount: 2 });
    const ended = begin(here.directory);
    await capturing(here.bin);
    const { Mode, SizeMB, File } = stateIn(here.bin);
    assert.deepEqual([Mode, SizeMB], ['circular', 2]);
    assert.match(File, /\.etl$/);
    await sleep(3000);
    here.say('keep');
    assert.equal(await ended, 0);
    const { stopReason, errors, pcapBytes } = here.result();
    assert.deepEqual([stopReason, errors], ['requested', []]);
    assert.ok(pcapBytes > 0 && pcapBytes <= 3_000_000, `${pcapBytes} bytes`);
  });

  test('what pktmon refuses is the result', (t) => {
    const here = fresh(t, { fail: { start: 'Failed to communicate with the PktMon driver. Access is denied.' } });
    here.order({ durationMs: 1000 });
    assert.equal(run(here.directory).status, 1);
    assert.match(here.result().errors.join(), /^w1: pktmon cannot capture: Failed to communicate .* Access is denied/);
    assert.equal(stateIn(here.bin).Filters, null);
  });
});
