import * as z from 'zod/mini';
import { MAX_RESULT_BYTES, WORKLOAD_VERSION } from './workload-words.ts';

export * from './workload-words.ts';

/** A Secret, and where its keys are mounted as files: no credential is ever part of a spec. */
const mountedSecret = z.object({ secret: z.string(), directory: z.string() });

export const nodePlace = z.object({
  /** The directory as the user knows it: on the node. */
  path: z.string(),
  /** The same directory as the workload sees it. */
  directory: z.string(),
});

export const destinationSpec = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('host-path'), ...nodePlace.shape }),
  z.object({ kind: z.literal('pvc'), claim: z.string(), directory: z.string() }),
  z.object({
    kind: z.literal('blob'),
    /** URL of the container without its SAS; null where only the Secret knows it. */
    container: z.nullable(z.string()),
    /** Null for the pod's own identity. */
    access: z.nullable(mountedSecret),
  }),
  z.object({
    kind: z.literal('s3'),
    bucket: z.string(),
    region: z.string(),
    /** Null for AWS itself. */
    endpoint: z.nullable(z.string()),
    prefix: z.string(),
    /** Where the certificates of further authorities are; null for none. */
    ca: z.nullable(mountedSecret),
    checksums: z.enum(['when_supported', 'when_required']),
    /** Null for the pod's own identity. */
    access: z.nullable(mountedSecret),
  }),
]);

const endpointTerm = z.object({ address: z.optional(z.string()), port: z.optional(z.number()) });

/** What pktmon's filters are made of: it knows no BPF. */
const pktmonFilter = z.object({
  /** Addresses of the target pods; empty for the whole node. */
  pods: z.array(z.string()),
  include: z.array(endpointTerm),
  exclude: z.array(endpointTerm),
  sources: z.array(z.string()),
  destinations: z.array(z.string()),
});

const listing = z.object({
  resolveNames: z.boolean(),
  resolvePorts: z.boolean(),
  verbosity: z.enum(['', 'verbose', 'extra', 'max']),
  data: z.enum(['', 'hex', 'hex-with-link', 'ascii', 'ascii-with-link']),
  timestamps: z.enum(['', 'none', 'unformatted', 'delta', 'date', 'delta-since-first']),
  linkHeader: z.boolean(),
  quiet: z.boolean(),
  absoluteSequence: z.boolean(),
  verifyChecksums: z.boolean(),
});

/** When a capture begins that does not begin at once. */
const startSpec = z.discriminatedUnion('kind', [
  /** ISO 8601, by the node's own clock. */
  z.object({ kind: z.literal('at'), at: z.iso.datetime() }),
  /** At the instant that an annotation will tell; given up after so many milliseconds without it. */
  z.object({ kind: z.literal('word'), withinMs: z.number() }),
]);

const workloadSpec = z.object({
  version: z.literal(WORKLOAD_VERSION),
  capture: z.string(),
  namespace: z.string(),
  node: z.string(),
  stem: z.string(),
  /** One tcpdump runs for each; `any` stands for all. */
  interfaces: z.array(z.string()),
  /** What captures: tcpdump on Linux, pktmon on Windows. */
  tool: z.enum(['tcpdump', 'pktmon']),
  /** BPF text for tcpdump; empty for every packet, and for pktmon. */
  filter: z.string(),
  /** The filter in the form that pktmon can be told; null for tcpdump. */
  pktmon: z.nullable(pktmonFilter),
  /** Bytes kept of each packet; 0 for all. */
  snapLength: z.number(),
  /** Milliseconds; null for no limit. */
  durationMs: z.nullable(z.number()),
  /** Bytes of pcap over all interfaces, in each file where there is a ring; null for no limit. */
  maxBytes: z.nullable(z.number()),
  /** Packets over all interfaces; null for no limit. */
  packetCount: z.nullable(z.number()),
  /** Files of a ring buffer; null for one file, which ends the capture when it is full. */
  fileCount: z.nullable(z.number()),
  promiscuous: z.boolean(),
  packetBuffered: z.boolean(),
  immediate: z.boolean(),
  /** How `packets.txt` is printed; null for none. */
  listing: z.nullable(listing),
  includeMetadata: z.boolean(),
  /** What must stay free on the disk that packets are written to: percent of it, or bytes. */
  minFree: z.object({ amount: z.number(), unit: z.enum(['percent', 'bytes']) }),
  /** Milliseconds that uploads may take, with all their tries, after the capture's end; null for no limit. */
  uploadTimeoutMs: z.nullable(z.number()),
  destinations: z.array(destinationSpec),
  /** Where packets lie, and a tarball is kept, if not in a host path that was asked for. */
  nodePlace: z.optional(nodePlace),
  /** Whether the host path is to have no copy once every other destination has confirmed its own. */
  removeCopy: z.optional(z.boolean()),
  /** Absent where it begins at once. */
  start: z.optional(startSpec),
});

