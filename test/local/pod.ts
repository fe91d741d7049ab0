import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import {
  type DestinationSpec,
  decodeResult,
  encodeSpec,
  PODINFO_DIRECTORY,
  PODINFO_SPEC,
  TERMINATION_MESSAGE_PATH,
  type WorkloadResult,
  type WorkloadSpec,
} from '../../src/capture/workload-spec.ts';
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

/** Starts the built program's hidden command in the lab's namespace. */
export async function startPod(lab: Lab, changes: Partial<WorkloadSpec>): Promise<Pod> {
  const layers = join(lab.directory, 'layers');
  const [etc, dev] = ['etc', 'dev'].map((name) => join(layers, name));
  const podinfo = join(`${etc}/up`, PODINFO_DIRECTORY.replace('/etc', ''));
  for (const path of [podinfo, `${etc}/work`, `${dev}/up`, `${dev}/work`]) await mkdir(path, { recursive: true });
  await writeFile(join(podinfo, PODINFO_SPEC), encodeSpec({ ...lab.spec, ...changes }));
  // `ip netns exec` gives a mount namespace of its own: nothing of this is seen outside, and it goes with the process.
  const over = (name: string, path: string): string =>
    `mount -t overlay retina-lt -o lowerdir=/${name},upperdir=${path}/up,workdir=${path}/work /${name}`;
  const script = `${over('etc', `${etc}`)} && ${over('dev', `${dev}`)} && exec ${BINARY} workload`;
  const argv = ['netns', 'exec', lab.namespace, 'sh', '-c', script];
  const child = spawn('ip', argv, { stdio: ['ignore', 'inherit', 'pipe'] });
  const capturing = Promise.withResolvers<void>();
  const log: Pod['log'] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    log.push({ line, at: performance.now() });
    if (line.startsWith('capturing on')) capturing.resolve();
  });
  let peakMiB = 0;
  const timer = setInterval(() => {
    peakMiB = Math.max(peakMiB, highWater(child.pid));
  }, 20);
  const closed = once(child, 'close').finally(() => clearInterval(timer));
  const said = (): string => log.map(({ line }) => line).join('\n');
  void closed.then(() => capturing.reject(new Error(`the workload ended: ${said()}`)));
  capturing.promise.catch(() => undefined);
  return {
    capturing: capturing.promise,
    log,
    stop: () => void child.kill('SIGTERM'),
    ended: async () => {
      await closed;
      const message = join(`${dev}/up`, TERMINATION_MESSAGE_PATH.replace('/dev', ''));
      return { result: decodeResult(await readFile(message, 'utf8')), peakMiB };
    },
  };
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
