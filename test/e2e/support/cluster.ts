import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { note } from './finding.ts';

export const STATE = process.env.RETINA_TESTCLUSTER ?? '/tmp/retina-testcluster';
export const SCRIPTS = join(import.meta.dirname, '../../cluster');
/** The program; measurements that are started one by one name none. */
export const CLI = process.env.RETINA_CLI ?? join(SCRIPTS, '../../dist/kubectl-retina');
export const NODES = ['node1', 'node2'] as const;
export type NodeName = (typeof NODES)[number];

/** Runs kubectl and returns what it printed. */
export async function kubectl(...args: readonly string[]): Promise<string> {
  return (await execa('kubectl', args)).stdout;
}

/** Applies manifests. */
export async function apply(...objects: readonly object[]): Promise<void> {
  const list = { apiVersion: 'v1', kind: 'List', items: objects };
  await execa('kubectl', ['apply', '-f', '-'], { input: JSON.stringify(list) });
}

/** What kubectl gives as JSON: a list's items. */
export async function items<T = Record<string, unknown>>(...args: readonly string[]): Promise<T[]> {
  return (JSON.parse(await kubectl('get', ...args, '-o', 'json')) as { items: T[] }).items;
}

/** Makes a namespace that is there for one test file, once all nodes are Ready; call the returned function at its end. */
export async function namespace(name: string): Promise<() => Promise<void>> {
  await nodesReady();
  await kubectl('delete', 'namespace', name, '--ignore-not-found');
  await kubectl('create', 'namespace', name);
  // Without it no pod may be made; controllers that have lost the API server for a while make it a minute later.
  const account = ['serviceaccount', 'default', '-n', name, '--ignore-not-found', '-o', 'name'];
  await until('the controllers work', async () => (await kubectl('get', ...account)) !== '', 180);
  return async () => {
    const left = await sweep(name);
    await kubectl('delete', 'namespace', name, '--wait=false');
    if (left.length > 0) throw new Error(`left in namespace ${name} by all that was done there: ${left.join(', ')}`);
  };
}

/** What uploads leave for some minutes, so that their results can be read; it goes by itself. */
const UPLOAD = /-upload-/;

/** What is left in a namespace of a test file once its captures are deleted and its helpers have had the time to go; it counts. */
async function sweep(name: string): Promise<string[]> {
  let left = await objects(name);
  if (left.length === 0) return [];
  await execa(CLI, ['capture', 'delete', '--all', '-n', name], { reject: false });
  const gone = async (): Promise<boolean> => {
    left = (await objects(name)).filter((object) => !UPLOAD.test(object));
    return left.length === 0;
  };
  // A download pod that has lost its command ends after a minute.
  await until('nothing is left', gone, 90).catch(() => undefined);
  note({ saved: 0, false: [], unseen: [], ends: 1, left });
  return left;
}

/** Waits for nodes that a test before has cut off, or whose API server it has stopped for longer than leases hold. */
export async function nodesReady(): Promise<void> {
  await kubectl('wait', 'nodes', ...NODES, '--for=condition=Ready', '--timeout=120s');
}

/** The path from here of a directory on a node's own disk. */
export function onNode(node: NodeName, path: string): string {
  return join(STATE, 'nodes', node, path);
}

/** Names in a directory of a node, sorted; none when there is no directory. */
export function filesOn(node: NodeName, path: string): string[] {
  try {
    return readdirSync(onNode(node, path)).sort();
  } catch {
    return [];
  }
}

/**
 * Polls until something holds; fails with `what` when it does not in time. The time is for a slow machine: what the program
 * promises in seconds is measured by itself.
 */
export async function until(what: string, holds: () => boolean | Promise<boolean>, seconds = 60): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`after ${seconds} s still not so: ${what}`);
    await sleep(100);
  }
}

type Named = { kind: string; metadata: { name: string; namespace: string; labels?: Record<string, string> } };

/** Every Job, pod and Secret of this program, in all namespaces, as `kind/namespace/name`. */
export async function objects(inNamespace?: string): Promise<string[]> {
  const scope = inNamespace === undefined ? ['-A'] : ['-n', inNamespace];
  const all = await items<Named>('jobs,pods,secrets', ...scope);
  return all
    .filter((object) => object.metadata.labels?.['retina.sh/app'] !== undefined)
    .map((object) => `${object.kind}/${object.metadata.namespace}/${object.metadata.name}`)
    .sort();
}
