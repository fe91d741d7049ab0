import type { Writable } from 'node:stream';
import type {
  CoreV1Event,
  V1CronJob,
  V1DaemonSet,
  V1Deployment,
  V1EndpointSlice,
  V1Job,
  V1Namespace,
  V1Node,
  V1PersistentVolume,
  V1PersistentVolumeClaim,
  V1Pod,
  V1PriorityClass,
  V1ReplicaSet,
  V1ResourceQuota,
  V1Secret,
  V1Service,
  V1ServiceAccount,
  V1StatefulSet,
  V1StorageClass,
} from '@kubernetes/client-node';

/** An API type as it is on the wire: client-node's classes hold a Date where JSON holds a string. */
export type Wire<T> = T extends Date
  ? string
  : T extends readonly (infer U)[]
    ? Wire<U>[]
    : T extends object
      ? { [K in keyof T]: Wire<T[K]> }
      : T;

export type Job = Wire<V1Job>;
export type Pod = Wire<V1Pod>;
export type KubeNode = Wire<V1Node>;
export type Namespace = Wire<V1Namespace>;
export type Secret = Wire<V1Secret>;
export type Claim = Wire<V1PersistentVolumeClaim>;
export type Volume = Wire<V1PersistentVolume>;
export type StorageClass = Wire<V1StorageClass>;
export type Quota = Wire<V1ResourceQuota>;
export type KubeEvent = Wire<CoreV1Event>;

/** The kinds that this program reads, by the plural names of their REST paths. */
export type Kinds = {
  jobs: Job;
  pods: Pod;
  nodes: KubeNode;
  namespaces: Namespace;
  secrets: Secret;
  persistentvolumeclaims: Claim;
  persistentvolumes: Volume;
  storageclasses: StorageClass;
  events: KubeEvent;
  deployments: Wire<V1Deployment>;
  statefulsets: Wire<V1StatefulSet>;
  daemonsets: Wire<V1DaemonSet>;
  replicasets: Wire<V1ReplicaSet>;
  cronjobs: Wire<V1CronJob>;
  services: Wire<V1Service>;
  endpointslices: Wire<V1EndpointSlice>;
  serviceaccounts: Wire<V1ServiceAccount>;
  resourcequotas: Quota;
  priorityclasses: Wire<V1PriorityClass>;
};

export type Selection = {
  /** Undefined for all namespaces, and for kinds that have none. */
  namespace?: string | undefined;
  labels?: string | undefined;
  fields?: string | undefined;
};

export type DeleteOptions = {
  /** Foreground: the object stays until its dependents are gone. */
  propagation: 'Foreground' | 'Background';
  /** Deletes only this very object, not a later one of the same name. */
  uid?: string | undefined;
  gracePeriodSeconds?: number | undefined;
  /** The server says whether it would, and does not. */
  dryRun?: boolean | undefined;
};

export type ContainerTarget = { namespace: string; pod: string; container: string };
export type ExecTarget = ContainerTarget & { command: readonly string[] };

/** An object that owns another. */
export type Owner = { apiVersion: string; kind: string; name: string; uid: string };

/** One verb on one resource, as the API server's authorizers see it. */
export type Access = {
  verb: string;
  /** Empty for the core group. */
  group: string;
  resource: string;
  subresource?: string;
  /** Undefined for all namespaces, and for kinds that have none. */
  namespace?: string | undefined;
  /** The one object that is meant; undefined for any. */
  name?: string | undefined;
};

/** The result of a command in a container; the exit code is null when the stream ended without telling one. */
export type ExecOutcome = { exitCode: number | null; stderr: string };

/**
 * The verbs that this program uses, and no more. Every failure is a ClusterError; lists are complete (all pages) and
 * in the server's order. Requests end with the signal given to the cluster, or their own.
 */
