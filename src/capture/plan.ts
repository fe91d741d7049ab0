import { ClusterError } from '../errors.ts';
import type { Job, Secret } from '../kube/cluster.ts';
import { composeFilter, isShortened } from './filter.ts';
import { buildJob } from './job.ts';
import { captureStem, tarballName } from './names.ts';
import type { NodeTarget } from './node-targets.ts';
import type { CaptureRequest, CaptureSettings, Destination, FilterModel } from './request.ts';
import type { Snapshot } from './snapshot.ts';
import { listNames, nearest } from './suggest.ts';
import { resolveTargets } from './targets.ts';
import { type DestinationSpec, type PktmonFilter, WORKLOAD_VERSION, type WorkloadSpec } from './workload-spec.ts';

/** Where the pod sees the node's directory. */
const HOST_PATH_MOUNT = '/output/host-path';

/** Bytes of one argument of a program on Linux (MAX_ARG_STRLEN, without its last). */
const MAX_FILTER = 128 * 1024 - 1;

/** What a capture will do on one node. */
export type PlannedNode = { node: string; job: Job; tarball: string; filter: string; pods: readonly string[] };

/** One run of `create`: the start time names the files, the id marks its Jobs. */
export type Run = { id: string; startedAt: Date };

export type CapturePlan = {
  readonly runId: string;
  readonly name: string;
  readonly namespace: string;
  /** Sorted by node. */
  readonly nodes: readonly PlannedNode[];
  /** The capture's own Secret; undefined where no credential was given. */
  readonly secret: Secret | undefined;
  readonly warnings: readonly string[];
};

/** Everything that a capture will create, decided without touching anything: the same input gives the same bytes. */
export function planCapture(request: CaptureRequest, snapshot: Snapshot, run: Run): CapturePlan {
  if (snapshot.sameName.length > 0) {
    throw new ClusterError(`there is already a capture ${request.name} in namespace ${snapshot.namespace}`, {
      hint: `Choose another --name, or remove it: kubectl retina capture delete ${request.name} -n ${snapshot.namespace}`,
    });
  }
  requireNoLack(snapshot);
  const targets = resolveTargets(request.target, snapshot);
  requireNoExpression(targets.nodes, request.filter.expression);
  requireFewJobs(targets.nodes.length, request.job.maxJobs);
  const nodes = targets.nodes.map((target) => planNode(request, snapshot.namespace, target, run));
  const warnings = [...targets.warnings, ...shortenedWarning(targets.nodes)];
  const secret = undefined;
  return { runId: run.id, name: request.name, namespace: snapshot.namespace, nodes, secret, warnings };
}

function shortenedWarning(nodes: readonly NodeTarget[]): string[] {
  const shortened = nodes.filter(({ addresses }) => isShortened(addresses)).map(({ node }) => node);
  if (shortened.length === 0) return [];
  return [`many pods on ${listNames(shortened)}: ARP and neighbour discovery of all addresses there are captured`];
}

function requireNoLack({ lacks, namespace }: Snapshot): void {
  const [lack] = lacks;
  if (lack === undefined) return;
  const { what, name, instead } = lack;
  const place = what === 'service account' ? ` in namespace ${namespace}` : '';
  const meant = nearest(name, instead);
  throw new ClusterError(`there is no ${what} ${name}${place}: no pod of the capture could be created`, {
    hint: `There: ${listNames(instead) || 'none'}${meant === undefined ? '' : `\nDid you mean: ${meant}`}`,
  });
}

function requireFewJobs(needed: number, limit: number | null): void {
  if (limit === null || needed <= limit) return;
  throw new ClusterError(`this capture needs ${needed} Jobs, one for each node; --job-num-limit allows ${limit}`, {
    hint: 'Aim at fewer nodes or pods, or raise the limit: nothing was created.',
  });
}

/** pktmon knows no BPF: an expression would be left out in silence, and the capture be wider than it was told to be. */
function requireNoExpression(nodes: readonly NodeTarget[], expression: string): void {
  const windows = nodes.filter(({ os }) => os === 'windows').map(({ node }) => node);
  if (windows.length === 0 || expression === '') return;
  throw new ClusterError(
    `--pcap-filter cannot be used on Windows nodes, whose pktmon knows no BPF: ${listNames(windows)}`,
    {
      hint: 'Use --include-filter, --exclude-filter, --source-ips, --destination-ips, or leave those nodes out.',
    },
  );
}

function pktmonFilter(
  { addresses }: NodeTarget,
  { include, exclude, sources, destinations }: FilterModel,
): PktmonFilter {
  return {
    pods: [...addresses],
    include: [...include],
    exclude: [...exclude],
    sources: [...sources],
    destinations: [...destinations],
  };
}

function planNode(request: CaptureRequest, namespace: string, target: NodeTarget, run: Run): PlannedNode {
  const pktmon = target.os === 'windows' ? pktmonFilter(target, request.filter) : null;
  const filter = pktmon === null ? composeFilter(target.addresses, request.filter) : '';
  if (Buffer.byteLength(filter) > MAX_FILTER) {
    throw new ClusterError(`the filter for ${target.node} is too long: ${Buffer.byteLength(filter)} bytes`, {
      hint: `A command takes ${MAX_FILTER} bytes: name fewer pods, or networks in place of addresses.`,
    });
  }
  const destinations = request.destinations.map(mountedDestination);
  const spec = workloadSpec(request, {
    namespace,
    node: target.node,
    filter,
    pktmon,
    destinations,
    now: run.startedAt,
  });
  return {
    node: target.node,
    job: buildJob(spec, request.job, run),
    tarball: `${request.destinations[0]?.path}/${tarballName(spec.stem)}`,
    filter,
    pods: target.pods,
  };
}

function mountedDestination(destination: Destination): DestinationSpec {
  return { kind: destination.kind, path: destination.path, directory: HOST_PATH_MOUNT };
}

/** The workload's instructions on one machine: a node, or this one for a local capture. */
export function workloadSpec(
  settings: CaptureSettings,
  place: {
    namespace: string;
    node: string;
    filter: string;
    pktmon: PktmonFilter | null;
    destinations: readonly DestinationSpec[];
    now: Date;
  },
): WorkloadSpec {
  return {
    version: WORKLOAD_VERSION,
    capture: settings.name,
    namespace: place.namespace,
    node: place.node,
    stem: captureStem(settings.name, place.node, place.now),
    interfaces: [...settings.interfaces],
    tool: place.pktmon === null ? 'tcpdump' : 'pktmon',
    filter: place.filter,
    pktmon: place.pktmon,
    snapLength: settings.snapLength,
    durationMs: settings.durationMs,
    maxBytes: settings.maxBytes,
    packetCount: settings.packetCount,
    fileCount: settings.fileCount,
    promiscuous: settings.promiscuous,
    packetBuffered: settings.packetBuffered,
    immediate: settings.immediate,
    listing: settings.listing,
    includeMetadata: settings.includeMetadata,
    destinations: [...place.destinations],
  };
}
