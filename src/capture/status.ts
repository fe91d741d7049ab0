import { posix } from 'node:path';
import type { Job, KubeEvent, Pod } from '../kube/cluster.ts';
import { type Begins, beginsOf, isAhead, isReady } from './begins.ts';
import { clockOffset } from './clock.ts';
import {
  ANNOTATION_FILENAME,
  ANNOTATION_HOST_PATH,
  ANNOTATION_WORKLOAD,
  CONTAINER_CAPTURE,
  LABEL_CAPTURE,
  scratchName,
} from './names.ts';
import { nodeOfJob } from './node-of-job.ts';
import { tellNode } from './node-tells.ts';
import { oneLine, plainText } from './plain-text.ts';
import type { Health, Phase, Seen } from './told.ts';
import {
  type DestinationSpec,
  decodeSpec,
  filterOfSpec,
  type StopReason,
  type WorkloadResult,
  type WorkloadSpec,
} from './workload-spec.ts';

export type { Phase };

/** One capture on one node, read from its Job and pod. */
export type NodeStatus = {
  node: string;
  job: string;
  pod: string | undefined;
  phase: Phase;
  /** Why it waits or failed, in words. */
  problem: string | undefined;
  hint: string | undefined;
  /** Who ended its pod from outside (an eviction, a deletion), in words; undefined where nobody did, or it is not known. */
  endedBy: string | undefined;
  /** Undefined while it runs, and for captures of other tools. */
  result: WorkloadResult | undefined;
  hostPath: string | undefined;
  stem: string | undefined;
  /** BPF text; undefined for the captures of other tools. */
  filter: string | undefined;
  /** Where its tarball goes; empty for captures of other tools. */
  destinations: readonly DestinationSpec[];
  /** What its pod runs, so that a download pod can run the same; undefined for captures of other tools. */
  image: PodImage | undefined;
  /** The service account of its pod, by which it may be known to a store; undefined for the namespace's own. */
  serviceAccount: string | undefined;
  /** When it begins, or was to. */
  begins: Begins;
  /** Whether its pod listens, or waits for that instant. */
  ready: boolean;
  /** Failed before it began, and yet begins if the reason goes away: an image appears, a quota is raised. */
  mayStart: boolean;
  /** Directories on the node where packets may lie that were not delivered; empty for captures of other tools. */
  scratchPlaces: readonly string[];
  /** Milliseconds that the node's clock is ahead of the control plane's; undefined while they agree, or nothing is known. */
  clockOffsetMs: number | undefined;
};

/** An image, and how the kubelet gets it. */
export type PodImage = { image: string; imagePullPolicy: string; imagePullSecrets: readonly string[] };

export type CaptureState = 'Pending' | 'Capturing' | 'Completed' | 'Failed';

export type CaptureSummary = {
  name: string;
  namespace: string;
  createdAt: Date;
  state: CaptureState;
  /** Whether it is being deleted: its pods may be gone already, and what they told with them. */
  ending: boolean;
  /** Those of its Jobs. */
  labels: Readonly<Record<string, string>>;
  /** Sorted by name. */
  nodes: readonly NodeStatus[];
};

/** Events and nodes are looked at only where something is stuck. */
export type Observed = {
  jobs: readonly Job[];
  pods: readonly Pod[];
  events: readonly KubeEvent[];
  nodes?: Health | undefined;
};

