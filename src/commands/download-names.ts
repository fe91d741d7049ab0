import { join } from 'node:path';
import { readCaptures } from '../capture/observe.ts';
import { CaptureError, UsageError } from '../errors.ts';
import type { Cluster } from '../kube/cluster.ts';
import { captureNames, requireNodes } from './name-argument.ts';

export type NameFlags = { name?: string; all?: boolean; allNamespaces?: boolean };

/** A capture to download, where it is looked for and where it goes. */
export type Wanted = {
  /** Its namespace is that of the capture. */
  cluster: Cluster;
  capture: string;
  /** What it is called where there are several. */
  label: string;
  directory: string;
  /** Only these nodes; undefined for all. */
  nodes: readonly string[] | undefined;
};

/** The captures that a command line names; undefined for all of them. */
export function downloadNames(args: readonly string[], flags: NameFlags): readonly string[] | undefined {
  if (flags.all !== true) {
    if (flags.allNamespaces !== true) return captureNames(args, flags.name);
    throw new UsageError('-A goes with --all', 'The namespace of a capture that is named is given with -n.');
  }
  if (args.length === 0 && flags.name === undefined) return undefined;
  throw new UsageError(
    '--all is every capture of the namespace, so it takes no names',
    'Leave out --all, or the names. What there is: kubectl retina capture list',
  );
}

type Where = { names: readonly string[] | undefined; output: string; nodes: readonly string[] | undefined };

/** The captures that are named, or all that there are; those of all namespaces go into a directory for each. */
export async function wantedCaptures(cluster: Cluster, flags: NameFlags, where: Where): Promise<Wanted[]> {
  const { names, output, nodes } = where;
  if (names !== undefined) {
    return names.map((capture) => ({ cluster, capture, label: capture, directory: join(output, capture), nodes }));
  }
  if (nodes !== undefined) await requireNodes(cluster, nodes);
  const everywhere = flags.allNamespaces === true;
  const captures = await readCaptures(cluster, { namespace: everywhere ? undefined : cluster.namespace });
  return captures.flatMap(({ name, namespace, nodes: itsNodes }) => {
    const there = nodes?.filter((node) => itsNodes.some((its) => its.node === node));
    const wanted: Wanted = {
      cluster: cluster.withNamespace(namespace),
      capture: name,
      label: everywhere ? `${namespace}/${name}` : name,
      directory: join(output, ...(everywhere ? [namespace, name] : [name]).map(asDirectory)),
      nodes: there,
    };
    return there?.length === 0 ? [] : [wanted];
  });
}

/** What a cluster calls a capture or a namespace becomes a directory here: labels have no slash, and begin with no dot. */
function asDirectory(name: string): string {
  if (/^(?:[A-Za-z0-9][\w.-]*)?$/.test(name)) return name;
  throw new CaptureError(`the cluster tells of a capture whose place would be ${JSON.stringify(name)}`, {
    hint: 'That can be no label of Kubernetes: is the server of the context right?',
  });
}
