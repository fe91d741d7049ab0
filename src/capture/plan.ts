import { ClusterError } from '../errors.ts';
import type { Job, Secret } from '../kube/cluster.ts';
import { startOf } from './begins.ts';
import { checkDestinations } from './destinations.ts';
import type { NodeFact } from './facts.ts';
import { composeFilter } from './filter.ts';
import { buildJob } from './job.ts';
import { destinationSpecs, nodePlaceFor } from './mounts.ts';
import { captureStem } from './names.ts';
import type { NodeTarget } from './node-targets.ts';
import { locationOf } from './places.ts';
import {
  neverPulledWarning,
  pressureWarnings,
  pullWarnings,
  requireFewJobs,
  requireNoLack,
  shortenedWarning,
} from './plan-checks.ts';
import type { CaptureRequest, CaptureSettings } from './request.ts';
import { buildSecret } from './secret.ts';
import type { Snapshot } from './snapshot.ts';
import { resolveTargets } from './targets.ts';
import { pktmonFilter, requirePktmonCan, windowsWarnings } from './windows-checks.ts';
import type { DestinationSpec, PktmonFilter, StartSpec, WorkloadSpec } from './workload-spec.ts';
import { WORKLOAD_VERSION } from './workload-words.ts';

/** Seconds that the Jobs stay after their end where nobody waits to clean up; as in the reference. */
const CLEANUP_SECONDS = 300;
/** Bytes of one argument of a program on Linux (MAX_ARG_STRLEN, without its last). */
const MAX_FILTER = 128 * 1024 - 1;

/** What a capture will do on one node; `elsewhere` is where the tarball goes besides `tarball`. */
export type PlannedNode = {
  node: string;
  job: Job;
  tarball: string;
  elsewhere: readonly string[];
  filter: string;
  pods: readonly string[];
};

/** One run of `create`: the start time names the files, the id marks its Jobs; `start` is absent where they begin at once. */
export type Run = { id: string; startedAt: Date; start?: StartSpec | undefined };

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
  requirePktmonCan(targets.nodes, request);
  requireFewJobs(targets.nodes.length, request.job.maxJobs);
  const { name, destinations, durationMs } = request;
  const stored = checkDestinations({ destinations, durationMs, start: firstInstant(run) }, targets.nodes, snapshot);
  const warnings = [...targets.warnings, ...nodeWarnings(targets.nodes, request, snapshot.nodes), ...stored];
  const { job } = request;
  const pulled = [...pullWarnings(job, snapshot), ...neverPulledWarning(job, snapshot, targets.nodes)];
  const { namespace } = snapshot;
  const nodes = planNodes(request, namespace, targets.nodes, run);
  const secret = buildSecret({ name, namespace, destinations }, run);
  return { runId: run.id, name, namespace, nodes, secret, warnings: [...warnings, ...pulled] };
}

/** When the capture of a run begins, as far as it is known. */
export function firstInstant({ start, startedAt }: Run): Date {
  return start?.kind === 'at' ? new Date(start.at) : startedAt;
}

/** What should be known of the nodes that a capture is on. */
export function nodeWarnings(
  targets: readonly NodeTarget[],
  request: CaptureSettings,
  nodes: readonly NodeFact[] | undefined,
): string[] {
  return [
    ...windowsWarnings(targets, request),
    ...shortenedWarning(targets),
    ...pressureWarnings(targets, nodes ?? []),
  ];
}

/** What a capture does on each of its nodes. Throws a ClusterError where a filter is too long. */
export function planNodes(
  request: CaptureRequest,
  namespace: string,
  targets: readonly NodeTarget[],
  run: Run,
): PlannedNode[] {
  const start = startOf(run.start, targets.length);
  return targets.map((target) => planNode(request, namespace, target, { ...run, start }));
}

function planNode(request: CaptureRequest, namespace: string, target: NodeTarget, run: Run): PlannedNode {
  const { node } = target;
  const pktmon = target.os === 'windows' ? pktmonFilter(target, request) : null;
  const filter = pktmon === null ? composeFilter(target.addresses, request.filter) : '';
  if (Buffer.byteLength(filter) > MAX_FILTER) {
    throw new ClusterError(`the filter for ${node} is too long: ${Buffer.byteLength(filter)} bytes`, {
      hint: `A command takes ${MAX_FILTER} bytes: name fewer pods, or networks in place of addresses.`,
    });
  }
  const destinations = destinationSpecs(request, run);
  const { uploadTimeoutMs } = request;
  const copied = destinations.some(({ kind }) => kind === 'host-path') && destinations.length > 1;
  const removeCopy = request.cleanup !== null && copied;
  const delivery = { destinations, uploadTimeoutMs, removeCopy };
  const place = { namespace, node, filter, pktmon, ...delivery, now: run.startedAt, start: run.start };
  const spec = workloadSpec(request, place);
  const [tarball = '', ...elsewhere] = destinations.map((destination) => locationOf(destination, spec.stem));
  const { ttlSeconds = request.cleanup === 'cluster' ? CLEANUP_SECONDS : undefined } = request.job;
  return {
    node,
    job: buildJob(spec, { ...request.job, ttlSeconds }, run),
    tarball,
    elsewhere,
    filter,
    pods: target.pods,
  };
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
    uploadTimeoutMs: number | null;
    removeCopy?: boolean;
    now: Date;
    start?: StartSpec | undefined;
  },
): WorkloadSpec {
  const nodePlace = nodePlaceFor(place.destinations);
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
    minFree: settings.minFree,
    uploadTimeoutMs: place.uploadTimeoutMs,
    destinations: [...place.destinations],
    ...(nodePlace === undefined ? {} : { nodePlace }),
    ...(place.removeCopy === true ? { removeCopy: true } : {}),
    ...(place.start === undefined ? {} : { start: place.start }),
  };
}