const stopReason = z.enum([
  ...(['duration', 'max-size', 'packet-count', 'requested', 'terminated'] as const),
  ...(['interrupted', 'tool-exited', 'disk-nearly-full', 'not-begun', 'error'] as const),
]);

export const delivery = z.object({
  kind: z.enum(['host-path', 'pvc', 'blob', 's3']),
  /** Where the tarball lies, or would have. */
  location: z.string(),
  ok: z.boolean(),
  error: z.optional(z.string()),
  /** It was there, and was removed since others have it. */
  removed: z.optional(z.boolean()),
  /** ISO 8601; when it lay there under its final name. Absent where it never did. */
  durableAt: z.optional(z.string()),
});

export const workloadResult = z.object({
  version: z.literal(WORKLOAD_VERSION),
  capture: z.string(),
  node: z.string(),
  stopReason,
  /** ISO 8601; the time at which the capture tool listened on every interface. */
  startedAt: z.string(),
  /** The instant at which it was to begin; absent where that was at once. */
  startAt: z.optional(z.iso.datetime()),
  endedAt: z.string(),
  packets: z.number(),
  droppedByKernel: z.number(),
  droppedByInterface: z.number(),
  pcapBytes: z.number(),
  /** SHA-256 in hex; null when no whole tarball could be made. */
  tarball: z.nullable(z.object({ name: z.string(), bytes: z.number(), sha256: z.string() })),
  destinations: z.array(delivery),
  /** Where the tarball is kept on the node because a destination did not take it. */
  rescued: z.optional(z.string()),
  errors: z.array(z.string()),
});

export type WorkloadSpec = z.infer<typeof workloadSpec>;
export type WorkloadResult = z.infer<typeof workloadResult>;
export type StopReason = z.infer<typeof stopReason>;
export type PktmonFilter = z.infer<typeof pktmonFilter>;
export type StartSpec = z.infer<typeof startSpec>;
export type DestinationSpec = z.infer<typeof destinationSpec>;
export type MinFree = WorkloadSpec['minFree'];
export type NodePlace = z.infer<typeof nodePlace>;
export type Delivery = z.infer<typeof delivery>;

/** Reads a spec; throws an Error that names the field that is wrong or the version that is not known. */
export function decodeSpec(text: string): WorkloadSpec {
  return decode(workloadSpec, text, 'workload specification');
}

/** The filter in a spec of any version, for a look at many captures; undefined where none can be read. */
export function filterOfSpec(text: string): string | undefined {
  try {
    const filter = (JSON.parse(text) as { filter?: unknown } | null)?.filter;
    return typeof filter === 'string' ? filter : undefined;
  } catch {
    return undefined;
  }
}

/** A result as compact JSON of at most 4,096 bytes: errors are shortened, then dropped, until it fits. */
export function encodeResult<T extends Failures>(result: T): string {
  for (const length of [400, 200, 100, 50]) {
    const text = JSON.stringify(shortenErrors(result, length, 8));
    if (Buffer.byteLength(text) <= MAX_RESULT_BYTES) return text;
  }
  return JSON.stringify(shortenErrors(result, 50, 1));
}

/** Reads a result; throws an Error that says what is wrong with it. */
export function decodeResult(text: string): WorkloadResult {
  return decode(workloadResult, text, 'result');
}

type Failures = Pick<WorkloadResult, 'errors' | 'destinations'>;

function shortenErrors<T extends Failures>(result: T, length: number, count: number): T {
  const cut = (text: string): string => (text.length <= length ? text : `${text.slice(0, length - 1)}…`);
  const dropped = result.errors.length - count;
  const errors = result.errors.slice(0, count).map(cut);
  return {
    ...result,
    errors: dropped > 0 ? [...errors, `… and ${dropped} more`] : errors,
    destinations: result.destinations.map((d) => (d.error === undefined ? d : { ...d, error: cut(d.error) })),
  };
}

/** Reads JSON of this version by a schema; throws an Error that says what is wrong with it. */
export function decode<T>(schema: z.ZodMiniType<T>, text: string, what: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`the ${what} is not JSON`, { cause: error });
  }
  const version = (value as { version?: unknown } | null)?.version;
  if (version !== WORKLOAD_VERSION) {
    const told = typeof version === 'number' ? `version ${version}` : 'no version';
    throw new Error(`the ${what} has ${told}; this program knows version ${WORKLOAD_VERSION}`);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new Error(`the ${what} is wrong at ${issue?.path.join('.') || 'its top'}: ${issue?.message ?? 'unknown'}`);
}
