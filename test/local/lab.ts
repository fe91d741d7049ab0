import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import {
  encodeSpec,
  WORKLOAD_VERSION,
  type WorkloadResult,
  type WorkloadSpec,
} from '../../src/capture/workload-spec.ts';
import type { WorkloadOutcome } from '../../src/workload/run.ts';

/** Why the tests of real captures cannot run here, or undefined. */
export function labProblem(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'needs root on Linux';
  const missing = ['tcpdump', 'ip', 'tshark', 'capinfos', 'busybox'].filter(
    (tool) => !['/usr/bin', '/usr/sbin', '/bin', '/sbin'].some((directory) => existsSync(join(directory, tool))),
  );
  return missing.length > 0 ? `needs ${missing.join(', ')}` : undefined;
}

/** A workload that runs in the lab. */
export type Running = {
  readonly child: ChildProcess;
  /** Resolves when it takes signals. */
  readonly ready: Promise<void>;
  /** Resolves when it captures. */
  readonly capturing: Promise<void>;
  readonly outcome: Promise<WorkloadOutcome & { maxRssKiB: number }>;
};

/** Two network namespaces joined by a veth pair (`veth-a` 10.99.0.1 here, 10.99.0.2 there) and a directory. */
export type Lab = {
  readonly directory: string;
  /** The namespace that is captured in. */
  readonly namespace: string;
  readonly spec: WorkloadSpec;
  start(changes: Partial<WorkloadSpec>): Running;
  /** Sends numbered datagrams from the lab's first namespace. */
  traffic(options: { host?: string; port?: number; count: number; size?: number }): Promise<void>;
  /** Everything in a directory of the lab, hidden files too. */
  list(directory?: string): Promise<string[]>;
  /** Mounts a small file system below the lab's directory; `options` are mount's. */
  mount(name: string, options: string): Promise<string>;
  close(): Promise<void>;
};

const HERE = fileURLToPath(new URL('.', import.meta.url));
const STEM = 'lt-lab-20261121101500UTC';

/** A listing without any flag of tcpdump's. */
export const PLAIN_LISTING: NonNullable<WorkloadSpec['listing']> = {
  ...{ resolveNames: true, resolvePorts: true, verbosity: '', data: '', timestamps: '', linkHeader: false },
  ...{ quiet: false, absoluteSequence: false, verifyChecksums: true },
};

/** Makes a lab; `close` removes its namespaces and its directory. */
export async function openLab(): Promise<Lab> {
  const directory = await mkdtemp(join(tmpdir(), 'retina-lt-'));
  const [a, b] = [`${basename(directory)}-a`, `${basename(directory)}-b`];
  const ip = (line: string) => execa('ip', line.split(' '));
  for (const namespace of [a, b]) await ip(`netns add ${namespace}`);
  await ip(`-n ${a} link add veth-a type veth peer name veth-b netns ${b}`);
  await ip(`-n ${a} addr add 10.99.0.1/24 dev veth-a`);
  await ip(`-n ${b} addr add 10.99.0.2/24 dev veth-b`);
  for (const [namespace, device] of [
    [a, 'lo'],
    [a, 'veth-a'],
    [b, 'lo'],
    [b, 'veth-b'],
  ]) {
    await ip(`-n ${namespace} link set ${device} up`);
  }
  const spec = specFor(directory);
  const mounts: string[] = [];
  return {
    directory,
    namespace: a,
    spec,
    start: (changes) => startDriver(a, { ...spec, ...changes }),
    traffic: async ({ host = '127.0.0.1', port = 9, count, size = 32 }) => {
      const argv = [join(HERE, 'traffic.ts'), host, port, count, size].map(String);
      await execa('ip', ['netns', 'exec', a, process.execPath, ...argv]);
    },
    list: async (path = directory) => (await readdir(path)).sort(),
    mount: async (name, options) => {
      const path = join(directory, name);
      await mkdir(path);
      await execa('mount', ['-t', 'tmpfs', '-o', options, 'retina-lt', path]);
      mounts.push(path);
      return path;
    },
    close: async () => {
      for (const path of mounts) await execa('umount', [path]);
      for (const namespace of [a, b]) await ip(`netns delete ${namespace}`);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function specFor(directory: string): WorkloadSpec {
  return {
    version: WORKLOAD_VERSION,
    capture: 'lt',
    namespace: 'default',
    node: 'lab',
    stem: STEM,
    interfaces: ['lo'],
    tool: 'tcpdump',
    filter: 'udp',
    pktmon: null,
    snapLength: 0,
    durationMs: null,
    maxBytes: null,
    packetCount: null,
    fileCount: null,
    promiscuous: true,
    packetBuffered: false,
    immediate: false,
    listing: null,
    includeMetadata: false,
    minFree: { amount: 0, unit: 'bytes' },
    uploadTimeoutMs: null,
    destinations: [{ kind: 'host-path', path: directory, directory }],
  };
}

function startDriver(namespace: string, spec: WorkloadSpec): Running {
  const argv = ['netns', 'exec', namespace, process.execPath, join(HERE, 'driver.ts'), encodeSpec(spec)];
  const child = spawn('ip', argv, { stdio: ['ignore', 'pipe', 'pipe'] });
  const capturing = Promise.withResolvers<void>();
  const ready = Promise.withResolvers<void>();
  const said: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    said.push(line);
    if (line === 'ready') ready.resolve();
    if (line.startsWith('capturing on')) capturing.resolve();
  });
  const outcome = text(child.stdout).then((json) => {
    assert.notEqual(json, '', `the workload ended without an outcome: ${said.join('\n')}`);
    return JSON.parse(json);
  });
  return { child, ready: ready.promise, capturing: capturing.promise, outcome };
}

/** The result of a workload; fails when it was discarded. */
export async function resultOf(running: Running): Promise<WorkloadResult> {
  const outcome = await running.outcome;
  assert.equal(outcome.kind, 'result');
  return outcome.kind === 'result' ? outcome.result : assert.fail();
}

/** A delivered tarball, unpacked by GNU tar; BusyBox must list the same. */
export async function unpack(directory: string, stem: string = STEM): Promise<{ path: string; files: string[] }> {
  const tarball = join(directory, `${stem}.tar.gz`);
  const path = await mkdtemp(join(tmpdir(), 'retina-lt-out-'));
  await execa('tar', ['-xzf', tarball, '-C', path]);
  const [gnu, busybox] = await Promise.all([
    execa('tar', ['-tzf', tarball]),
    execa('busybox', ['tar', '-tzf', tarball]),
  ]);
  assert.equal(busybox.stdout, gnu.stdout);
  return { path, files: gnu.stdout.split('\n') };
}

/** The packets in a pcap file as capinfos counts them; fails when it does not open cleanly. */
export async function packetsIn(file: string): Promise<number> {
  const { stdout, stderr } = await execa('capinfos', ['-Tmrc', file]);
  assert.equal(stderr, '', 'capinfos complains');
  return Number(stdout.split(',').at(-1));
}

/** The numbers of the lab's datagrams in a pcap file, as tshark reads them. */
export async function numbersIn(file: string): Promise<number[]> {
  const { stdout } = await execa('tshark', ['-r', file, '-Y', 'udp', '-T', 'fields', '-e', 'data']);
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((hex) => Number(Buffer.from(hex, 'hex').toString('latin1', 0, 8)));
}
