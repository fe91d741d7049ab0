import type { Destination, NodePath } from '../capture/request.ts';
import { type BlobFlags, type Moment, toBlob } from './blob-flags.ts';
import { type Problems, parseBasePath, parseDuration, parseNodePath, parseObjectName } from './flags.ts';
import { DEFAULT_HOST_PATH, DEFAULT_HOST_PATH_BASE, DEFAULT_UPLOAD_TIMEOUT } from './run-rows.ts';
import { type S3Flags, toS3 } from './s3-flags.ts';

/** Where the tarballs go, as typed; unset flags are undefined. */
export type DestinationFlags = BlobFlags &
  S3Flags & {
    hostPath?: string;
    hostPathBaseDir?: string;
    pvc?: string;
    cleanupAfterUpload?: boolean;
    uploadTimeout?: string;
  };

/** The destinations of a command line; the host path where no other is given. */
export function toDestinations(flags: DestinationFlags, problems: Problems, at: Moment): readonly Destination[] {
  const before = problems.found.length;
  const claim = problems.parse('--pvc', flags.pvc, parseObjectName);
  const remote = [
    claim === undefined ? undefined : ({ kind: 'pvc', claim } as const),
    toBlob(flags, problems, at),
    toS3(flags, problems, at.env),
  ].filter((destination) => destination !== undefined);
  const wanted = flags.hostPath !== undefined || (remote.length === 0 && problems.found.length === before);
  const hostPath = wanted ? toHostPath(flags, problems) : undefined;
  if (flags.cleanupAfterUpload === true && remote.length === 0 && problems.found.length === before) {
    problems.found.push('--cleanup-after-upload requires remote storage (--blob-upload, --s3-bucket, or --pvc)');
  }
  return [...(hostPath === undefined ? [] : [hostPath]), ...remote];
}

/** Milliseconds that uploads may take after the capture's end. */
export function toUploadTimeout({ uploadTimeout }: DestinationFlags, problems: Problems): number {
  const parse = (text: string): number | Error => {
    const milliseconds = parseDuration(text);
    return milliseconds === 0 ? new Error('0 leaves no time: give 1s or more') : milliseconds;
  };
  return problems.parse('--upload-timeout', uploadTimeout ?? DEFAULT_UPLOAD_TIMEOUT, parse) ?? 0;
}

function toHostPath(flags: DestinationFlags, problems: Problems): Destination {
  const base = problems.parse('--host-path-base-dir', flags.hostPathBaseDir ?? DEFAULT_HOST_PATH_BASE, parseBasePath);
  const path = problems.parse('--host-path', flags.hostPath ?? DEFAULT_HOST_PATH, parseNodePath(base ?? '/'));
  return { kind: 'host-path', path: path ?? (DEFAULT_HOST_PATH as NodePath) };
}
