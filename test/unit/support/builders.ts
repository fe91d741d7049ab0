import type { NodeFact, PodFact } from '../../../src/capture/facts.ts';
import { captureLabels } from '../../../src/capture/names.ts';
import type { CaptureRequest, FilterModel, NodePath } from '../../../src/capture/request.ts';
import { type LabelSelector, parseSelector } from '../../../src/capture/selector.ts';
import type { Snapshot } from '../../../src/capture/snapshot.ts';
import { WORKLOAD_VERSION, type WorkloadResult, type WorkloadSpec } from '../../../src/capture/workload-spec.ts';
import type { Job, Pod } from '../../../src/kube/cluster.ts';

/** The start of every capture in these tests. */
export const START = new Date('2026-11-21T10:15:00.789Z');

/** A selector that is known to be right. */
export function selector(text: string): LabelSelector {
  const parsed = parseSelector(text);
  if (parsed instanceof Error) throw parsed;
  return parsed;
}

/** A node that is Ready and runs Linux. */
export function node(name: string, extra: Partial<NodeFact> = {}): NodeFact {
  const fine = { ready: true, cordoned: false, pressures: [], images: undefined };
  return { name, os: 'linux', ...fine, labels: {}, ...extra };
}

/** A running pod with an address. */
export function pod(name: string, extra: Partial<PodFact> = {}): PodFact {
  const place = {
    namespace: 'shop',
    node: 'node1',
    os: undefined,
    phase: 'Running',
    ending: false,
    hostNetwork: false,
  };
  return { name, ...place, addresses: ['10.244.1.7'], labels: {}, ...extra };
}

/** A cluster of two nodes without pods. */
export function snapshot(extra: Partial<Snapshot> = {}): Snapshot {
  const storage = { claims: undefined, secrets: undefined };
  const none = { pods: [], searched: [], objects: [], others: {}, lacks: [], sameName: [], storage };
  return { namespace: 'shop', nodes: [node('node1'), node('node2')], ...none, ...extra };
}

/** A filter that lets every packet through, but for what is given. */
export function filterModel(extra: Partial<FilterModel> = {}): FilterModel {
  return { include: [], exclude: [], expression: '', sources: [], destinations: [], ...extra };
}

const MIN_FREE = { amount: 10, unit: 'percent' } as const;
const UNLIMITED = { packetCount: null, fileCount: null, promiscuous: true, packetBuffered: false, immediate: false };

/** An order for a capture of all Linux nodes. */
export function request(extra: Partial<CaptureRequest> = {}): CaptureRequest {
  return {
    ...{ name: 'web', filter: filterModel(), interfaces: ['any'], snapLength: 0, durationMs: 60_000 },
    ...{ ...UNLIMITED, maxBytes: 100_000_000, listing: null },
    ...{ minFree: MIN_FREE, uploadTimeoutMs: 600_000 },
    ...{ includeMetadata: true, target: { kind: 'nodes', selector: selector('kubernetes.io/os=linux') } },
    destinations: [{ kind: 'host-path', path: '/mnt/retina/captures' as NodePath }],
    cleanup: null,
    start: null,
    job: {
      image: 'registry.example/capture:v1',
      imagePullPolicy: 'IfNotPresent',
      imagePullSecrets: [],
      ...{ serviceAccount: undefined, priorityClass: undefined, maxJobs: null, ttlSeconds: undefined },
      cpuLimit: undefined,
      memoryLimit: undefined,
    },
    ...extra,
  };
}

/** What a pod that captured on node1 tells at its end. */
export function result(extra: Partial<WorkloadResult> = {}): WorkloadResult {
  const tarball = { name: 'web-node1.tar.gz', bytes: 2_400_000, sha256: 'ab'.repeat(32) };
  return {
    ...{ version: WORKLOAD_VERSION, capture: 'web', node: 'node1', stopReason: 'duration', tarball },
    ...{ startedAt: '2026-11-21T10:15:01Z', endedAt: '2026-11-21T10:16:01Z' },
    ...{ packets: 12_408, droppedByKernel: 0, droppedByInterface: 0, pcapBytes: 9_800_000 },
    destinations: [{ kind: 'host-path', location: '/mnt/retina/captures/web-node1.tar.gz', ok: true }],
    errors: [],
    ...extra,
  };
}

/** Instructions for node1. */
export function spec(extra: Partial<WorkloadSpec> = {}): WorkloadSpec {
  return {
    ...{
      version: WORKLOAD_VERSION,
      capture: 'web',
      namespace: 'shop',
      node: 'node1',
      stem: 'web-node1-20261121101500UTC',
    },
    ...{ interfaces: ['any'], tool: 'tcpdump', filter: '', pktmon: null, snapLength: 0, durationMs: 60_000 },
    ...{ ...UNLIMITED, maxBytes: 100_000_000, listing: null },
    includeMetadata: true,
    minFree: MIN_FREE,
    uploadTimeoutMs: 600_000,
    destinations: [{ kind: 'host-path', path: '/mnt/retina/captures', directory: '/output/host-path' }],
    ...extra,
  };
}

type Condition = { type: string; reason?: string; message?: string; lastTransitionTime?: string };

/** A capture's Job as the API server shows it. */
export function jobOf(
  nodeName: string,
  extra: { capture?: string; condition?: Condition; createdAt?: string } = {},
): Job {
  const { capture = 'web', condition, createdAt = '2026-11-21T10:15:00Z' } = extra;
  return {
    metadata: {
      ...{
        name: `${capture}-${nodeName}`,
        namespace: 'shop',
        uid: `${capture}/${nodeName}`,
        creationTimestamp: createdAt,
      },
      ...{ labels: captureLabels(capture), annotations: { 'retina.sh/node': nodeName } },
    },
    ...(condition === undefined ? {} : { status: { conditions: [{ status: 'True', ...condition }] } }),
  };
}

type State = NonNullable<NonNullable<NonNullable<Pod['status']>['containerStatuses']>[number]['state']>;

/** The pod of a Job; its one container is in this state. */
export function podOf(job: Job, state: State | undefined, extra: Pod['status'] = {}): Pod {
  const container = { name: 'capture', image: 'i', imageID: '', ready: false, restartCount: 0 };
  const nodeName = job.metadata?.annotations?.['retina.sh/node'] ?? '';
  return {
    metadata: {
      ...{ name: `${job.metadata?.name}-x`, namespace: 'shop', creationTimestamp: '2026-11-21T10:15:01Z' },
      ownerReferences: [{ apiVersion: 'batch/v1', kind: 'Job', name: '', uid: job.metadata?.uid ?? '' }],
    },
    spec: { nodeName, containers: [] },
    status: {
      ...{ phase: 'Running' },
      ...(state === undefined ? {} : { containerStatuses: [{ ...container, state }] }),
      ...extra,
    },
  };
}
