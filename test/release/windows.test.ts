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
    const here = fresh(t, { lost: 3 });
    here.order({ durationMs: 1000, includeMetadata: true });
    const { status, stderr } = run(here.directory);
    assert.equal(status, 0, stderr);
    const { stopReason, errors, packets, droppedByKernel, destinations } = here.result();
    assert.deepEqual([stopReason, errors, droppedByKernel, destinations[0]?.ok], ['duration', [], 3, true]);
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
      const child = spawn(inWine, [BINARY, here.directory], { stdio: 'ignore' });
      const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
      while (!existsSync(join(here.bin, 'state.json')) || !stateIn(here.bin).Running) await sleep(50);
      here.say(word);
      assert.equal(await ended, code);
      assert.deepEqual([stateIn(here.bin).Running, stateIn(here.bin).Filters], [false, null]);
      assert.equal(existsSync(here.tarball), word === 'keep');
      if (word === 'keep') assert.equal(here.result().stopReason, 'requested');
      else assert.ok(here.silent(), 'a capture that was taken back has no result');
    });
  }

  test('what pktmon refuses is the result', (t) => {
    const here = fresh(t, { fail: { start: 'Failed to communicate with the PktMon driver. Access is denied.' } });
    here.order({ durationMs: 1000 });
    assert.equal(run(here.directory).status, 1);
    assert.match(here.result().errors.join(), /^w1: pktmon cannot capture: Failed to communicate .* Access is denied/);
    assert.equal(stateIn(here.bin).Filters, null);
  });
});
