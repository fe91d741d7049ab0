import type { ExpectedFile } from '../capture/download.ts';
import { KEY_S3_CA, resultName } from '../capture/names.ts';
import type { LocalPath } from '../capture/part-file.ts';
import { baseOf, isCloudsOwn, type StoreSpec } from '../capture/places.ts';
import { s3KeysIn, sasIn, valueIn } from '../capture/secret.ts';
import type { Source } from '../capture/sources.ts';
import { shellWord } from '../capture/suggest.ts';
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
  const own = (place: string): string[] =>
    isRefused(at) ? [`With your own identity, if that is your store: ${command} ${place}`] : [];
  if (at.kind === 'blob') {
    const container = at.container ?? 'https://<account>.blob.core.windows.net/<container>';
    const sas = `With a SAS that may read and list: ${command} --blob-url ${shellWord(`${container}?<SAS>`)}`;
    return [...own(`--blob-url ${shellWord(container)}`), sas].join('\n');
  }
  const endpoint = at.endpoint === null ? '' : ` --s3-endpoint ${shellWord(at.endpoint)}`;
  const bucket = `--s3-bucket ${shellWord(at.bucket)} --s3-region ${shellWord(at.region)}`;
  const place = `${bucket}${endpoint} --s3-path ${shellWord(at.prefix)}`;
  const keys = `With other keys, or another address: ${command} ${place} --s3-access-key-id … --s3-secret-access-key …`;
  return [...own(place), keys].join('\n');
}

/** A pod names its store, and whoever may make pods can name any: who you are is shown to no stranger. */
function isRefused(at: StoreSpec): boolean {
  return at.access === null && !isCloudsOwn(at);
}

async function expectedIn(store: Store, tarball: string | undefined, signal: AbortSignal): Promise<ExpectedFile> {
  const stem = tarball?.replace(/\.tar\.gz$/, '');
  const result = stem === undefined ? undefined : await readResult(store, resultName(stem), signal);
  if (result?.tarball?.name === tarball && result?.tarball) return result.tarball;
  throw new CaptureError(`${store.place} has no result beside ${tarball}, so it could not be verified`);
}

/** The store of a destination, by the Secret that it names; else by what this machine has, as its pod by its identity. */
async function openStoreOf(cluster: Cluster, at: StoreSpec): Promise<Store> {
  if (isRefused(at)) {
    const where = at.kind === 's3' && at.endpoint !== null ? `${baseOf(at)} at ${at.endpoint}` : baseOf(at);
    throw new CaptureError(
      `the tarball should be in ${where}, where your identity is shown only if you type that place`,
    );
  }
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
