import type { LabelSelector } from './selector.ts';

/** A path on a node; never to be mixed up with one on this machine. */
export type NodePath = string & { readonly __brand: 'NodePath' };

export type CaptureTarget =
  | { kind: 'nodes'; selector: LabelSelector }
  | { kind: 'node-names'; names: readonly string[] }
  | { kind: 'pods'; selector: LabelSelector | undefined; namespaces: LabelSelector | undefined }
  | { kind: 'pod-names'; names: readonly string[] };

export type Destination = { kind: 'host-path'; path: NodePath };

/** What is captured, where a cluster plays no part. */
export type CaptureSettings = {
  readonly name: string;
  /** BPF text; empty for all packets. */
  readonly filter: string;
  readonly interfaces: readonly string[];
  /** Bytes kept of each packet; 0 for all. */
  readonly snapLength: number;
  /** Milliseconds; null until stopped. */
  readonly durationMs: number | null;
  /** Bytes of pcap; null for no limit. */
  readonly maxBytes: number | null;
  readonly includeMetadata: boolean;
};

/** How the Jobs run. */
export type JobSettings = {
  readonly image: string;
  readonly imagePullPolicy: 'Always' | 'IfNotPresent' | 'Never';
  readonly cpuLimit: string | undefined;
  readonly memoryLimit: string | undefined;
};

/** A checked and complete order for a capture; the flags end here. */
export type CaptureRequest = CaptureSettings & {
  readonly target: CaptureTarget;
  readonly destinations: readonly Destination[];
  readonly job: JobSettings;
};
