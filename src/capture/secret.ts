import { CaptureError } from '../errors.ts';
import type { Job, Owner, Secret } from '../kube/cluster.ts';
import {
  ANNOTATION_RUN,
  captureLabels,
  KEY_BLOB_URL,
  KEY_S3_CA,
  KEY_S3_ID,
  KEY_S3_SECRET,
  KEY_S3_TOKEN,
} from './names.ts';
import type { Destination, S3Keys } from './request.ts';
import { parseSasUrl, type SasUrl } from './sas.ts';

/** The name of a capture's own Secret: no two runs share one, so that an undo takes away its own only. */
export function secretName(capture: string, runId: string): string {
  return `${capture}-${runId}`;
}

/** The one Secret with all credentials that were given for a capture; undefined where none was. */
export function buildSecret(
  capture: { name: string; namespace: string; destinations: readonly Destination[] },
  run: { id: string },
): Secret | undefined {
  const entries = capture.destinations.flatMap(credentials).sort(([a], [b]) => (a < b ? -1 : 1));
  if (entries.length === 0) return undefined;
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: secretName(capture.name, run.id),
      namespace: capture.namespace,
      labels: captureLabels(capture.name),
      annotations: { [ANNOTATION_RUN]: run.id },
    },
    type: 'Opaque',
    stringData: Object.fromEntries(entries),
  };
}

/** Jobs as the owners of their Secret: with the last of them the cluster removes it, whoever deletes them. */
export function ownersOf(jobs: readonly Job[]): Owner[] {
  return jobs.map(({ metadata }) => {
    const { name = '', uid = '' } = metadata ?? {};
    return { apiVersion: 'batch/v1', kind: 'Job', name, uid };
  });
}

function credentials(destination: Destination): [key: string, value: string][] {
  switch (destination.kind) {
    case 'host-path':
    case 'pvc':
      return [];
    case 'blob':
      return destination.access.kind === 'sas' ? [[KEY_BLOB_URL, destination.access.sas.url]] : [];
    case 's3': {
      const { ca } = destination.place;
      const authorities: [string, string][] = ca === null ? [] : [[KEY_S3_CA, ca]];
      if (destination.access.kind !== 'keys') return authorities;
      const { accessKeyId, secretAccessKey, sessionToken } = destination.access.keys;
      return [
        ...authorities,
        [KEY_S3_ID, accessKeyId],
        [KEY_S3_SECRET, secretAccessKey],
        ...(sessionToken === undefined ? [] : [[KEY_S3_TOKEN, sessionToken] as [string, string]]),
      ];
    }
    default:
      return destination satisfies never;
  }
}

/** The SAS URL in a Secret; where it has one key alone, that one is meant. An Error tells what is wrong with it. */
export function sasIn({ metadata, data = {} }: Secret): SasUrl | Error {
  const keys = Object.keys(data);
  const [only = KEY_BLOB_URL] = keys.length === 1 ? keys : [];
  const sas = parseSasUrl(decoded(data[only]));
  return sas instanceof Error ? new Error(`Secret ${metadata?.name} holds no SAS URL: ${sas.message}`) : sas;
}

/** The S3 keys in a Secret; throws a CaptureError where one of the two is missing. */
export function s3KeysIn(secret: Secret): S3Keys {
  return {
    accessKeyId: valueIn(secret, KEY_S3_ID),
    secretAccessKey: valueIn(secret, KEY_S3_SECRET),
    sessionToken: secret.data?.[KEY_S3_TOKEN] === undefined ? undefined : valueIn(secret, KEY_S3_TOKEN),
  };
}

/** The value of a key in a Secret; throws a CaptureError where it is missing or blank. */
export function valueIn({ metadata, data }: Secret, key: string): string {
  const value = decoded(data?.[key]);
  if (value === '') throw new CaptureError(`Secret ${metadata?.name} has no key ${key}`);
  return value;
}

function decoded(value = ''): string {
  return Buffer.from(value, 'base64').toString('utf8').trim();
}
