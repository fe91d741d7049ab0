import { tarballName } from '../capture/names.ts';
import type { CaptureState, CaptureSummary, NodeStatus, Phase } from '../capture/status.ts';
import type { StopReason } from '../capture/workload-spec.ts';

/** The version of the shapes below; docs/schema describes them, and docs/adr/0018 says what may change within it. */
export const API_VERSION = 'cli.retina.sh/v1alpha1';

/** One capture as scripts read it. Every field is always there; null is what is not known, or not known yet. */
export type CaptureDocument = {
  name: string;
  /** Null in a store: there, it is not known any more. */
  namespace: string | null;
  state: ShownState;
  /** ISO 8601, as all times. */
  createdAt: string;
  /** When the first node began to capture, and the last one had ended. */
  startedAt: string | null;
  endedAt: string | null;
  nodesTotal: number;
  nodesCompleted: number;
  nodesFailed: number;
  /** Sums over the nodes that have told; bytes are those of the tarballs. */
  packets: number | null;
  droppedByKernel: number | null;
  droppedByInterface: number | null;
  bytes: number | null;
  labels: Readonly<Record<string, string>>;
  nodes: readonly NodeDocument[];
};

export type NodeDocument = {
  node: string;
  /** Null in a store. */
  job: string | null;
  pod: string | null;
  phase: Phase;
  problem: string | null;
  hint: string | null;
  stopReason: StopReason | null;
  /** Who ended its pod from outside, in words. */
  endedBy: string | null;
  /** Seconds that the node's clock is ahead of the control plane's; null where they agree, or nothing is known. */
  clockOffset: number | null;
  /** The instant at which it begins, or was to; null for at once, and while nobody has named one. */
  startAt: string | null;
  startedAt: string | null;
  endedAt: string | null;
  packets: number | null;
  droppedByKernel: number | null;
  droppedByInterface: number | null;
  /** BPF text; empty for every packet, null for captures of other tools. */
  filter: string | null;
  hostPath: string | null;
  /** The file's name, known before there is a file. */
  tarball: string | null;
  bytes: number | null;
  sha256: string | null;
  destinations: readonly { kind: string; location: string; ok: boolean; error: string | null }[];
};

/** `Deleted` is told by --watch alone, of a capture that has gone. */
export type ShownState = CaptureState | 'Deleted';
/** A capture as it is shown: what the cluster tells, or the last that it told of one that has gone. */
export type ShownCapture = Omit<CaptureSummary, 'state'> & { state: ShownState };

/** The fields of a capture, to check what was asked for. */
export const CAPTURE_FIELDS: Readonly<Record<keyof CaptureDocument, true>> = {
  ...{ name: true, namespace: true, state: true, createdAt: true, startedAt: true, endedAt: true },
  ...{ nodesTotal: true, nodesCompleted: true, nodesFailed: true },
  ...{ packets: true, droppedByKernel: true, droppedByInterface: true, bytes: true, labels: true, nodes: true },
};

/** A capture with all that is known of it. */
export function toDocument(capture: ShownCapture): CaptureDocument {
  const nodes = capture.nodes.map(toNodeDocument);
  const ended = nodes.flatMap(({ endedAt }) => (endedAt === null ? [] : [endedAt])).sort();
  const started = nodes.flatMap(({ startedAt }) => (startedAt === null ? [] : [startedAt])).sort();
  return {
    name: capture.name,
    namespace: capture.namespace || null,
    state: capture.state,
    createdAt: capture.createdAt.toISOString(),
    startedAt: started[0] ?? null,
    endedAt: ended.length === nodes.length ? (ended.at(-1) ?? null) : null,
    nodesTotal: nodes.length,
    nodesCompleted: nodes.filter(({ phase }) => phase === 'completed').length,
    nodesFailed: nodes.filter(({ phase }) => phase === 'failed').length,
    packets: sum(nodes, 'packets'),
    droppedByKernel: sum(nodes, 'droppedByKernel'),
    droppedByInterface: sum(nodes, 'droppedByInterface'),
    bytes: sum(nodes, 'bytes'),
    labels: capture.labels,
    nodes,
  };
}

function toNodeDocument(node: NodeStatus): NodeDocument {
  const { result } = node;
  return {
    node: node.node,
    job: node.job || null,
    pod: node.pod ?? null,
    phase: node.phase,
    problem: node.problem ?? null,
    hint: node.hint ?? null,
    stopReason: result?.stopReason ?? null,
    endedBy: node.endedBy ?? null,
    clockOffset: node.clockOffsetMs === undefined ? null : Math.round(node.clockOffsetMs / 1000),
    startAt: node.begins instanceof Date ? node.begins.toISOString() : null,
    startedAt: result?.startedAt ?? null,
    endedAt: result?.endedAt ?? null,
    packets: result?.packets ?? null,
    droppedByKernel: result?.droppedByKernel ?? null,
    droppedByInterface: result?.droppedByInterface ?? null,
    filter: node.filter ?? null,
    hostPath: node.hostPath ?? null,
    tarball: result?.tarball?.name ?? (node.stem === undefined ? null : tarballName(node.stem)),
    bytes: result?.tarball?.bytes ?? null,
    sha256: result?.tarball?.sha256 ?? null,
    destinations: (result?.destinations ?? [])
      .filter(({ removed }) => removed !== true)
      .map(({ kind, location, ok, error = null }) => ({ kind, location, ok, error })),
  };
}

type Counted = 'packets' | 'droppedByKernel' | 'droppedByInterface' | 'bytes';

function sum(nodes: readonly NodeDocument[], field: Counted): number | null {
  const known = nodes.flatMap((node) => node[field] ?? []);
  return known.length === 0 ? null : known.reduce((total, value) => total + value, 0);
}

/** One capture as a document of its own. */
export function statusDocument(capture: ShownCapture) {
  return { apiVersion: API_VERSION, kind: 'CaptureStatus', ...toDocument(capture) };
}

/** Captures as one document. */
export function listDocument(captures: readonly ShownCapture[]) {
  return { apiVersion: API_VERSION, kind: 'CaptureStatusList', items: captures.map(toDocument) };
}
