import { tarballName } from './names.ts';
import type { DestinationSpec } from './workload-spec.ts';

/** A destination that can be read without the cluster. */
export type StoreSpec = Extract<DestinationSpec, { kind: 'blob' | 's3' }>;

/** Hosts of Azure Blob, in its public and its national clouds. */
const AZURE =
  /^[a-z0-9-]+\.(?:z\d+\.)?blob\.(?:core\.(?:windows\.net|usgovcloudapi\.net|chinacloudapi\.cn)|storage\.azure\.net)$/;
const AWS_REGION = /^[a-z0-9-]+$/;

/** Whether a store is Azure's or AWS' own, by its address. */
export function isCloudsOwn(at: StoreSpec): boolean {
  if (at.kind === 's3') return at.endpoint === null && AWS_REGION.test(at.region);
  const url = URL.parse(at.container ?? '');
  return url?.protocol === 'https:' && url.username === '' && url.port === '' && AZURE.test(url.hostname);
}

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
