import { posix } from 'node:path';
import type { Job, KubeEvent, Pod } from '../kube/cluster.ts';
import { type Begins, beginsOf, isAhead, isReady } from './begins.ts';
import { startProblem, waitingWords } from './image-problem.ts';
import {
  ANNOTATION_FILENAME,
  ANNOTATION_HOST_PATH,
  ANNOTATION_WORKLOAD,
  CONTAINER_CAPTURE,
  LABEL_CAPTURE,
  scratchName,
} from './names.ts';
import { nodeOfJob } from './node-of-job.ts';
import { resultProblem } from './result-words.ts';
import {
  type DestinationSpec,
  decodeResult,
  decodeSpec,
  filterOfSpec,
  type StopReason,
  type WorkloadResult,
  type WorkloadSpec,
} from './workload-spec.ts';

/** `waiting` and `capturing` may still change; `completed` and `failed` are final. */
export type Phase = 'waiting' | 'capturing' | 'completed' | 'failed';

/** One capture on one node, read from its Job and pod. */
export type NodeStatus = {
  node: string;
  job: string;
  pod: string | undefined;
  phase: Phase;
  /** Why it waits or failed, in words. */
  problem: string | undefined;
  hint: string | undefined;
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

export type Observed = { jobs: readonly Job[]; pods: readonly Pod[]; events: readonly KubeEvent[] };

/** The captures that Jobs and pods tell of at a time, sorted by namespace and name. */
export function summarize(observed: Observed, now: Date): CaptureSummary[] {
  const podsOf = Map.groupBy(observed.pods, (pod) => pod.metadata?.ownerReferences?.find((o) => o.kind === 'Job')?.uid);
  const eventsOf = Map.groupBy(observed.events, (event) => event.involvedObject?.uid);
  const groups = Map.groupBy(
    observed.jobs,
    (job) => `${job.metadata?.namespace}/${job.metadata?.labels?.[LABEL_CAPTURE] ?? ''}`,
  );
  const summaries = [...groups.values()].map((jobs) => {
    const nodes = jobs.map((job) => {
      const pod = newest(podsOf.get(job.metadata?.uid) ?? []);
      return nodeStatus(job, pod, { events: eventsOf.get(job.metadata?.uid) ?? [], now });
    });
    const metadata = jobs[0]?.metadata;
    return {
      name: metadata?.labels?.[LABEL_CAPTURE] ?? '',
      namespace: metadata?.namespace ?? '',
      createdAt: new Date(Math.min(...jobs.map((job) => Date.parse(job.metadata?.creationTimestamp ?? '')))),
      state: stateOf(nodes),
      ending: jobs.every((job) => job.metadata?.deletionTimestamp !== undefined),
      labels: Object.assign({}, ...jobs.map((job) => job.metadata?.labels)),
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

function stateOf(nodes: readonly NodeStatus[]): CaptureState {
  if (nodes.every(isFinal)) return nodes.some((node) => node.phase === 'failed') ? 'Failed' : 'Completed';
  return nodes.some((node) => node.phase !== 'waiting') ? 'Capturing' : 'Pending';
}

type Told = Pick<NodeStatus, 'phase'> & Partial<Pick<NodeStatus, 'problem' | 'hint' | 'result' | 'mayStart'>>;

type Seen = { events: readonly KubeEvent[]; now: Date };

function nodeStatus(job: Job, pod: Pod | undefined, { events, now }: Seen): NodeStatus {
  const annotations = pod?.metadata?.annotations ?? job.spec?.template?.metadata?.annotations ?? {};
  const node = pod?.spec?.nodeName ?? nodeOfJob(job) ?? '';
  const order = specOf(annotations[ANNOTATION_WORKLOAD]);
  const begins = beginsOf(order, pod);
  const early = isAhead(begins, now);
  const told = (pod === undefined ? undefined : podTells(pod)) ?? jobTells(job, pod, { events, early });
  return {
    node,
    job: job.metadata?.name ?? '',
    pod: pod?.metadata?.name,
    problem: undefined,
    hint:
      told.phase === 'failed' && told.result === undefined && told.mayStart !== true ? leftHint(order, pod) : undefined,
    result: undefined,
    hostPath: annotations[ANNOTATION_HOST_PATH],
    stem: annotations[ANNOTATION_FILENAME],
    filter: filterOfSpec(annotations[ANNOTATION_WORKLOAD] ?? ''),
    destinations: order?.destinations ?? [],
    image: imageOf(job),
    serviceAccount: job.spec?.template?.spec?.serviceAccountName,
    begins,
    ready: isReady(pod),
    mayStart: false,
    ...told,
  };
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

/** Where to look for what a pod had that ended without telling, or that has gone and its result with it. */
function leftHint(order: WorkloadSpec | undefined, pod: Pod | undefined): string | undefined {
  if (order === undefined) return undefined;
  const { capture, node, stem, nodePlace } = order;
  const place = order.destinations.find((to) => to.kind === 'host-path')?.path ?? nodePlace?.path;
  const left =
    place === undefined ? [] : [`What was not delivered is on ${node}, in ${posix.join(place, scratchName(stem))}.`];
  const search = `Whether it was delivered is not known; to look for it: kubectl retina capture download ${capture}`;
  return [...left, ...(pod === undefined ? [search] : [])].join(' ') || undefined;
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

/** What the pod's own status tells for good; undefined where only the Job can. */
function podTells(pod: Pod): Told | undefined {
  const container = pod.status?.containerStatuses?.find((status) => status.name === CONTAINER_CAPTURE);
  const terminated = container?.state?.terminated;
  if (terminated !== undefined) return terminatedTells(terminated);
  if (pod.status?.phase === 'Failed') {
    return { phase: 'failed', problem: pod.status.message ?? pod.status.reason ?? 'the pod failed' };
  }
  const problem = startProblem(container);
  return problem === undefined ? undefined : { phase: 'failed', mayStart: true, ...problem };
}

function terminatedTells(terminated: { exitCode: number; reason?: string; message?: string }): Told {
  let result: WorkloadResult | undefined;
  try {
    result = decodeResult(terminated.message ?? '');
  } catch {
    // Another tool's pod, or one that died before it could tell: its exit code and last words are what there is.
    const words = terminated.message?.trim().split('\n').slice(-3).join(' ').slice(0, 500);
    if (terminated.exitCode === 0) return { phase: 'completed' };
    return {
      phase: 'failed',
      problem: `${terminated.reason ?? 'Error'} (exit code ${terminated.exitCode})${words ? `: ${words}` : ''}`,
    };
  }
  const failed = terminated.exitCode !== 0;
  return { phase: failed ? 'failed' : 'completed', result, problem: failed ? resultProblem(result) : undefined };
}

type JobSeen = { events: readonly KubeEvent[]; early: boolean };

function jobTells(job: Job, pod: Pod | undefined, { events, early }: JobSeen): Told {
  // The Job's end may be seen before its pod's, which has the result: it is on its way.
  const ended = job.status?.conditions?.some((c) => c.status === 'True') ?? false;
  if (ended && pod?.status?.phase === 'Running') return { phase: 'capturing' };
  const condition = (type: string) => job.status?.conditions?.find((c) => c.type === type && c.status === 'True');
  const failed = condition('Failed');
  if (failed !== undefined) {
    return { phase: 'failed', problem: `${failed.message ?? failed.reason ?? 'the Job failed'}; its pod is gone` };
  }
  if (condition('Complete') !== undefined) return { phase: 'completed' };
  if (pod === undefined) {
    return refused(job, events);
  }
  if (isReady(pod)) return { phase: early ? 'waiting' : 'capturing', problem: notReady(pod) };
  return { phase: 'waiting', problem: waitingFor(pod) };
}

/** What the events tell of a Job whose pod is not there. */
function refused(job: Job, events: readonly KubeEvent[]): Told {
  const refusal = events.find((event) => event.reason === 'FailedCreate')?.message;
  if (refusal === undefined) return { phase: 'waiting', problem: 'its pod is not there yet' };
  // Anything else (a webhook that did not answer) goes away by itself, as does the lack of a new namespace's account.
  const young = job.spec?.template?.spec?.serviceAccountName === undefined && NO_ACCOUNT.test(refusal);
  const denied = /is forbidden|denied/.test(refusal) && !young;
  if (!denied) return { phase: 'waiting', problem: `its pod is not there yet: ${refusal}` };
  return { phase: 'failed', mayStart: true, problem: `its pod was refused: ${refusal}`, hint: refusalHint(refusal) };
}

const NO_ACCOUNT = /error looking up service account/;

const REFUSAL_HINTS: readonly (readonly [RegExp, string])[] = [
  [/exceeded quota/, 'Raise the quota, or free some of it: kubectl describe quota'],
  [NO_ACCOUNT, 'Is --service-account right? There are: kubectl get serviceaccounts'],
  [/no PriorityClass with name/, 'Is --priority-class right? There are: kubectl get priorityclasses'],
  [/./, 'A capture needs hostNetwork, hostPath, NET_ADMIN and NET_RAW: use a namespace that admits privileged pods.'],
];

/** What to do about pods that were refused, by the API server's words; what is not known is most often Pod Security. */
export function refusalHint(refusal: string): string | undefined {
  return REFUSAL_HINTS.find(([pattern]) => pattern.test(refusal))?.[1];
}

/** A pod that has made ready is Ready while it runs, unless its node no longer answers. */
function notReady(pod: Pod): string | undefined {
  const ready = pod.status?.conditions?.find((c) => c.type === 'Ready');
  return ready?.status === 'False' ? `node ${pod.spec?.nodeName} does not answer` : undefined;
}

function waitingFor(pod: Pod): string {
  const scheduled = pod.status?.conditions?.find((c) => c.type === 'PodScheduled');
  if (scheduled?.status === 'False') return `cannot be scheduled: ${scheduled.message ?? scheduled.reason}`;
  return waitingWords(pod.status?.containerStatuses?.[0]) ?? 'starting';
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
