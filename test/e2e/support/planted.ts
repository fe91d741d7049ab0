import { createHash, randomFillSync } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createServer, connect as dial, type Socket } from 'node:net';
import { join } from 'node:path';
import { execa } from 'execa';
import { WORKLOAD_VERSION } from '../../../src/capture/workload-spec.ts';
import { items, type NodeName, onNode, until } from './cluster.ts';
import { DIR } from './leavings.ts';

export type Planted = { name: string; path: string; sha256: string; bytes: number };

/** Puts a tarball of random bytes on a node's disk, as a capture that was deleted leaves it. */
export function plant(node: NodeName, name: string, bytes: number, directory = DIR): Planted {
  mkdirSync(onNode(node, directory), { recursive: true });
  const path = onNode(node, `${directory}/${name}`);
  const hash = createHash('sha256');
  const file = openSync(path, 'w', 0o600);
  const chunk = Buffer.alloc(Math.min(bytes, 4 << 20));
  for (let left = bytes; left > 0; left -= chunk.length) {
    const piece = randomFillSync(chunk).subarray(0, left);
    hash.update(piece);
    writeSync(file, piece);
  }
  closeSync(file);
  return { name, path, sha256: hash.digest('hex'), bytes };
}

/** The result beside a tarball, as the workload writes it. */
export function resultOf(capture: string, node: NodeName, planted: Planted): Record<string, unknown> {
  const at = '2026-11-21T10:15:00.000Z';
  return {
    ...{ version: WORKLOAD_VERSION, capture, node, stopReason: 'duration', startedAt: at, endedAt: at, packets: 1 },
    ...{ droppedByKernel: 0, droppedByInterface: 0, pcapBytes: planted.bytes, errors: [] },
    tarball: { name: planted.name, bytes: planted.bytes, sha256: planted.sha256 },
    destinations: [{ kind: 'host-path', location: `${DIR}/${planted.name}`, ok: true }],
  };
}

/** Puts a file beside a planted tarball. */
export function plantBeside(planted: Planted, text: string): void {
  writeFileSync(planted.path.replace('.tar.gz', '.json'), text);
}

/** Removes the files of a capture from a node's disk. */
export function uproot(node: NodeName, capture: string, directory = DIR): void {
  const path = onNode(node, directory);
  if (!existsSync(path)) return;
  for (const name of readdirSync(path))
    if (name.startsWith(`${capture}-`)) rmSync(join(path, name), { recursive: true });
}

export function sha256(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

/** Waits until a file has some bytes. */
export function untilSize(path: string, bytes: number): Promise<void> {
  return until(`${path} has ${bytes} bytes`, () => (statSync(path, { throwIfNoEntry: false })?.size ?? 0) >= bytes);
}

/** Processes of this machine, which the nodes' are too, by what their command line and control group must contain. */
function pidsOf(words: readonly string[], cgroup: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        return (
          words.every((word) => command.includes(word)) && readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(cgroup)
        );
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** Kills what runs in the one download pod of a capture: a reader, or its main process and so the pod. */
export async function killInPod(namespace: string, capture: string, verb: 'read' | 'hold'): Promise<void> {
  await killIn(namespace, `retina.sh/download-of=${capture}`, ['node-files', verb]);
}

/** Kills the workload in the one pod of a capture, as the kernel does where memory runs out. */
export async function killWorkload(namespace: string, capture: string): Promise<void> {
  await killIn(namespace, `capture-name=${capture}`, ['workload']);
}

/**
 * Takes memory from the workload in the one pod of a capture, until the kernel kills it for its limit: so many bytes at once,
 * all but a few MiB of that limit, and then ever more, for with a little of it left it would neither run nor be killed.
 */
export async function starveWorkload(namespace: string, capture: string, bytes: number): Promise<void> {
  const pid = await pidIn(namespace, `capture-name=${capture}`, ['workload']);
  const groups = readFileSync(`/proc/${pid}/cgroup`, 'utf8').split('\n');
  const group = groups.map((line) => line.split(':')).find(([, kinds]) => kinds === 'memory' || kinds === '');
  const root = existsSync('/sys/fs/cgroup/memory') ? '/sys/fs/cgroup/memory' : '/sys/fs/cgroup';
  const members = join(root, group?.[2] ?? '', 'cgroup.procs');
  // Pods are killed before what is none, and this one goes by itself.
  const eat = `const fs = require('node:fs');
    fs.writeFileSync(${JSON.stringify(members)}, String(process.pid));
    const taken = [Buffer.alloc(${bytes}, 1)];
    setInterval(() => {
      if (!fs.existsSync('/proc/${pid}')) process.exit();
      taken.push(Buffer.alloc(2 ** 19, 1));
    }, 1000);`;
  await execa(process.execPath, ['-e', eat], { timeout: 120_000 });
}

async function killIn(namespace: string, selector: string, words: readonly string[]): Promise<void> {
  process.kill(await pidIn(namespace, selector, words), 'SIGKILL');
}

/** The one such process in the pods. A child that has just been forked still looks like its parent. */
async function pidIn(namespace: string, selector: string, words: readonly string[]): Promise<number> {
  const pods = await items<{ metadata: { uid: string } }>('pods', '-n', namespace, '-l', selector);
  let pids: number[] = [];
  await until(`there is one process ${words.join(' ')} in the pods of ${selector}`, () => {
    pids = pods.flatMap(({ metadata }) => pidsOf(words, metadata.uid));
    return pids.length === 1;
  });
  return pids[0] ?? 0;
}

/** A proxy to the API server that cuts all its connections each time so many bytes have come through; new ones are taken. */
export async function cuttingProxy(
  server: string,
  { bytes, times }: { bytes: number; times: number },
): Promise<{ flags: string[]; close(): void }> {
  const { hostname, port } = new URL(server);
  const open = new Set<Socket>();
  let [passed, left] = [0, times];
  const count = (chunk: Buffer): void => {
    passed += chunk.length;
    if (passed < bytes || left === 0) return;
    [passed, left] = [0, left - 1];
    for (const socket of open) socket.resetAndDestroy();
  };
  const proxy = createServer((client) => {
    const upstream = dial(Number(port), hostname).on('data', count);
    for (const [from, to] of [[client, upstream] as const, [upstream, client] as const]) {
      open.add(from);
      from
        .on('error', () => undefined)
        .on('close', (failed) => {
          open.delete(from);
          // One that has ended well may have bytes on their way to the other side.
          if (failed) to.destroy();
        });
      from.pipe(to);
    }
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const address = proxy.address() as { port: number };
  return {
    flags: ['--server', `https://127.0.0.1:${address.port}`, '--tls-server-name', 'kubernetes'],
    close: () => proxy.close(),
  };
}