export type Cluster = {
  /** The namespace of the command line, else of the context, else `default`. */
  readonly namespace: string;
  /** URL of the API server. */
  readonly server: string;
  /** The time by the server's clock, as its last answer told it: that of this machine may be off. */
  now(): Date;
  /** The same where seconds count, also of clocks that hardly differ: behind by a second at most; ours before any answer. */
  serverTime(): Date;
  serverVersion(): Promise<string>;
  list<K extends keyof Kinds>(kind: K, selection: Selection): Promise<Kinds[K][]>;
  /** One object; undefined when it is not there. No namespace for kinds that have none. */
  get<K extends keyof Kinds>(kind: K, namespace: string | undefined, name: string): Promise<Kinds[K] | undefined>;
  /** Whether the user who asks has a right (SelfSubjectAccessReview). */
  mayUser(access: Access): Promise<boolean>;
  /** Who the API server takes the user for. */
  userName(): Promise<string>;
  createJob(job: Job): Promise<Job>;
  /** Has the server check an object as if it were created, and says what it would be and what the server warns of. */
  dryRun<K extends 'jobs' | 'pods' | 'secrets'>(
    kind: K,
    object: Kinds[K],
  ): Promise<{ object: Kinds[K]; warnings: readonly string[] }>;
  createSecret(secret: Secret): Promise<Secret>;
  /** Makes objects the owners of a Secret: the cluster removes it with the last of them. */
  ownSecret(namespace: string, name: string, owners: readonly Owner[]): Promise<void>;
  /** Returns false when there was no such object. */
  remove(kind: 'jobs' | 'pods' | 'secrets', namespace: string, name: string, options: DeleteOptions): Promise<boolean>;
  /** Removes all objects of a selection by one request; what hangs on them goes after them. */
  removeAll(kind: 'jobs' | 'pods', selection: Selection): Promise<void>;
  annotatePod(namespace: string, name: string, annotations: Record<string, string>): Promise<void>;
  /**
   * Lists, then watches, and calls back with all objects after every change until the signal is aborted. Broken and
   * expired watches are renewed; it rejects only when the server refuses. Where all objects were just created by the caller,
   * these are given in place of the list.
   */
  follow<K extends keyof Kinds>(
    kind: K,
    selection: Selection,
    signal: AbortSignal,
    changed: (items: readonly Kinds[K][]) => void,
    created?: readonly Kinds[K][],
  ): Promise<void>;
  /** The last lines that a container wrote, of the last seconds; at most so many bytes of them. */
  log(
    target: ContainerTarget,
    limits: { lines: number; seconds: number; bytes: number },
    signal: AbortSignal,
  ): Promise<string>;
  /** Runs a command in a running container; its stdout goes to `stdout`, with back-pressure. */
  exec(target: ExecTarget, stdout: Writable, signal: AbortSignal): Promise<ExecOutcome>;
  /** The same cluster, for cleaning up: its requests go on when the command was interrupted. */
  withSignal(signal: AbortSignal): Cluster;
  /** The same cluster, as if the command line named another namespace. */
  withNamespace(namespace: string): Cluster;
};

/** Names that a kubeconfig holds, sorted. */
export type ConfigNames = { contexts: readonly string[]; clusters: readonly string[]; users: readonly string[] };

/** kubectl's connection flags, as typed; unset ones are undefined. */
export type ConnectionOptions = {
  kubeconfig?: string | undefined;
  context?: string | undefined;
  cluster?: string | undefined;
  user?: string | undefined;
  namespace?: string | undefined;
  server?: string | undefined;
  token?: string | undefined;
  as?: string | undefined;
  asGroup?: readonly string[] | undefined;
  asUid?: string | undefined;
  asUserExtra?: readonly string[] | undefined;
  certificateAuthority?: string | undefined;
  clientCertificate?: string | undefined;
  clientKey?: string | undefined;
  insecureSkipTlsVerify?: boolean | undefined;
  tlsServerName?: string | undefined;
  requestTimeout?: string | undefined;
  disableCompression?: boolean | undefined;
};
