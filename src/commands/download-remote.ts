import type { ExpectedFile } from '../capture/download.ts';
import { KEY_S3_CA, resultName } from '../capture/names.ts';
import type { LocalPath } from '../capture/part-file.ts';
import { baseOf, type StoreSpec } from '../capture/places.ts';
import { s3KeysIn, sasIn, valueIn } from '../capture/secret.ts';
import type { Source } from '../capture/sources.ts';
import type { Deps } from '../deps.ts';
import { CaptureError, ClusterError, messageOf } from '../errors.ts';
import type { Cluster, Secret } from '../kube/cluster.ts';
import { openBlobStore } from '../upload/blob-store.ts';
import { openS3Store } from '../upload/s3-store.ts';
import type { Store } from '../upload/store.ts';
import type { Wanted } from './download-names.ts';
import { fetchTarball } from './fetch-tarball.ts';
import { readResult } from './store-tarballs.ts';

/** Fetches a node's tarball from the store that took it, with the credentials that its capture has. */
export async function fetchFromStore(
  deps: Pick<Deps, 'ui' | 'signal'>,
  { cluster, capture, directory }: Wanted,
  { at, source }: { at: StoreSpec; source: Source },
): Promise<[path: string, file: ExpectedFile]> {
  try {
    const store = await openStoreOf(cluster, at);
    const file = source.expected ?? (await expectedIn(store, source.tarball, deps.signal));
    const path = await fetchTarball(deps, store, { node: source.node, file, directory: directory as LocalPath });
    return [path, file];
  } catch (error) {
    if (!(error instanceof CaptureError) || error.hint !== undefined) throw error;
    throw new CaptureError(error.message, { hint: otherwise(at, capture), cause: error });
  }
}

/** What to type when the capture's own credentials do not do. */
function otherwise(at: StoreSpec, capture: string): string {
  const command = `kubectl retina capture download ${capture}`;
  if (at.kind === 'blob') {
    const container = at.container ?? 'https://<account>.blob.core.windows.net/<container>';
    return `With a SAS that may read and list: ${command} --blob-url '${container}?<SAS>'`;
  }
  const endpoint = at.endpoint === null ? '' : ` --s3-endpoint ${at.endpoint}`;
  const place = `--s3-bucket ${at.bucket} --s3-region ${at.region}${endpoint} --s3-path '${at.prefix}'`;
  return `With other keys, or another address: ${command} ${place} --s3-access-key-id … --s3-secret-access-key …`;
}

async function expectedIn(store: Store, tarball: string | undefined, signal: AbortSignal): Promise<ExpectedFile> {
  const stem = tarball?.replace(/\.tar\.gz$/, '');
  const result = stem === undefined ? undefined : await readResult(store, resultName(stem), signal);
  if (result?.tarball?.name === tarball && result?.tarball) return result.tarball;
  throw new CaptureError(`${store.place} has no result beside ${tarball}, so it could not be verified`);
}

/** The store of a destination, by the Secret that it names; else by what this machine has, as its pod by its identity. */
async function openStoreOf(cluster: Cluster, at: StoreSpec): Promise<Store> {
  switch (at.kind) {
    case 'blob': {
      if (at.access === null) return openBlobStore({ kind: 'identity', container: baseOf(at) });
      const sas = sasIn(await readSecret(cluster, at, at.access.secret));
      if (sas instanceof Error) throw new CaptureError(sas.message);
      return openBlobStore({ kind: 'sas', sas });
    }
    case 's3': {
      const ca = at.ca === null ? null : valueIn(await readSecret(cluster, at, at.ca.secret), KEY_S3_CA);
      if (at.access === null) return openS3Store({ ...at, ca }, undefined);
      return openS3Store({ ...at, ca }, s3KeysIn(await readSecret(cluster, at, at.access.secret)));
    }
    default:
      return at satisfies never;
  }
}

async function readSecret(cluster: Cluster, at: StoreSpec, name: string): Promise<Secret> {
  const why = `the tarball is in ${baseOf(at)}, and Secret ${name}, which has the credentials,`;
  try {
    const secret = await cluster.get('secrets', cluster.namespace, name);
    if (secret !== undefined) return secret;
  } catch (error) {
    if (!(error instanceof ClusterError) || error.status !== 403) throw error;
    throw new CaptureError(`${why} may not be read by you: ${messageOf(error)}`, { cause: error });
  }
  throw new CaptureError(`${why} is not there any more`);
}
