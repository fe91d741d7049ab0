import type { Job } from '../kube/cluster.ts';
import { startsWithin } from './begins.ts';
import { destinationMounts } from './mounts.ts';
import {
  ANNOTATION_FILENAME,
  ANNOTATION_HOST_PATH,
  ANNOTATION_NODE,
  ANNOTATION_RUN,
  ANNOTATION_START,
  ANNOTATION_STOP,
  ANNOTATION_TIMESTAMP,
  ANNOTATION_WORKLOAD,
  CONTAINER_CAPTURE,
  captureLabels,
  fileTimestamp,
  jobName,
} from './names.ts';
import type { JobSettings } from './request.ts';
import type { WorkloadSpec } from './workload-spec.ts';
import {
  encodeSpec,
  PODINFO_DIRECTORY,
  PODINFO_SPEC,
  PODINFO_START,
  PODINFO_STOP,
  READY_FILE,
} from './workload-words.ts';

/** Seconds that a capture pod has, when it is deleted, to bundle and deliver what it has; as in the reference. */
const GRACE_SECONDS = 1800;
/** Seconds that an ended Job stays, if nothing else was asked for: over a weekend and a few days more, not for ever. */
const TTL_SECONDS = 7 * 24 * 3600;
/** Seconds beyond the wait for its start, a capture and its uploads in which its pod must have started, bundled and delivered. */
const MARGIN_SECONDS = 3600;
export const PODINFO_VOLUME = 'retina';

/** Tolerates what keeps other pods off a node: a node in trouble is one to capture on. */
export const TOLERATIONS = [
  { operator: 'Exists', effect: 'NoSchedule' },
  { operator: 'Exists', effect: 'NoExecute' },
];

/**
 * A container's first process ignores the signals that it has no handler for yet: a pod that was deleted while it
 * started would capture to its end. With the sandbox's as the first process, it dies.
 */
export const LINUX_POD = { shareProcessNamespace: true };
/** What Azure's webhook for workload identities looks for in a pod; where there is none, it means nothing. */
const WORKLOAD_IDENTITY = { 'azure.workload.identity/use': 'true' };
/** A container on Windows reaches the network of its node only as a process of the node itself. */
const HOST_PROCESS = { hostProcess: true, runAsUserName: 'NT AUTHORITY\\SYSTEM' };

/**
 * What the Job tells when its pod has gone. A pod that is deleted, as by a drain, is judged when it has ended, not before:
 * one that has delivered everything by then has succeeded. One that has not leaves its exit code in the Job's condition.
 */
const OUTLIVES_POD = {
  podReplacementPolicy: 'Failed',
  podFailurePolicy: {
    rules: [
      { action: 'FailJob', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
      { action: 'FailJob', onExitCodes: { containerName: CONTAINER_CAPTURE, operator: 'NotIn', values: [0] } },
    ],
  },
};

export type PodSpec = NonNullable<NonNullable<NonNullable<Job['spec']>['template']>['spec']>;
type Container = PodSpec['containers'][number];

/**
 * A pod counts as started once its tcpdump listens, or waits for the instant at which it will: a container that runs may
 * still be loading. Looked for once a second until it is there, then never again; it is no reason to end a capture.
 */
const LISTENS = {
  startupProbe: {
    exec: { command: ['test', '-e', READY_FILE] },
    periodSeconds: 1,
    timeoutSeconds: 10,
    failureThreshold: 2 ** 31 - 1,
  },
};

/**
 * Windows knows no SIGTERM: whatever ends the pod, this is run in it first, and waits until all is delivered. Found in the
 * image's working directory or PATH; where it is not, the kubelet says so in an event, and the pod is killed.
 */
const ENDS = { lifecycle: { preStop: { exec: { command: ['kubectl-retina.exe', 'end-workload'] } } } };

/**
 * No sidecar of a service mesh: it would take part in what is captured, and go on when the workload has ended. Istio reads
 * the label, before 1.10 the annotation; Linkerd its own.
 */
export const NO_MESH = {
  labels: { 'sidecar.istio.io/inject': 'false' },
  annotations: { 'sidecar.istio.io/inject': 'false', 'linkerd.io/inject': 'disabled' },
};

/** The Job that captures on one node. */
export function buildJob(spec: WorkloadSpec, settings: JobSettings, run: { id: string; startedAt: Date }): Job {
  const labels = captureLabels(spec.capture);
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: jobName(spec.capture, spec.node),
      namespace: spec.namespace,
      labels,
      annotations: { [ANNOTATION_NODE]: spec.node, [ANNOTATION_RUN]: run.id },
    },
    spec: {
      backoffLimit: 0,
      ...OUTLIVES_POD,
      ...lifetime(spec, settings, run.startedAt),
      template: {
        metadata: {
          labels: { ...labels, ...NO_MESH.labels, ...identityLabel(spec) },
          annotations: { ...podAnnotations(spec, run.startedAt), ...NO_MESH.annotations },
        },
        spec: podSpec(spec, settings),
      },
    },
  };
}

/**
 * Whoever creates a Job may be killed at any moment, so the Job ends and goes by itself: also where its pod waits in vain,
 * for an image or for a Secret that was never created. Only a capture without an end has no limit but its own.
 */
function lifetime(spec: WorkloadSpec, { ttlSeconds = TTL_SECONDS }: JobSettings, startedAt: Date) {
  const { durationMs, uploadTimeoutMs, start } = spec;
  const bounded = (durationMs ?? 0) + (uploadTimeoutMs ?? 0) + startsWithin(start, startedAt);
  const active = durationMs === null ? null : Math.ceil(bounded / 1000) + MARGIN_SECONDS;
  return {
    ...(ttlSeconds === null ? {} : { ttlSecondsAfterFinished: ttlSeconds }),
    ...(active === null ? {} : { activeDeadlineSeconds: active }),
  };
}

