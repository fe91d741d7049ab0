import { Writable } from 'node:stream';
import { CaptureError } from '../errors.ts';
import type { Cluster } from '../kube/cluster.ts';
import { CONTAINER_DOWNLOAD } from './names.ts';
import { decodeDigest, decodeNodeFiles, type NodeFile, nodeFilesCommand } from './node-files.ts';

/** Tries without a single new byte before a download is given up. */
const MAX_IDLE_TRIES = 3;
/** Bytes of answer that a command in the pod may give. */
const MAX_ANSWER = 1 << 20;

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

/** The tarballs of a capture in the pod's directory. */
export async function findOnNode(place: Place, capture: string): Promise<NodeFile[]> {
  return decodeNodeFiles(await ask(place, nodeFilesCommand.find(capture, place.node)));
}

/** Size and SHA-256 of a tarball, computed on its node: for captures that left no result beside it. */
export async function digestOnNode(place: Place, name: string): Promise<ExpectedFile> {
  return { name, ...decodeDigest(await ask(place, nodeFilesCommand.sha256(name))) };
}

/**
 * Fetches a file until all its bytes are here, taking up again after a stream that was cut, and checks its SHA-256. A
 * part from an earlier download that turns out to be of another file is fetched anew, once.
 */
export async function fetchFile(
  place: Place,
  file: ExpectedFile,
  part: PartialFile,
  progress: (bytes: number) => void,
): Promise<void> {
  const resumed = part.size() > 0;
  if (part.size() > file.bytes) await part.restart();
  await fetchBytes(place, file, part, progress);
  if (part.digest() === file.sha256) return;
  await part.restart();
  if (!resumed) throw mismatch(place, file);
  await fetchBytes(place, file, part, progress);
  if (part.digest() === file.sha256) return;
  await part.restart();
  throw mismatch(place, file);
}

function mismatch(place: Place, file: ExpectedFile): CaptureError {
  return new CaptureError(`${file.name} from node ${place.node} is damaged: its SHA-256 is not ${file.sha256}`, {
    hint: 'The file on the node has changed since it was captured, or its disk fails. Nothing was kept here.',
  });
}

async function fetchBytes(
  place: Place,
  file: ExpectedFile,
  part: PartialFile,
  progress: (bytes: number) => void,
): Promise<void> {
  let idle = 0;
  while (part.size() < file.bytes) {
    const before = part.size();
    let failure: unknown;
    const sink = new Writable({
      highWaterMark: 1 << 20,
      write(chunk: Buffer, _encoding, done) {
        const room = file.bytes - part.size();
        part.write(chunk.subarray(0, room)).then(() => {
          progress(part.size());
          done();
        }, done);
      },
    });
    sink.on('error', (error) => {
      failure = error;
    });
    const outcome = await place.cluster.exec(
      { ...execTarget(place), command: nodeFilesCommand.read(file.name, before) },
      sink,
      place.signal,
    );
    await new Promise<void>((resolve) => (sink.destroyed ? resolve() : sink.end(() => resolve())));
    if (failure !== undefined) throw failure;
    if (part.size() >= file.bytes) return;
    if (outcome.exitCode !== null && outcome.exitCode !== 0) {
      throw new CaptureError(`${file.name} cannot be read on node ${place.node}: ${outcome.stderr.trim()}`);
    }
    idle = part.size() > before ? 0 : idle + 1;
    if (idle >= MAX_IDLE_TRIES) {
      throw new CaptureError(
        `the stream of ${file.name} from node ${place.node} broke off ${idle} times at byte ${part.size()} of ${file.bytes}`,
        { hint: 'What came is kept: the same command goes on from there.' },
      );
    }
  }
}

function execTarget(place: Place) {
  return { namespace: place.cluster.namespace, pod: place.pod, container: CONTAINER_DOWNLOAD };
}

/** Runs a command of the pod and returns what it printed. */
async function ask(place: Place, command: readonly string[]): Promise<string> {
  let answer = '';
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      answer = (answer + chunk.toString('utf8')).slice(0, MAX_ANSWER);
      done();
    },
  });
  const outcome = await place.cluster.exec({ ...execTarget(place), command }, sink, place.signal);
  if (outcome.exitCode === 0) return answer;
  throw new CaptureError(
    `looking for files on node ${place.node} failed: ${outcome.stderr.trim() || 'the stream was cut'}`,
  );
}
