import { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { CaptureError, ClusterError, messageOf } from '../errors.ts';
import type { Cluster, ExecOutcome } from '../kube/cluster.ts';
import { CONTAINER_DOWNLOAD } from './names.ts';
import { decodeDigest, decodeNodeFiles, decodePartials, type NodeFile, nodeFilesCommand } from './node-files.ts';
import { oneLine } from './plain-text.ts';

/** Tries without a single new byte before a download is given up. */
const MAX_IDLE_TRIES = 5;
/** Milliseconds before the second try; doubled for each further one. */
const FIRST_PAUSE = 500;
/** Bytes of answer that a command in the pod may give. */
const MAX_ANSWER = 16 << 20;
/** Milliseconds without a byte of a file that lies there; and of what a pod first reads, or makes, as a whole. */
const READ_LIMIT = 300_000;
const MAKE_LIMIT = 3_600_000;
const KEPT = 'What came is kept: the same command goes on from there.';
/** Exit codes from here on tell that a command was killed. */
const KILLED = 128;

/** A tarball whose size and SHA-256 are known before its first byte is fetched. */
export type ExpectedFile = {
  name: string;
  bytes: number;
  sha256: string;
  /** Of a capture that did not come to its end: its tarball is made on its node while it is read. */
  partial?: { capture: string; packets: number };
};

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
      hint: KEPT,
    });
  }
}

/** The tarballs of a capture in the pod's directory. */
export async function findOnNode(place: Place, capture: string): Promise<NodeFile[]> {
  return ask(place, nodeFilesCommand.find(capture, place.node), decodeNodeFiles);
}

/** Tarballs of what captures have left in the pod's directory that did not come to their end. */
export async function findPartialsOnNode(place: Place, capture: string): Promise<ExpectedFile[]> {
  const found = await ask(place, nodeFilesCommand.findPartial(capture, place.node), decodePartials);
  return found.map(({ packets, ...file }) => ({ ...file, partial: { capture, packets } }));
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
    if (idle > 0) await sleep(pauseAfter(idle), undefined, { signal: place.signal }).catch(() => undefined);
    place.signal.throwIfAborted();
    told('resumed');
  }
}

/** Reads as much as one stream gives; a connection that fails is a stream that was cut. */
async function readOnce(place: Place, file: ExpectedFile, part: PartialFile): Promise<ExecOutcome> {
  const whole = file.partial === undefined;
  const command = (whole ? nodeFilesCommand.read : nodeFilesCommand.readPartial)(file.name, part.size());
  return await run(place, command, {
    idleMs: whole ? READ_LIMIT : MAKE_LIMIT,
    take: async (chunk) => {
      const room = file.bytes - part.size();
      await part.write(chunk.subarray(0, room));
      return chunk.length <= room;
    },
  });
}

/** What becomes of the bytes of a command: false when no more are wanted; none for so long is a failure. */
type Reading = { take: (chunk: Buffer) => Promise<boolean>; idleMs: number };

/**
 * Runs a command in the pod; a connection that could not be made, or broke, is one that told no exit code. Whose image it
 * is, the pod's Job tells, which others may have made: a stream that never ends is left.
 */
async function run(place: Place, command: readonly string[], { take, idleMs }: Reading): Promise<ExecOutcome> {
  const { cluster, pod, node, signal } = place;
  let failure: unknown;
  const sink = new Writable({
    highWaterMark: 1 << 20,
    write(chunk: Buffer, _encoding, done) {
      idle.refresh();
      take(chunk).then((more) => (more ? done() : sink.destroy()), done);
    },
  });
  // A sink that is destroyed ends the connection.
  const silent = `the download pod on node ${node} has sent nothing for ${idleMs / 60_000} minutes`;
  const idle = setTimeout(() => sink.destroy(new CaptureError(silent, { hint: KEPT })), idleMs);
  sink.on('error', (error) => {
    failure = error;
  });
  const target = { namespace: cluster.namespace, pod, container: CONTAINER_DOWNLOAD, command };
  const outcome = await cluster
    .exec(target, sink, signal)
    .catch((error: unknown): ExecOutcome => {
      const refused = !(error instanceof ClusterError) || error.status === 401 || error.status === 403;
      if (refused) throw error;
      return { exitCode: null, stderr: messageOf(error) };
    })
    .finally(() => clearTimeout(idle));
  await new Promise<void>((resolve) => (sink.destroyed ? resolve() : sink.end(() => resolve())));
  if (failure !== undefined) throw failure;
  return outcome;
}