/** A pod on the host's network with no more rights than its tool needs: on Windows, pktmon needs those of the system. */
function podSpec(spec: WorkloadSpec, settings: JobSettings): PodSpec {
  const windows = spec.tool === 'pktmon';
  const mounts = destinationMounts(spec);
  return {
    hostNetwork: true,
    restartPolicy: 'Never',
    ...identity(settings),
    enableServiceLinks: false,
    terminationGracePeriodSeconds: GRACE_SECONDS,
    ...(windows ? { os: { name: 'windows' } } : LINUX_POD),
    tolerations: TOLERATIONS,
    affinity: nodeAffinity(spec.node),
    securityContext: windows ? { windowsOptions: HOST_PROCESS } : { seccompProfile: { type: 'RuntimeDefault' } },
    containers: [
      {
        name: CONTAINER_CAPTURE,
        image: settings.image,
        imagePullPolicy: settings.imagePullPolicy,
        args: ['workload'],
        terminationMessagePolicy: 'FallbackToLogsOnError',
        ...(windows ? ENDS : { securityContext: captureSecurity(), ...LISTENS }),
        resources: resources(settings),
        volumeMounts: [
          { name: PODINFO_VOLUME, mountPath: PODINFO_DIRECTORY, readOnly: true },
          ...mounts.map(({ mount }) => mount),
        ],
      },
    ],
    volumes: [
      podInfoVolume({
        ...{ [PODINFO_SPEC]: ANNOTATION_WORKLOAD, [PODINFO_STOP]: ANNOTATION_STOP },
        ...(spec.start?.kind === 'word' ? { [PODINFO_START]: ANNOTATION_START } : {}),
      }),
      ...mounts.map(({ volume }) => volume),
    ],
  };
}

/** Who the pod is and what it may pull and displace: nobody that could ask the API server anything. */
function identity(settings: JobSettings): Partial<PodSpec> {
  const { imagePullSecrets, serviceAccount, priorityClass } = settings;
  return {
    automountServiceAccountToken: false,
    ...(serviceAccount === undefined ? {} : { serviceAccountName: serviceAccount }),
    ...(priorityClass === undefined ? {} : { priorityClassName: priorityClass }),
    ...pullSecrets(imagePullSecrets),
  };
}

/** Secrets to pull images with, as a part of a pod; nothing where there are none. */
export function pullSecrets(names: readonly string[]): Pick<PodSpec, 'imagePullSecrets'> {
  return names.length === 0 ? {} : { imagePullSecrets: names.map((name) => ({ name })) };
}

/** What a container has that reads tarballs on a node: they are root's, and for root's eyes only. */
export const READS_TARBALLS = {
  terminationMessagePolicy: 'FallbackToLogsOnError',
  securityContext: {
    runAsUser: 0,
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  },
  resources: { requests: { cpu: '10m' } },
};

/** The webhook gives the pod a token of its service account, for Azure alone. */
export function identityLabel({ destinations }: Pick<WorkloadSpec, 'destinations'>): Record<string, string> {
  return destinations.some((to) => to.kind === 'blob' && to.access === null) ? WORKLOAD_IDENTITY : {};
}

/** Exactly this node, by its name: the hostname label differs from it on some clouds. */
export function nodeAffinity(node: string): NonNullable<PodSpec['affinity']> {
  const matchFields = [{ key: 'metadata.name', operator: 'In', values: [node] }];
  return { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields }] } } };
}

function podAnnotations(spec: WorkloadSpec, startedAt: Date): Record<string, string> {
  const hostPath = spec.destinations.find((to) => to.kind === 'host-path')?.path;
  return {
    [ANNOTATION_FILENAME]: spec.stem,
    [ANNOTATION_TIMESTAMP]: fileTimestamp(startedAt),
    ...(hostPath === undefined ? {} : { [ANNOTATION_HOST_PATH]: hostPath }),
    [ANNOTATION_NODE]: spec.node,
    [ANNOTATION_WORKLOAD]: encodeSpec(spec),
  };
}

/**
 * NET_RAW opens the packet socket, NET_ADMIN turns on promiscuous mode and reads the firewall's rules; SETUID and SETGID
 * are what tcpdump needs to stay root when told to (`-Z root`): as another user it could no longer be signalled.
 */
function captureSecurity(): NonNullable<Container['securityContext']> {
  return {
    runAsUser: 0,
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'], add: ['NET_ADMIN', 'NET_RAW', 'SETGID', 'SETUID'] },
  };
}

/** No CPU limit unless one is asked for: with 100m, a fifth of the packets of a 1 Gbit/s stream is lost. */
function resources(settings: JobSettings): NonNullable<Container['resources']> {
  const limits = {
    ...(settings.cpuLimit === undefined ? {} : { cpu: settings.cpuLimit }),
    ...(settings.memoryLimit === undefined ? {} : { memory: settings.memoryLimit }),
  };
  return Object.keys(limits).length > 0 ? { requests: { cpu: '10m' }, limits } : { requests: { cpu: '10m' } };
}

/** The pod's own annotations as files: they bring the order in, and later the word to stop, without exec or network. */
export function podInfoVolume(files: Readonly<Record<string, string>>): NonNullable<PodSpec['volumes']>[number] {
  const items = Object.entries(files).map(([path, annotation]) => ({
    path,
    fieldRef: { fieldPath: `metadata.annotations['${annotation}']` },
  }));
  return { name: PODINFO_VOLUME, downwardAPI: { items } };
}
