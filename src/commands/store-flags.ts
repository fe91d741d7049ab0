import type { Deps } from '../deps.ts';
import { UsageError } from '../errors.ts';
import { openBlobStore } from '../upload/blob-store.ts';
import { openS3Store } from '../upload/s3-store.ts';
import type { Store } from '../upload/store.ts';
import { toBlobAccess } from './blob-flags.ts';
import { type Problems, throwProblems } from './flags.ts';
import { type S3StoreFlags, toS3Keys, toS3Place } from './s3-flags.ts';

/** A store that is read without a cluster, as typed. */
export type StoreFlags = S3StoreFlags & { blobUrl?: string };

/** Whether a command line names a store: no cluster is asked then. */
export function namesStore(flags: StoreFlags): boolean {
  return (
    flags.blobUrl !== undefined ||
    Object.entries(flags).some(([flag, value]) => flag.startsWith('s3') && value !== undefined)
  );
}

/** The store that a command line names; `problems` are those of its other flags, `done` what is not done for them. */
export async function openStore(
  deps: Pick<Deps, 'env' | 'ui'>,
  flags: StoreFlags,
  problems: Problems,
  done: string,
): Promise<Store> {
  const { blobUrl } = flags;
  const container = problems.parse('--blob-url', blobUrl, toBlobAccess(deps.env));
  const place = toS3Place(flags, problems, deps.env);
  const keys = place === undefined ? undefined : toS3Keys(flags, problems, deps.env);
  if (blobUrl !== undefined && place !== undefined) {
    problems.found.push('--blob-url and --s3-bucket are two stores: give one of them');
  }
  throwProblems(problems, done);
  for (const warning of problems.warnings) deps.ui.warn(warning);
  if (container !== undefined) return openBlobStore(container);
  if (place === undefined) throw new UsageError('--s3-bucket is missing');
  return openS3Store(place, keys);
}