/** Milliseconds before the next try after some that brought nothing. */
function pauseAfter(idle: number): number {
  return FIRST_PAUSE * 2 ** (idle - 1);
}

/** Fails when the pod no longer runs, or cannot be seen: a server that is away is waited for, as long as a request may take. */
async function requirePod(place: Place): Promise<void> {
  const selection = { namespace: place.cluster.namespace, fields: `metadata.name=${place.pod}` };
  const pods = await place.cluster.list('pods', selection).catch((error: unknown) => {
    if (!(error instanceof ClusterError)) throw error;
    throw new CaptureError(`the download from node ${place.node} broke off: ${error.message}`, {
      hint: KEPT,
      cause: error,
    });
  });
  const status = pods[0]?.status?.containerStatuses?.find(({ name }) => name === CONTAINER_DOWNLOAD);
  if (status?.state?.running === undefined) throw new PodLostError(place.node);
}

async function digestNow(place: Place, file: ExpectedFile): Promise<ExpectedFile> {
  if (file.partial === undefined) return digestOnNode(place, file.name);
  const found = (await findPartialsOnNode(place, file.partial.capture)).find(({ name }) => name === file.name);
  return found ?? { ...file, bytes: 0, sha256: '' };
}

/** A reader that came to the end too early has found a file that is shorter than it was. */
async function requireWhole(place: Place, file: ExpectedFile, part: PartialFile): Promise<void> {
  const there = await digestNow(place, file);
  if (there.bytes >= file.bytes) return;
  await part.restart();
  throw damaged(place, file, `it has ${there.bytes} bytes, and had ${file.bytes} when it was captured`);
}

async function mismatch(place: Place, file: ExpectedFile): Promise<CaptureError> {
  const there = await digestNow(place, file);
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
    { hint: KEPT },
  );
}

/** Runs a command of the pod and reads what it printed; again, when the stream was cut. */
async function ask<T>(place: Place, command: readonly string[], decode: (text: string) => T): Promise<T> {
  for (let idle = 1; ; idle += 1) {
    const { outcome, text } = await askOnce(place, command);
    if (outcome.exitCode === 0) return decoded(place, text, decode);
    place.signal.throwIfAborted();
    await requirePod(place);
    const cut = outcome.exitCode === null || outcome.exitCode >= KILLED;
    if (!cut || idle === MAX_IDLE_TRIES) {
      const why = oneLine(outcome.stderr) || 'the stream was cut';
      throw new CaptureError(`looking for files on node ${place.node} failed: ${why}`);
    }
    await sleep(pauseAfter(idle), undefined, { signal: place.signal }).catch(() => undefined);
    place.signal.throwIfAborted();
  }
}

async function askOnce(place: Place, command: readonly string[]): Promise<{ outcome: ExecOutcome; text: string }> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  const take = async (chunk: Buffer): Promise<boolean> => {
    bytes += chunk.length;
    pieces.push(chunk);
    return bytes <= MAX_ANSWER;
  };
  const outcome = await run(place, command, { take, idleMs: MAKE_LIMIT });
  if (bytes > MAX_ANSWER) throw unreadable(place);
  return { outcome, text: Buffer.concat(pieces).toString('utf8') };
}

function decoded<T>(place: Place, text: string, decode: (text: string) => T): T {
  try {
    return decode(text);
  } catch (cause) {
    throw unreadable(place, cause);
  }
}

function unreadable({ node }: Place, cause?: unknown): CaptureError {
  return new CaptureError(`the answer of the download pod on node ${node} cannot be read`, {
    hint: 'Is its image one of this program, and not much older? Choose another with --image.',
    cause,
  });
}
