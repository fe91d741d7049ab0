import { tarballName } from './names.ts';
import type { DestinationSpec } from './workload-spec.ts';

/** A destination that can be read without the cluster. */
export type StoreSpec = Extract<DestinationSpec, { kind: 'blob' | 's3' }>;

/** What a destination is called in a table. */
export function placeOf(destination: DestinationSpec): string {
  return destination.kind === 'host-path' ? 'host path' : baseOf(destination).replace(/^https?:\/\//, '');
}

/** Where the tarball of a stem lies, or will lie, at a destination. */
export function locationOf(destination: DestinationSpec, stem: string): string {
  return `${baseOf(destination).replace(/\/$/, '')}/${tarballName(stem)}`;
}

/** A destination without the name of a tarball. */
export function baseOf(destination: DestinationSpec): string {
  switch (destination.kind) {
    case 'host-path':
      return destination.path;
    case 'pvc':
      return `pvc/${destination.claim}`;
    case 'blob':
      return destination.container ?? `blob (Secret ${destination.access?.secret})`;
    case 's3':
      return ['s3:/', destination.bucket, destination.prefix].filter((part) => part !== '').join('/');
    default:
      return destination satisfies never;
  }
}
