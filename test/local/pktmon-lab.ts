/** Workloads with the emulated pktmon, each as its own process. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import type { WorkloadResult, WorkloadSpec } from '../../src/capture/workload-spec.ts';
import type { WorkloadOutcome } from '../../src/workload/run.ts';
import { spec as order } from '../unit/support/builders.ts';
import { type Behaviour, type Flow, installEmulator, type PktmonState, stateIn } from '../windows/emulator.ts';

export const STEM = 'lt-w1-20261121101500UTC';
export const NOBODY = { pods: [], include: [], exclude: [], sources: [], destinations: [] };
/** Datagrams in one direction. */
export const flow = (from: string, to: string, toPort: number): Flow => ({ from, to, fromPort: 40000, toPort });

/** A node, as far as a workload sees it. */
export type Node = {
  /** Where the tarball goes. */
  directory: string;
  /** Where pktmon and its state lie. */
  bin: string;
  pktmon(...argv: string[]): string;
  state(): PktmonState;
  /** What is in the directory of the tarball. */
  list(): string[];
  /** One file for each session that has ended, with what went wrong in it. */
  recorded(): string[];
  start(changes?: Partial<WorkloadSpec>): {
    capturing: Promise<void>;
    signal(name: NodeJS.Signals): void;
    outcome: Promise<WorkloadOutcome>;
  };
};

/** A node whose pktmon is emulated: the workload finds it in PATH. */
export function openNode(t: TestContext, program: string, behaviour: Behaviour = {}): Node {
  const root = mkdtempSync(join(tmpdir(), 'retina-lt-pktmon-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const [bin, directory] = [join(root, 'bin'), join(root, 'out')];
  mkdirSync(bin);
  mkdirSync(directory);
  installEmulator(program, bin, behaviour);
  return {
    directory,
    bin,
    pktmon: (...argv) => execFileSync(join(bin, 'pktmon'), argv, { encoding: 'utf8' }),
    state: () => stateIn(bin),
    list: () => readdirSync(directory).sort(),
    recorded: () => readdirSync(bin).filter((name) => name.startsWith('recorded-')),
    start: (changes = {}) => {
      const spec = order({
        ...{ capture: 'lt', node: 'w1', stem: STEM, interfaces: ['any'], tool: 'pktmon', filter: '', pktmon: NOBODY },
        ...{ maxBytes: null, durationMs: null, includeMetadata: false, minFree: { amount: 0, unit: 'bytes' } },
        destinations: [{ kind: 'host-path', path: '/mnt', directory }],
        ...changes,
      });
      return run(t, bin, spec);
    },
  };
}

function run(t: TestContext, bin: string, spec: WorkloadSpec) {
  const driver = join(import.meta.dirname, 'driver.ts');
  const env = { ...process.env, PATH: `${bin}:${process.env.PATH}` };
  const child = spawn(process.execPath, [driver, JSON.stringify(spec)], { stdio: ['ignore', 'pipe', 'pipe'], env });
  t.after(() => void child.kill('SIGKILL'));
  const capturing = Promise.withResolvers<void>();
  createInterface({ input: child.stderr }).on('line', (line) => {
    if (line.startsWith('capturing on')) capturing.resolve();
  });
  return {
    capturing: capturing.promise,
    signal: (name: NodeJS.Signals) => void child.kill(name),
    outcome: text(child.stdout).then((json) => JSON.parse(json)),
  };
}

/** The result of a workload; fails when it was discarded. */
export async function resultOf(running: { outcome: Promise<WorkloadOutcome> }): Promise<WorkloadResult> {
  const outcome = await running.outcome;
  return outcome.kind === 'result' ? outcome.result : assert.fail(outcome.kind);
}

/** Nothing of ours is left in pktmon. */
export function assertClean({ state }: Node): void {
  const { Running, Filters } = state();
  assert.deepEqual([Running, Filters ?? []], [false, []]);
}

/** What is in the tarball, unpacked; tshark counts the packets of each pcapng. */
export function unpack(t: TestContext, { directory }: Node) {
  const path = mkdtempSync(join(tmpdir(), 'retina-lt-out-'));
  t.after(() => rmSync(path, { recursive: true }));
  execFileSync('tar', ['-xzf', join(directory, `${STEM}.tar.gz`), '-C', path]);
  const files = execFileSync('tar', ['-tzf', join(directory, `${STEM}.tar.gz`)], { encoding: 'utf8' });
  const fields = (...names: string[]): string[][] =>
    execFileSync(
      'tshark',
      ['-r', join(path, `${STEM}.pcapng`), '-T', 'fields', ...names.flatMap((name) => ['-e', name])],
      {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
        maxBuffer: 1 << 28,
      },
    )
      .split('\n')
      .filter(Boolean)
      .map((line) => line.split('\t'));
  return { path, files: files.trim().split('\n'), fields };
}
