import { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { CaptureError, ClusterError, messageOf } from '../errors.ts';
import type { Cluster, ExecOutcome } from '../kube/cluster.ts';
import { CONTAINER_DOWNLOAD } from './names.ts';
import { decodeDigest, decodeNodeFiles, type NodeFile, nodeFilesCommand } from './node-files.ts';
import { oneLine } from './plain-text.ts';

/** Tries without a single new byte before a download is given up. */
const MAX_IDLE_TRIES = 5;
/** Milliseconds before the second try; doubled for each further one. */
const FIRST_PAUSE = 500;
/** Bytes of answer that a command in the pod may give. */
const MAX_ANSWER = 16 << 20;
/** Exit codes from here on tell that a command was killed. */
const KILLED = 128;

/** A tarball whose size and SHA-256 are known before its first byte is fetched. */
export type ExpectedFile = { name: string; bytes: number; sha256: string };

/** The local end of a download: knows how much is there, takes more, and checks the whole. */
export type PartialFile = {
  /** Bytes that are there already. */
  size(): number;
  write(chunk: Buffer): Promise<void>;
  /** Throws away what is there. */
  restart(): Promise<void>;
  /** SHA-256 of all that is there, in hex. */
  digest(): string;
};

/** A download pod on a node, ready to answer. */
export type Place = { cluster: Cluster; pod: string; node: string; signal: AbortSignal };

/** The download pod has ended while it was needed (evicted, killed): another may do better. */
export class PodLostError extends CaptureError {
  constructor(node: string) {
    super(`the download pod on node ${node} ended before it had sent everything`, {
      hint: 'What came is kept: the same command goes on from there.',
    });
  }
}

/** The tarballs of a capture in the pod's directory. */
export async function findOnNode(place: Place, capture: string): Promise<NodeFile[]> {
  return ask(place, nodeFilesCommand.find(capture, place.node), decodeNodeFiles);
}

/** Size and SHA-256 of a tarball, computed on its node: for captures that left no result beside it. */
export async function digestOnNode(place: Place, name: string): Promise<ExpectedFile> {
  return { name, ...(await ask(place, nodeFilesCommand.sha256(name), decodeDigest)) };
}

/**
 * Fetches a file until all its bytes are here, taking up again after a stream that was cut, and checks its SHA-256. A
 * part from an earlier download that turns out to be of another file is fetched anew, once.
 */
export async function fetchFile(
  place: Place,
  file: ExpectedFile,
  part: PartialFile,
  told: (what: 'resumed' | 'restarted') => void,
): Promise<void> {
  let resumed = part.size() > 0;
  if (part.size() > file.bytes) {
    await part.restart();
    told('restarted');
    resumed = false;
  }
  await fetchBytes(place, file, part, told);
  if (part.digest() === file.sha256) return;
  await part.restart();
  if (resumed) {
    told('restarted');
    await fetchBytes(place, file, part, told);
    if (part.digest() === file.sha256) return;
    await part.restart();
  }
  throw await mismatch(place, file);
}

async function fetchBytes(
  place: Place,
  file: ExpectedFile,
  part: PartialFile,
  told: (what: 'resumed') => void,
): Promise<void> {
  for (let idle = 0; part.size() < file.bytes; ) {
    const before = part.size();
    const outcome = await readOnce(place, file, part);
    if (part.size() >= file.bytes) return;
    if (outcome.exitCode !== null && outcome.exitCode > 0 && outcome.exitCode < KILLED) {
      throw new CaptureError(`${file.name} cannot be read on node ${place.node}: ${oneLine(outcome.stderr)}`);
    }
    await requirePod(place);
    if (outcome.exitCode === 0) await requireWhole(place, file, part);
    idle = part.size() > before ? 0 : idle + 1;
    if (idle >= MAX_IDLE_TRIES) throw brokeOff(place, file, { part, idle, outcome });
    if (idle > 0)
      await sleep(FIRST_PAUSE * 2 ** (idle - 1), undefined, { signal: place.signal }).catch(() => undefined);
    place.signal.throwIfAborted();
    told('resumed');
  }
}

/** Reads as much as one stream gives; a connection that fails is a stream that was cut. */
async function readOnce(place: Place, file: ExpectedFile, part: PartialFile): Promise<ExecOutcome> {
  let failure: unknown;
  const sink = new Writable({
    highWaterMark: 1 << 20,
    write(chunk: Buffer, _encoding, done) {
      part.write(chunk.subarray(0, file.bytes - part.size())).then(() => done(), done);
    },
  });
  sink.on('error', (error) => {
    failure = error;
  });
  const command = nodeFilesCommand.read(file.name, part.size());
  const outcome = await place.cluster
    .exec({ ...execTarget(place), command }, sink, place.signal)
    .catch((error: unknown): ExecOutcome => {
      const refused = !(error instanceof ClusterError) || error.status === 401 || error.status === 403;
      if (refused) throw error;
      return { exitCode: null, stderr: messageOf(error) };
    });
  await new Promise<void>((resolve) => (sink.destroyed ? resolve() : sink.end(() => resolve())));
  if (failure !== undefined) throw failure;
  return outcome;
}

function execTarget(place: Place) {
  return { namespace: place.cluster.namespace, pod: place.pod, container: CONTAINER_DOWNLOAD };
}

/** Fails when the pod no longer runs; a server that does not answer now may do so later. */
async function requirePod(place: Place): Promise<void> {
  const selection = { namespace: place.cluster.namespace, fields: `metadata.name=${place.pod}` };
  const pods = await place.cluster.list('pods', selection).catch((error: unknown) => {
    if (error instanceof ClusterError && (error.status === undefined || error.status >= 500)) return undefined;
    throw error;
  });
  const status = pods?.[0]?.status?.containerStatuses?.find(({ name }) => name === CONTAINER_DOWNLOAD);
  if (pods !== undefined && status?.state?.running === undefined) throw new PodLostError(place.node);
}

/** A reader that came to the end too early has found a file that is shorter than it was. */
async function requireWhole(place: Place, file: ExpectedFile, part: PartialFile): Promise<void> {
  const there = await digestOnNode(place, file.name);
  if (there.bytes >= file.bytes) return;
  await part.restart();
  throw damaged(place, file, `it has ${there.bytes} bytes, and had ${file.bytes} when it was captured`);
}

async function mismatch(place: Place, file: ExpectedFile): Promise<CaptureError> {
  const there = await digestOnNode(place, file.name);
  if (there.sha256 !== file.sha256) return damaged(place, file, `its SHA-256 is not ${file.sha256}`);
  return new CaptureError(`${file.name} from node ${place.node} arrived damaged, but is whole on the node`, {
    hint: 'Nothing was kept here. Try again; if it happens often, check the disk and the memory of this machine.',
  });
}

function damaged(place: Place, file: ExpectedFile, how: string): CaptureError {
  return new CaptureError(`${file.name} is damaged on node ${place.node}: ${how}`, {
    hint: 'It has changed since it was captured, or the disk of the node fails. Nothing was kept here.',
  });
}

function brokeOff(
  place: Place,
  file: ExpectedFile,
  how: { part: PartialFile; idle: number; outcome: ExecOutcome },
): CaptureError {
  const why = oneLine(how.outcome.stderr);
  return new CaptureError(
    `the stream of ${file.name} from node ${place.node} broke off ${how.idle} times at byte ${how.part.size()} of ${file.bytes}${why ? `: ${why}` : ''}`,
    { hint: 'What came is kept: the same command goes on from there.' },
  );
}

/** Runs a command of the pod and reads what it printed. */
async function ask<T>(place: Place, command: readonly string[], decode: (text: string) => T): Promise<T> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes <= MAX_ANSWER) pieces.push(chunk);
      done();
    },
  });
  const outcome = await place.cluster.exec({ ...execTarget(place), command }, sink, place.signal);
  if (outcome.exitCode !== 0) {
    await requirePod(place);
    const why = oneLine(outcome.stderr) || 'the stream was cut';
    throw new CaptureError(`looking for files on node ${place.node} failed: ${why}`);
  }
  try {
    return decode(Buffer.concat(pieces).toString('utf8'));
  } catch (cause) {
    throw new CaptureError(`the answer of the download pod on node ${place.node} cannot be read`, {
      hint: 'Is its image one of this program, and not much older? Choose another with --image.',
      cause,
    });
  }
}
