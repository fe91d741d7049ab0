import { requireNames } from '../capture/node-targets.ts';
import { readCaptures } from '../capture/observe.ts';
import { listNames } from '../capture/suggest.ts';
import { ClusterError, UsageError } from '../errors.ts';
import type { Cluster } from '../kube/cluster.ts';
import { parseCaptureName } from './settings-flags.ts';

const HINT = 'The captures there are: kubectl retina capture list';

/** The captures named by arguments and by --name, checked; at least one. */
export function captureNames(args: readonly string[], flag: string | undefined): readonly string[] {
  const names = [...new Set([...args, ...(flag === undefined ? [] : [flag])])];
  if (names.length === 0) {
    throw new UsageError('no capture is named', HINT);
  }
  for (const name of names) {
    // The reference CLI also takes dots: its captures must be found.
    const parsed = parseCaptureName(name.replaceAll('.', '-'));
    if (parsed instanceof Error) throw new UsageError(`"${name}" cannot be the name of a capture`, HINT);
  }
  return names;
}

/** The one capture named by an argument or by --name. */
export function captureName(arg: string | undefined, flag: string | undefined): string {
  const names = captureNames(arg === undefined ? [] : [arg], flag);
  if (names.length > 1) throw new UsageError(`one capture can be named, not ${names.join(' and ')}`, HINT);
  return names[0] ?? '';
}

/** A hint with the captures that there are, for a name that none has. */
export async function capturesThere(cluster: Cluster): Promise<string> {
  const known = (await readCaptures(cluster, { namespace: cluster.namespace })).map((capture) => capture.name);
  const there = known.length > 0 ? listNames(known) : 'none';
  return `Captures in namespace ${cluster.namespace}: ${there}. In all namespaces: kubectl retina capture list -A`;
}

/** The error of a capture that is not there, with those that are; every other error as it is. */
export async function withCapturesThere(error: unknown, cluster: Cluster): Promise<unknown> {
  // The server's refusals have a status, failed connections a cause: what is left is found missing by this program.
  const missing = error instanceof ClusterError && error.status === undefined && error.cause === undefined;
  return missing ? new ClusterError(error.message, { hint: await capturesThere(cluster) }) : error;
}

/** Throws a ClusterError for names of nodes that are not there; whoever may not read nodes is taken at their word. */
export async function requireNodes(cluster: Cluster, names: readonly string[]): Promise<void> {
  const nodes = await cluster.list('nodes', {}).catch((error: unknown) => {
    if (error instanceof ClusterError && error.status === 403) return undefined;
    throw error;
  });
  const known = nodes?.map((node) => node.metadata?.name ?? '');
  if (known !== undefined) requireNames('node', names, known);
}
