import { createHash } from 'node:crypto';

/** Labels, annotations and the container name are the reference CLI's: either tool finds the other's captures. */
export const LABEL_APP = 'retina.sh/app';
export const LABEL_CAPTURE = 'capture-name';
export const APP_CAPTURE = 'capture';
export const APP_DOWNLOAD = 'download';
/** Download pods must not carry `capture-name`: the reference CLI takes every pod that does for a capture. */
export const LABEL_DOWNLOAD_OF = 'retina.sh/download-of';
/** Upload pods are no captures either. */
export const APP_UPLOAD = 'upload';
export const LABEL_UPLOAD_OF = 'retina.sh/upload-of';
export const ANNOTATION_FILENAME = 'retina-capture-filename';
export const ANNOTATION_TIMESTAMP = 'retina-capture-timestamp';
export const ANNOTATION_HOST_PATH = 'retina-capture-hostpath';
/** Ours alone: the workload's instructions, and the word that ends it (see workload-spec.ts). */
export const ANNOTATION_WORKLOAD = 'retina.sh/workload';
/** The instructions of an upload pod (see upload-spec.ts). */
export const ANNOTATION_UPLOAD = 'retina.sh/upload';
export const ANNOTATION_STOP = 'retina.sh/stop';
/** The word to start, for a capture that waits for it: an instant. */
export const ANNOTATION_START = 'retina.sh/start';
export const ANNOTATION_NODE = 'retina.sh/node';
/** Random for each run of `create`, so that an undo never takes another run's Jobs for its own. */
export const ANNOTATION_RUN = 'retina.sh/run';
export const CONTAINER_CAPTURE = 'capture';
export const CONTAINER_DOWNLOAD = 'download';
export const CONTAINER_UPLOAD = 'upload';
/** Keys of the Secrets that hold credentials; the reference CLI's, and one for session tokens. */
export const KEY_BLOB_URL = 'blob-upload-url';
export const KEY_S3_ID = 's3-access-key-id';
export const KEY_S3_SECRET = 's3-secret-access-key';
export const KEY_S3_TOKEN = 's3-session-token';
export const KEY_S3_CA = 's3-ca.crt';

const MAX_LABEL = 63;
/** Begins the lines of a pod's log that tell what holds its delivery up: whoever waits for the capture is shown them. */
export const HELD_UP = 'held up: ';

/** File names hold 255 bytes; this leaves room for `.tar.gz.part` and for an interface's name. */
const MAX_STEM = 210;
const TARBALL_STAMP = /-(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)UTC\.tar\.gz$/;

/** `2026-11-21T10:15:00Z` as `20261121101500UTC`, the reference's form. */
export function fileTimestamp(at: Date): string {
  return `${at.toISOString().replace(/\D/g, '').slice(0, 14)}UTC`;
}

function digest(length: number, ...parts: readonly string[]): string {
  const hash = createHash('sha256').update(parts.join('\0')).digest();
  // The last digits: the first of a number with a limit are not evenly spread.
  return BigInt(`0x${hash.toString('hex')}`)
    .toString(36)
    .slice(-length);
}

/** Shortens text to a length; what was cut is replaced by a hash of the whole, so that results stay distinct. */
function shorten(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 9).replace(/[-.]+$/, '')}-${digest(8, text)}`;
}

/** The capture's file name on one node without extension: `<capture>-<node>-<timestamp>`, at most 210 characters. */
export function captureStem(capture: string, node: string, at: Date): string {
  const stamp = fileTimestamp(at);
  return `${capture}-${shorten(node, MAX_STEM - capture.length - stamp.length - 2)}-${stamp}`;
}

/** The tarball's file name for a stem. */
export function tarballName(stem: string): string {
  return `${stem}.tar.gz`;
}

/** The name of a tarball of what an unfinished capture has left; never that of a whole one. */
export function partialName(stem: string): string {
  return `${stem}.partial.tar.gz`;
}

/** The name of the file beside the tarball that holds the result. */
export function resultName(stem: string): string {
  return `${stem}.json`;
}

/** The hidden directory beside the tarball that holds everything unfinished of a capture. */
export function scratchName(stem: string): string {
  return `.retina-${stem}`;
}

/** Whether a file in a capture directory is, by its name, a tarball of this capture on this node. */
export function isTarballOf(fileName: string, capture: string, node: string): boolean {
  const [, year, month, day, hour, minute, second] = TARBALL_STAMP.exec(fileName) ?? [];
  const at = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return !Number.isNaN(at.getTime()) && fileName === tarballName(captureStem(capture, node, at));
}

/**
 * The name of the Job that captures on one node: a DNS label of at most 63 characters, for it becomes a label of the
 * Job's pods. The hash keeps names apart that would read alike (`a-b` on `c`, `a` on `b-c`) or had to be cut; with
 * eight letters, 5,000 nodes whose names read alike clash once in 200,000 captures.
 */
export function jobName(capture: string, node: string): string {
  const hash = digest(8, capture, node);
  const room = MAX_LABEL - hash.length - 2;
  const captureLength = Math.min(capture.length, Math.max(room - node.length, 30));
  const readable = `${capture.slice(0, captureLength)}-${node.slice(0, room - captureLength)}`;
  return `${readable.replace(/[^a-z0-9-]/g, '-').replace(/-+$/, '')}-${hash}`;
}

/** Selects the Jobs, pods and Secrets of one capture, or of all. */
export function captureSelector(capture?: string): string {
  const app = `${LABEL_APP}=${APP_CAPTURE}`;
  return capture === undefined ? app : `${app},${LABEL_CAPTURE}=${capture}`;
}

/** Selects all that this program creates: what captures, and what helps to fetch and to send tarballs. */
export const ALL_SELECTOR = `${LABEL_APP} in (${APP_CAPTURE},${APP_DOWNLOAD},${APP_UPLOAD})`;

/** Whether an object is one of ours by its labels: a capture's or a download's. */
export function isOurs(object: { metadata?: { labels?: Readonly<Record<string, string>> } }): boolean {
  return object.metadata?.labels?.[LABEL_APP] !== undefined;
}

/** The labels of every object of a capture. */
export function captureLabels(capture: string): Record<string, string> {
  return { [LABEL_APP]: APP_CAPTURE, [LABEL_CAPTURE]: capture };
}

/** Why a text cannot be a capture's name (a DNS label), or undefined when it can. */
export function captureNameProblem(name: string): string | undefined {
  if (name === '') return 'is empty';
  if (name.length > MAX_LABEL) return `is ${name.length} characters long; a name has at most ${MAX_LABEL}`;
  if (!/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(name)) {
    return 'is not a DNS label: use lower-case letters, digits and "-", with a letter or digit at both ends';
  }
  return undefined;
}
