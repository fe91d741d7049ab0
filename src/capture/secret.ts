import type { Secret } from '../kube/cluster.ts';
import {
  ANNOTATION_RUN,
  captureLabels,
  KEY_BLOB_URL,
  KEY_S3_CA,
  KEY_S3_ID,
  KEY_S3_SECRET,
  KEY_S3_TOKEN,
} from './names.ts';
import type { Destination } from './request.ts';

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
