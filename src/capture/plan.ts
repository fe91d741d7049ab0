import { ClusterError } from '../errors.ts';
import type { Job, Secret } from '../kube/cluster.ts';
import { composeFilter } from './filter.ts';
import { buildJob } from './job.ts';
import { captureStem, tarballName } from './names.ts';
import type { CaptureRequest, CaptureSettings, Destination } from './request.ts';
import type { Snapshot } from './snapshot.ts';
import { type NodeTarget, resolveTargets } from './targets.ts';
import { type DestinationSpec, WORKLOAD_VERSION, type WorkloadSpec } from './workload-spec.ts';

/** Where the pod sees the node's directory. */
const HOST_PATH_MOUNT = '/output/host-path';

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
  const targets = resolveTargets(request.target, snapshot);
  const nodes = targets.nodes.map((target) => planNode(request, snapshot.namespace, target, run));
  return {
    runId: run.id,
    name: request.name,
    namespace: snapshot.namespace,
    nodes,
    secret: undefined,
    warnings: targets.warnings,
  };
}

function planNode(request: CaptureRequest, namespace: string, target: NodeTarget, run: Run): PlannedNode {
  const filter = composeFilter(target.addresses, request.filter);
  const destinations = request.destinations.map(mountedDestination);
  const spec = workloadSpec(request, { namespace, node: target.node, filter, destinations, now: run.startedAt });
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
  place: { namespace: string; node: string; filter: string; destinations: readonly DestinationSpec[]; now: Date },
): WorkloadSpec {
  return {
    version: WORKLOAD_VERSION,
    capture: settings.name,
    namespace: place.namespace,
    node: place.node,
    stem: captureStem(settings.name, place.node, place.now),
    interfaces: [...settings.interfaces],
    tool: 'tcpdump',
    filter: place.filter,
    pktmon: null,
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