/** The captures that Jobs and pods tell of at a time, sorted by namespace and name. */
export function summarize(observed: Observed, now: Date): CaptureSummary[] {
  const podsOf = Map.groupBy(observed.pods, (pod) => pod.metadata?.ownerReferences?.find((o) => o.kind === 'Job')?.uid);
  const eventsOf = eventsByJob(observed);
  const groups = Map.groupBy(
    observed.jobs,
    (job) => `${job.metadata?.namespace}/${job.metadata?.labels?.[LABEL_CAPTURE] ?? ''}`,
  );
  const summaries = [...groups.values()].map((jobs) => {
    const nodes = jobs.map((job) => {
      const pod = newest(podsOf.get(job.metadata?.uid) ?? []);
      return nodeStatus({ job, pod, events: eventsOf(job, pod), nodes: observed.nodes }, now);
    });
    const metadata = jobs[0]?.metadata;
    return {
      name: oneLine(metadata?.labels?.[LABEL_CAPTURE] ?? ''),
      namespace: oneLine(metadata?.namespace ?? ''),
      createdAt: new Date(Math.min(...jobs.map((job) => Date.parse(job.metadata?.creationTimestamp ?? '') || 0))),
      state: stateOf(nodes),
      ending: jobs.every((job) => job.metadata?.deletionTimestamp !== undefined),
      labels: plainText(Object.assign({}, ...jobs.map((job) => job.metadata?.labels)) as Record<string, string>),
      nodes: nodes.sort((a, b) => (a.node < b.node ? -1 : 1)),
    };
  });
  const key = (summary: CaptureSummary): string => `${summary.namespace}/${summary.name}`;
  return summaries.sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

/** Whether nothing more will come of a node. */
export function isFinal(status: NodeStatus): boolean {
  return status.phase === 'completed' || status.phase === 'failed';
}

function newest(pods: readonly Pod[]): Pod | undefined {
  return pods.toSorted((a, b) =>
    (a.metadata?.creationTimestamp ?? '') < (b.metadata?.creationTimestamp ?? '') ? 1 : -1,
  )[0];
}

/** The state of a capture, by those of its nodes. */
export function stateOf(nodes: readonly NodeStatus[]): CaptureState {
  if (nodes.every(isFinal)) return nodes.some((node) => node.phase === 'failed') ? 'Failed' : 'Completed';
  return nodes.some((node) => node.phase !== 'waiting') ? 'Capturing' : 'Pending';
}

function nodeStatus(looked: Omit<Seen, 'early'>, now: Date): NodeStatus {
  const { job, pod } = looked;
  const annotations = pod?.metadata?.annotations ?? job.spec?.template?.metadata?.annotations ?? {};
  const node = pod?.spec?.nodeName ?? nodeOfJob(job) ?? '';
  const order = specOf(annotations[ANNOTATION_WORKLOAD]);
  const begins = beginsOf(order, pod);
  const { began = true, ...told } = tellNode({ ...looked, early: isAhead(begins, now) });
  const capture = job.metadata?.labels?.[LABEL_CAPTURE] ?? '';
  const lost = told.phase === 'failed' && told.result === undefined && told.mayStart !== true && began;
  const left = lost ? leftHint(order, { capture, node, gone: pod === undefined }) : undefined;
  const hints = [told.hint, left].filter((hint) => hint !== undefined);
  const status: NodeStatus = {
    node,
    job: job.metadata?.name ?? '',
    pod: pod?.metadata?.name,
    problem: undefined,
    endedBy: undefined,
    hostPath: annotations[ANNOTATION_HOST_PATH],
    stem: annotations[ANNOTATION_FILENAME],
    filter: filterOfSpec(annotations[ANNOTATION_WORKLOAD] ?? ''),
    destinations: order?.destinations ?? [],
    image: imageOf(job),
    serviceAccount: job.spec?.template?.spec?.serviceAccountName,
    begins,
    ready: isReady(pod),
    mayStart: false,
    scratchPlaces: order === undefined ? [] : placesOf(order),
    clockOffsetMs: clockOffset(job, pod, told.result),
    ...told,
    hint: undefined,
    // Of what and where it is, the cluster knows better than the pod's own words.
    result: told.result === undefined ? undefined : { ...told.result, capture, node },
  };
  // Hints have lines of their own, and are our words.
  const plain = { ...plainText(status), hint: hints.length === 0 ? undefined : hints.join('\n') };
  return plain.phase === 'failed' && !plain.problem ? { ...plain, problem: 'no reason told' } : plain;
}

/** Events tell of a Job, or of its pod; one that has gone is known by its name, which begins with the Job's. */
function eventsByJob({ events }: Observed): (job: Job, pod: Pod | undefined) => readonly KubeEvent[] {
  const byUid = Map.groupBy(events, (event) => event.involvedObject?.uid);
  const ofGone = (job: Job): readonly KubeEvent[] =>
    events.filter(
      ({ involvedObject, metadata }) =>
        involvedObject?.kind === 'Pod' &&
        involvedObject.namespace === job.metadata?.namespace &&
        involvedObject.name?.startsWith(`${job.metadata?.name}-`) &&
        // An earlier capture of the same name had pods of such names, too.
        (metadata?.creationTimestamp ?? '') >= (job.metadata?.creationTimestamp ?? ''),
    );
  return (job, pod) => [
    ...(byUid.get(job.metadata?.uid) ?? []),
    ...(pod === undefined ? ofGone(job) : (byUid.get(pod.metadata?.uid) ?? [])),
  ];
}

/** What the pod was told; undefined where it is another tool's, or of another version. */
function specOf(order: string | undefined): WorkloadSpec | undefined {
  if (order === undefined) return undefined;
  try {
    return decodeSpec(order);
  } catch {
    return undefined;
  }
}

/** Where a workload may have written, the first choice first. */
function placesOf({ destinations, nodePlace }: WorkloadSpec): string[] {
  const paths = destinations.flatMap((to) => (to.kind === 'host-path' ? [to.path] : []));
  return nodePlace === undefined ? paths : [...paths, nodePlace.path];
}

/** Where to look for what a pod had that ended without telling, or that has gone and its result with it. */
function leftHint(
  order: WorkloadSpec | undefined,
  { capture, node, gone }: { capture: string; node: string; gone: boolean },
): string | undefined {
  if (order === undefined) return undefined;
  const { namespace, stem } = order;
  const [place] = placesOf(order);
  const fetch = `kubectl retina capture download ${capture} -n ${namespace}`;
  const left =
    place === undefined
      ? []
      : [
          `What was not delivered is on ${node}, in ${posix.join(place, scratchName(stem))}. To fetch it: ${fetch} --partial`,
        ];
  const search = `Whether it was delivered is not known; to look for it: ${fetch}`;
  return [...left, ...(gone ? [search] : [])].map(oneLine).join('\n') || undefined;
}

/** The image of our own captures: another tool's may not hold this program. */
function imageOf(job: Job): PodImage | undefined {
  const template = job.spec?.template;
  const container = template?.spec?.containers.find(({ name }) => name === CONTAINER_CAPTURE);
  if (template?.metadata?.annotations?.[ANNOTATION_WORKLOAD] === undefined || !container?.image) return undefined;
  const secrets = (template.spec?.imagePullSecrets ?? []).flatMap(({ name }) => (name ? [name] : []));
  return {
    image: container.image,
    imagePullPolicy: container.imagePullPolicy ?? 'IfNotPresent',
    imagePullSecrets: secrets,
  };
}

const STOP_WORDS: Record<StopReason, string> = {
  duration: 'duration reached',
  'max-size': 'size limit reached',
  'packet-count': 'packet count reached',
  requested: 'stopped by request',
  terminated: 'pod was ended (SIGTERM)',
  interrupted: 'stopped by Ctrl-C',
  'tool-exited': 'tcpdump ended by itself',
  'disk-nearly-full': 'disk nearly full',
  'not-begun': 'ended before it began',
  error: 'failed',
};

/** Why a capture ended, in words. */
export function stopReasonWords(reason: StopReason): string {
  return STOP_WORDS[reason];
}
