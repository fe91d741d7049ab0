import type { Destination, S3Place } from '../capture/request.ts';
import type { BucketChange, UploadRequest } from '../capture/upload-plan.ts';
import type { Deps } from '../deps.ts';
import { type BlobFlags, toBlob } from './blob-flags.ts';
import { toUploadTimeout } from './destination-flags.ts';
import { type Problems, parseNames, parseObjectName } from './flags.ts';
import { type ImageFlags, toOwnImage } from './job-flags.ts';
import { type S3Flags, toS3 } from './s3-flags.ts';

/** The flags of `capture upload` as typed; unset ones are undefined. */
export type UploadFlags = BlobFlags &
  S3Flags &
  ImageFlags & { nodeNames?: string; pvc?: string; uploadTimeout?: string; cleanupAfterUpload?: boolean };

/** Which flag changes what of a bucket that is known already. */
const PLACE_FLAGS = [
  ['s3Region', 'region'],
  ['s3Endpoint', 'endpoint'],
  ['s3Path', 'prefix'],
  ['s3CaFile', 'ca'],
  ['s3RequestChecksumCalculation', 'checksums'],
] as const;
const ACCESS_FLAGS = ['s3Secret', 's3AccessKeyId', 's3SecretAccessKey', 's3SessionToken'] as const;
/** Stands for the capture's own bucket and region while the other flags are checked. */
const ANY = { s3Bucket: 'any', s3Region: 'any' };

/** Flags to a request: every rule that needs no cluster. It counts only if there are no problems. */
export function toUploadRequest(
  flags: UploadFlags,
  problems: Problems,
  { env, now }: Pick<Deps, 'env' | 'now'>,
): UploadRequest {
  const claim = problems.parse('--pvc', flags.pvc, parseObjectName);
  const bucket = toBucketChange(flags, problems, env);
  const destinations: readonly (Destination | undefined)[] = [
    claim === undefined ? undefined : { kind: 'pvc', claim },
    toBlob(flags, problems, { env, now, durationMs: 0 }),
    bucket === undefined ? toS3(flags, problems, env) : undefined,
  ];
  return {
    nodes: problems.parse('--node-names', flags.nodeNames, parseNames),
    destinations: destinations.filter((destination) => destination !== undefined),
    bucket,
    timeoutMs: toUploadTimeout(flags, problems),
    removeCopy: flags.cleanupAfterUpload === true,
    image: toOwnImage(flags, problems, env),
  };
}

/** Flags of S3 without a bucket mean the capture's own, with other keys or another way to it; undefined without any. */
function toBucketChange(flags: S3Flags, problems: Problems, env: NodeJS.ProcessEnv): BucketChange | undefined {
  if (flags.s3Bucket !== undefined) return undefined;
  const places = PLACE_FLAGS.filter(([flag]) => flags[flag] !== undefined);
  const keys = ACCESS_FLAGS.some((flag) => flags[flag] !== undefined);
  if (places.length === 0 && !keys) return undefined;
  const whole = toS3({ ...ANY, ...flags }, problems, env);
  if (whole?.kind !== 's3') return undefined;
  const place: Partial<S3Place> = Object.fromEntries(places.map(([, field]) => [field, whole.place[field]]));
  return { place, access: keys ? whole.access : undefined };
}
