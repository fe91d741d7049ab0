import { ClusterError } from '../errors.ts';
import type { Job, Secret } from '../kube/cluster.ts';
import { startOf } from './begins.ts';
import { checkDestinations } from './destinations.ts';
import { composeFilter } from './filter.ts';
import { buildJob } from './job.ts';
import { destinationSpecs, nodePlaceFor } from './mounts.ts';
import { captureStem } from './names.ts';
import type { NodeTarget } from './node-targets.ts';
import { locationOf } from './places.ts';
import { requireFewJobs, requireNoLack, shortenedWarning } from './plan-checks.ts';
import type { CaptureRequest, CaptureSettings } from './request.ts';
import { buildSecret } from './secret.ts';
import type { Snapshot } from './snapshot.ts';
import { resolveTargets } from './targets.ts';
import { pktmonFilter, requirePktmonCan, windowsWarnings } from './windows-checks.ts';
import {
  type DestinationSpec,
  type PktmonFilter,
  type StartSpec,
  WORKLOAD_VERSION,
  type WorkloadSpec,
} from './workload-spec.ts';

/** Seconds that the Jobs stay after their end if nobody waits to remove them; as in the reference. */
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
  const begins = run.start?.kind === 'at' ? new Date(run.start.at) : run.startedAt;
  const stored = checkDestinations({ destinations, durationMs, start: begins }, targets.nodes, snapshot);
  const windows = windowsWarnings(targets.nodes, request);
  const warnings = [...targets.warnings, ...windows, ...shortenedWarning(targets.nodes), ...stored];
  const { namespace } = snapshot;
  const start = startOf(run.start, targets.nodes.length);
  const nodes = targets.nodes.map((target) => planNode(request, namespace, target, { ...run, start }));
  const secret = buildSecret({ name, namespace, destinations }, run);
  return { runId: run.id, name, namespace, nodes, secret, warnings };
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
  const job = buildJob(spec, request.job, run);
  return {
    node,
    job: request.cleanup === 'cluster' ? endingJob(job) : job,
    tarball,
    elsewhere,
    filter,
    pods: target.pods,
  };
}

/** The cluster removes the Job, and with its last owner the Secret. */
function endingJob(job: Job): Job {
  const ttlSecondsAfterFinished = job.spec?.ttlSecondsAfterFinished ?? CLEANUP_SECONDS;
  return job.spec === undefined ? job : { ...job, spec: { ...job.spec, ttlSecondsAfterFinished } };
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
