import type { Destination, NodePath } from '../capture/request.ts';
import { type Problems, parseBasePath, parseNodePath } from './flags.ts';
import { DEFAULT_HOST_PATH, DEFAULT_HOST_PATH_BASE } from './run-rows.ts';

/** Where the tarballs go, as typed; unset flags are undefined. */
export type DestinationFlags = {
  hostPath?: string;
  hostPathBaseDir?: string;
  pvc?: string;
  blobUpload?: string;
  blobSecret?: string;
  s3Bucket?: string;
  s3Region?: string;
  s3Endpoint?: string;
  s3Path?: string;
  s3AccessKeyId?: string;
  s3SecretAccessKey?: string;
  s3SessionToken?: string;
  s3Secret?: string;
  cleanupAfterUpload?: boolean;
};

/** The destinations of a command line; the host path where no other is given. */
export function toDestinations(flags: DestinationFlags, problems: Problems): readonly Destination[] {
  const base = problems.parse('--host-path-base-dir', flags.hostPathBaseDir ?? DEFAULT_HOST_PATH_BASE, parseBasePath);
  const path = problems.parse('--host-path', flags.hostPath ?? DEFAULT_HOST_PATH, parseNodePath(base ?? '/'));
  return [{ kind: 'host-path', path: path ?? (DEFAULT_HOST_PATH as NodePath) }];
}
