import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { decodeUploadResult, PODINFO_UPLOAD, type UploadSpec } from '../../src/capture/upload-spec.ts';
import {
  type DestinationSpec,
  decodeResult,
  encodeSpec,
  PODINFO_DIRECTORY,
  PODINFO_SPEC,
  TERMINATION_MESSAGE_PATH,
  WORKLOAD_VERSION,
  type WorkloadResult,
  type WorkloadSpec,
} from '../../src/capture/workload-spec.ts';
import { sha256OfFile } from '../../src/workload/files.ts';
import { result } from '../unit/support/builders.ts';
import type { Lab } from './lab.ts';

const BINARY = join(resolve(import.meta.dirname, '../..'), 'dist/kubectl-retina');
const SINK_PORT = '9000';

/** The program as a pod runs it: what it is told and what it answers lie where Kubernetes puts them. */
export type Pod = {
  /** Resolves when it captures. */
  readonly capturing: Promise<void>;
  /** Its log so far, each line with the time at which it was said (as performance.now). */
  readonly log: { line: string; at: number }[];
  stop(): void;
  /** Its result and the largest memory (MiB, VmHWM) that it ever had. */
  ended(): Promise<{ result: WorkloadResult; peakMiB: number }>;
};

/** Starts the built program as a capture's pod does, in the lab's namespace. */
export async function startPod(lab: Lab, changes: Partial<WorkloadSpec>): Promise<Pod> {
  const spec = encodeSpec({ ...lab.spec, ...changes });
  const { child, log, ended, message } = await startProgram(lab, 'workload', { [PODINFO_SPEC]: spec });
  const capturing = Promise.withResolvers<void>();
  log.on('line', (line) => {
    if (line.startsWith('capturing on')) capturing.resolve();
  });
  const said: Pod['log'] = [];
  log.on('line', (line) => said.push({ line, at: performance.now() }));
  void ended.then(() => capturing.reject(new Error(`the workload ended: ${said.map(({ line }) => line).join('\n')}`)));
  capturing.promise.catch(() => undefined);
  return {
    capturing: capturing.promise,
    log: said,
    stop: () => void child.kill('SIGTERM'),
    ended: async () => {
      const peakMiB = await ended;
      return { result: decodeResult(await message()), peakMiB };
    },
  };
}

/** Sends a tarball of any size by the built program, as an upload pod does: a file of holes, which takes no disk. */
export async function sendLong(lab: Lab, to: DestinationSpec, bytes: number) {
  const directory = join(lab.directory, 'node');
  const tarball = { name: 'long.tar.gz', bytes, sha256: '' };
  await mkdir(directory);
  await writeFile(join(directory, tarball.name), '');
  await truncate(join(directory, tarball.name), bytes);
  tarball.sha256 = (await sha256OfFile(join(directory, tarball.name))).sha256;
  const spec: UploadSpec = {
    ...{ version: WORKLOAD_VERSION, place: { path: directory, directory }, destinations: [to] },
    ...{ timeoutMs: 3_600_000, removeCopy: false, result: result({ tarball }) },
  };
  const { ended, message } = await startProgram(lab, 'send-again', { [PODINFO_UPLOAD]: JSON.stringify(spec) });
  const peakMiB = await ended;
  return { sent: decodeUploadResult(await message()), peakMiB };
}

/** Starts a hidden command of the built program; what it is told and what it answers lie where Kubernetes puts them. */
async function startProgram(lab: Lab, command: string, podinfo: Readonly<Record<string, string>>) {
  const layers = join(lab.directory, 'layers');
  const [etc, dev] = ['etc', 'dev'].map((name) => join(layers, name));
  const told = join(`${etc}/up`, PODINFO_DIRECTORY.replace('/etc', ''));
  for (const path of [told, `${etc}/work`, `${dev}/up`, `${dev}/work`]) await mkdir(path, { recursive: true });
  for (const [name, text] of Object.entries(podinfo)) await writeFile(join(told, name), text);
  // `ip netns exec` gives a mount namespace of its own: nothing of this is seen outside, and it goes with the process.
  const over = (name: string, path: string): string =>
    `mount -t overlay retina-lt -o lowerdir=/${name},upperdir=${path}/up,workdir=${path}/work /${name}`;
  const script = `${over('etc', `${etc}`)} && ${over('dev', `${dev}`)} && exec ${BINARY} ${command}`;
  const argv = ['netns', 'exec', lab.namespace, 'sh', '-c', script];
  const child = spawn('ip', argv, { stdio: ['ignore', 'inherit', 'pipe'] });
  let peakMiB = 0;
  const timer = setInterval(() => {
    peakMiB = Math.max(peakMiB, highWater(child.pid));
  }, 20);
  const ended = once(child, 'close').then(() => peakMiB);
  void ended.finally(() => clearInterval(timer));
  const message = () => readFile(join(`${dev}/up`, TERMINATION_MESSAGE_PATH.replace('/dev', '')), 'utf8');
  return { child, log: createInterface({ input: child.stderr }), ended, message };
}

/** VmHWM: the kernel keeps the largest value, so that looking now and then misses nothing but the very end. */
function highWater(pid: number | undefined): number {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

/** Stores in the lab's namespace that take all they are sent, at this pace (MB/s, 0 for any), and forget it. */
export async function startSink(lab: Lab, pace: number) {
  const argv = ['netns', 'exec', lab.namespace, process.execPath, join(import.meta.dirname, 'sink.ts')];
  const child = spawn('ip', [...argv, SINK_PORT, `${pace}`], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  const directory = join(lab.directory, 'keys');
  await mkdir(directory, { recursive: true });
  const keys = { 's3-access-key-id': 'AK', 's3-secret-access-key': 'SK', 'blob-upload-url': `${sinkUrl}/c?sp=w&sig=x` };
  for (const [name, value] of Object.entries(keys)) await writeFile(join(directory, name), value);
  const access = { secret: 'keys', directory };
  const s3: DestinationSpec = {
    ...{ kind: 's3', bucket: 'b', region: 'us-east-1', endpoint: sinkUrl, prefix: '', ca: null, access },
    checksums: 'when_supported',
  };
  const blob: DestinationSpec = { kind: 'blob', container: null, access };
  return { s3, blob, stop: () => void child.kill() };
}

const sinkUrl = `http://127.0.0.1:${SINK_PORT}`;
