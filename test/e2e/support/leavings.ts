import assert from 'node:assert/strict';
import { readFileSync, rmSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { auditStarted, type Ran, start } from './cli.ts';
import { filesOn, NODES, type NodeName, objects, onNode, until } from './cluster.ts';
import { packetsIn } from './judge.ts';

/** The directory on the nodes where captures go when nothing else is said. */
export const DIR = '/mnt/retina/captures';

/** The files of a capture on all nodes, hidden and temporary ones too, as `node/name`, sorted. */
export function filesOf(capture: string, directory = DIR): string[] {
  return NODES.flatMap((node) =>
    filesOn(node, directory)
      .filter((name) => name.replace('.retina-', '').startsWith(`${capture}-node`))
      .map((name) => `${node}/${name}`),
  );
}

/** Removes what earlier runs of a test left on the nodes of captures with these names. */
export function forget(...captures: readonly string[]): void {
  for (const file of new Set(captures.flatMap((capture) => filesOf(capture)))) {
    const [node = '', name = ''] = file.split('/');
    rmSync(onNode(node as NodeName, `${DIR}/${name}`), { recursive: true });
  }
}

/** The files that a capture writes now on a node, with their paths from here. */
function unfinished(capture: string, node: NodeName): string[] {
  const [scratch] = filesOn(node, DIR).filter((name) => name.startsWith(`.retina-${capture}-${node}`));
  if (scratch === undefined) return [];
  const bundle = `${DIR}/${scratch}/bundle`;
  return filesOn(node, bundle).map((name) => onNode(node, `${bundle}/${name}`));
}

/** Whether tcpdump has begun to write on a node: a pod that runs may not be so far. */
export function writes(capture: string, node: NodeName): boolean {
  return written(capture, node) > 0;
}

/** Bytes that a capture has written so far on a node. */
export function written(capture: string, node: NodeName): number {
  return unfinished(capture, node).reduce(
    (sum, file) => sum + (statSync(file, { throwIfNoEntry: false })?.size ?? 0),
    0,
  );
}

/** The tarballs of a capture on the nodes. */
export function tarballsOf(capture: string, directory = DIR): { node: NodeName; name: string }[] {
  return filesOf(capture, directory)
    .filter((file) => file.endsWith('.tar.gz'))
    .map((file) => {
      const [node = '', name = ''] = file.split('/');
      return { node: node as NodeName, name };
    });
}

/** Fails unless a capture has left one tarball on each node, with packets that capinfos counts. */
export async function assertBothSaved(capture: string): Promise<void> {
  const tarballs = tarballsOf(capture);
  assert.deepEqual(
    tarballs.map(({ node }) => node),
    [...NODES],
  );
  for (const { node, name } of tarballs) {
    assert.ok((await packetsIn(readFileSync(onNode(node, `${DIR}/${name}`)))) > 0, name);
  }
}

/** Everything that a capture left in the cluster and on the disks of its nodes. */
export async function leavings(namespace: string, capture: string): Promise<string[]> {
  const there = await objects(namespace);
  return [...there.filter((object) => object.split('/').at(-1)?.startsWith(`${capture}-`)), ...filesOf(capture)];
}

/** Download pods and their Jobs in a namespace. */
export async function downloads(namespace: string): Promise<string[]> {
  return (await objects(namespace)).filter((object) => object.includes('-download-'));
}

/** Waits until a namespace has no download pod or Job. */
export function untilNoDownloads(namespace: string, seconds = 30): Promise<void> {
  return until(`no download pod in ${namespace}`, async () => (await downloads(namespace)).length === 0, seconds);
}

/** Fails when packets of a capture that has ended still lie where they were before they were delivered. */
export function assertNoScratch(): void {
  for (const node of NODES)
    assert.deepEqual(
      filesOn(node, '/var/lib/retina').filter((name) => name.startsWith('.')),
      [],
    );
}

/** Whether a file's name is that of a tarball. */
export const isTarball = (name: string): boolean => name.endsWith('.tar.gz');

type Started = ReturnType<typeof start>;

/** Waits until a program that was started has said something on stderr. */
export async function said(process: Started, text: string, seconds = 30): Promise<void> {
  let all = '';
  process.stderr.on('data', (chunk: Buffer) => {
    all += chunk.toString('utf8');
  });
  await until(`it says "${text}"`, () => all.includes(text), seconds);
}

/** How a program ended that was started; one that ended by itself is taken at its word. */
export async function ended(process: Started): Promise<Ran> {
  const began = performance.now();
  const { exitCode, signal, timedOut, stdout, stderr } = await process;
  // A signal that comes before the program listens to it ends it like any other: shells tell 130 for Ctrl-C.
  const code = exitCode ?? (signal !== undefined && !timedOut ? 130 : -1);
  const ran = { code, stdout, stderr, seconds: (performance.now() - began) / 1000 };
  if (exitCode !== undefined) await auditStarted(process, ran);
  return ran;
}

/** Runs a command and sends it a signal after some milliseconds. */
export async function interrupt(
  args: readonly string[],
  milliseconds: number,
  signal: NodeJS.Signals = 'SIGINT',
): Promise<Ran> {
  const process = start(args);
  await sleep(milliseconds);
  process.kill(signal);
  return ended(process);
}
