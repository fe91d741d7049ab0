import type { BlobAccess } from './sas.ts';
import type { LabelSelector } from './selector.ts';
import type { TargetObject } from './target-kinds.ts';
import type { MinFree } from './workload-spec.ts';

/** A path on a node; never to be mixed up with one on this machine. */
export type NodePath = string & { readonly __brand: 'NodePath' };

export type CaptureTarget =
  | { kind: 'nodes'; selector: LabelSelector }
  | { kind: 'node-names'; names: readonly string[] }
  | { kind: 'pods'; selector: LabelSelector | undefined; namespaces: LabelSelector | undefined }
  | { kind: 'pods-anywhere'; selector: LabelSelector | undefined }
  | { kind: 'pod-names'; names: readonly string[] }
  | { kind: 'objects'; objects: readonly TargetObject[] };

/** A bucket and where in it the objects go; the endpoint is null for AWS itself. */
export type S3Place = {
  readonly bucket: string;
  readonly region: string;
  readonly endpoint: string | null;
  readonly prefix: string;
  /** Certificates (PEM) of authorities to trust besides those that everyone does; null for none. */
  readonly ca: string | null;
  /** Whether requests carry a checksum wherever they can: stores older than 2025 may know none. */
  readonly checksums: 'when_supported' | 'when_required';
};

/** Keys of S3, as typed or from the environment. Never printed. */
export type S3Keys = {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string | undefined;
};

/** A Secret that is there already; it is mounted, and never owned or deleted. */
export type ExistingSecret = { readonly kind: 'secret'; readonly name: string };

export type Destination =
  | { kind: 'host-path'; path: NodePath }
  | { kind: 'pvc'; claim: string }
  | { kind: 'blob'; access: BlobAccess | ExistingSecret }
  | { kind: 's3'; place: S3Place; access: S3Access };

/** Where the keys of S3 come from; an identity is that of the pod. */
export type S3Access = { kind: 'keys'; keys: S3Keys } | ExistingSecret | { kind: 'identity' };

/** One term of `--include-filter` or `--exclude-filter`: an address or CIDR, a port, or both. */
export type EndpointTerm = { readonly address: string | undefined; readonly port: number | undefined };

/** What narrows a capture, besides its target pods: a packet must pass every part that is not empty. */
export type FilterModel = {
  /** Some of these. */
  readonly include: readonly EndpointTerm[];
  /** None of these. */
  readonly exclude: readonly EndpointTerm[];
  /** BPF text of the user, pcap-filter(7); empty for every packet. */
  readonly expression: string;
  /** Addresses or CIDRs that a packet comes from. */
  readonly sources: readonly string[];
  /** Addresses or CIDRs that a packet goes to. */
  readonly destinations: readonly string[];
};

/** How packets are printed in the decoded listing of a bundle; each is a flag of tcpdump. */
export type ListingOptions = {
  readonly resolveNames: boolean;
  readonly resolvePorts: boolean;
  readonly verbosity: '' | 'verbose' | 'extra' | 'max';
  readonly data: '' | 'hex' | 'hex-with-link' | 'ascii' | 'ascii-with-link';
  readonly timestamps: '' | 'none' | 'unformatted' | 'delta' | 'date' | 'delta-since-first';
  readonly linkHeader: boolean;
  readonly quiet: boolean;
  readonly absoluteSequence: boolean;
  readonly verifyChecksums: boolean;
};

/** What is captured, where a cluster plays no part. */
export type CaptureSettings = {
  readonly name: string;
  readonly filter: FilterModel;
  readonly interfaces: readonly string[];
  /** Bytes kept of each packet; 0 for all. */
  readonly snapLength: number;
  /** Milliseconds; null until stopped. */
  readonly durationMs: number | null;
  /** Bytes of pcap, in each file where there is a ring; null for no limit. */
  readonly maxBytes: number | null;
  /** Packets over all interfaces; null for no limit. */
  readonly packetCount: number | null;
  /** Files of a ring buffer; null for one file, which ends the capture when it is full. */
  readonly fileCount: number | null;
  readonly promiscuous: boolean;
  /** Every packet is written to the file at once (tcpdump -U). */
  readonly packetBuffered: boolean;
  /** The kernel hands every packet over at once (tcpdump --immediate-mode). */
  readonly immediate: boolean;
  /** Null where no listing was asked for. */
  readonly listing: ListingOptions | null;
  readonly includeMetadata: boolean;
  /** What must stay free on the disk that packets are written to. */
  readonly minFree: MinFree;
};

/** How the Jobs run. */
export type JobSettings = {
  readonly image: string;
  readonly imagePullPolicy: 'Always' | 'IfNotPresent' | 'Never';
  readonly imagePullSecrets: readonly string[];
  readonly serviceAccount: string | undefined;
  readonly priorityClass: string | undefined;
  /** Jobs that a capture may have at most; null for no limit. */
  readonly maxJobs: number | null;
  /** Seconds after which an ended Job is removed: null for never, undefined for as long as is usual. */
  readonly ttlSeconds: number | null | undefined;
  readonly cpuLimit: string | undefined;
  readonly memoryLimit: string | undefined;
};

/** When a capture begins that does not begin at once. */
export type Start =
  | { readonly kind: 'at'; readonly at: Date }
  /** So many milliseconds after the creation. */
  | { readonly kind: 'in'; readonly ms: number }
  /** When every node is ready, which may take so many milliseconds. */
  | { readonly kind: 'together'; readonly timeoutMs: number };

/** A checked and complete order for a capture; the flags end here. */
export type CaptureRequest = CaptureSettings & {
  readonly target: CaptureTarget;
  /** Null for at once. */
  readonly start: Start | null;
  readonly destinations: readonly Destination[];
  /** Milliseconds that uploads may take after the capture's end. */
  readonly uploadTimeoutMs: number;
  /** Who removes the Jobs and Secrets after the upload: the client that waits for it, else the cluster; null for none. */
  readonly cleanup: 'client' | 'cluster' | null;
  readonly job: JobSettings;
};
