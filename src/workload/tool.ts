import type { StopReason } from '../capture/workload-spec.ts';
import type { BundleEntry } from './bundle.ts';
import type { PcapScan } from './pcap.ts';

/** Why a capture ended. */
export type End = { reason: StopReason | 'discard'; error?: string };

/** What a tool left behind, with its counters. */
export type Leavings = {
  /** Of the tarball, packets first. */
  files: readonly BundleEntry[];
  reason: End['reason'];
  packets: number;
  /** Whether there are packets in the bundle directory, or may be. */
  worthKeeping: boolean;
  pcapBytes: number;
  droppedByKernel: number;
  droppedByInterface: number;
  errors: string[];
};

/** What captures, from its start on. */
export type CaptureTool = {
  /** What it captures on, for people. */
  readonly where: string;
  /** Undefined once packets are captured, else why none will be. Never rejects. */
  readonly started: Promise<string | undefined>;
  /** Resolves when it has ended by itself. Never rejects. */
  readonly exited: Promise<End>;
  /** The limit that has ended the capture, if one has; looked at all the time. */
  reached(): Promise<'max-size' | 'packet-count' | null>;
  /** Ends it, and decides what is kept; `started` tells whether packets were captured. */
  finish(end: End, started: boolean): Promise<Leavings>;
  /** Ends it at once, whatever is lost, and waits. Does nothing when it has ended. Never rejects. */
  kill(): Promise<void>;
};

/** Looks at a capture's one file while it grows. */
export type Watcher = { scanned(): PcapScan };
