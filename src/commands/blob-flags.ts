import type { Destination } from '../capture/request.ts';
import { type BlobAccess, parseBlobUrl, parseSasUrl, sasProblem, sasWarnings } from '../capture/sas.ts';
import { type Problems, parseObjectName } from './flags.ts';

/** A destination in Azure Blob, as typed. */
export type BlobFlags = { blobUpload?: string; blobSecret?: string };

/** What a credential is checked against. */
export type Moment = { env: NodeJS.ProcessEnv; now: () => Date; durationMs: number | null };

/** The Azure Blob destination of a command line; undefined where none is given. */
export function toBlob(flags: BlobFlags, problems: Problems, at: Moment): Destination | undefined {
  const { blobUpload, blobSecret } = flags;
  if (blobUpload !== undefined && blobSecret !== undefined) {
    problems.found.push('--blob-secret and --blob-upload are two sources of one URL: give one of them');
    return undefined;
  }
  if (blobSecret !== undefined) {
    const name = problems.parse('--blob-secret', blobSecret, parseObjectName);
    return name === undefined ? undefined : { kind: 'blob', access: { kind: 'secret', name } };
  }
  if (blobUpload === undefined) return undefined;
  const access = problems.parse('--blob-upload', blobUpload, toBlobAccess(at.env));
  if (access === undefined) return undefined;
  if (access.kind === 'identity') {
    problems.warnings.push(`${access.container} has no SAS: the pods write to it by their own identity`);
    return { kind: 'blob', access };
  }
  const span = { start: at.now(), durationMs: at.durationMs };
  const problem = sasProblem(access.sas, span);
  if (problem !== undefined) problems.found.push(`--blob-upload: ${problem}`);
  else problems.warnings.push(...sasWarnings(access.sas, span));
  return { kind: 'blob', access };
}

/**
 * Reads a container's URL. One that is typed without a SAS gets that of RETINA_BLOB_SAS_URL, if it is for the same
 * container; another one there is more likely a mistake than a wish for an identity. The variable alone never makes a
 * destination: where packets go is always typed.
 */
export function toBlobAccess(env: NodeJS.ProcessEnv): (typed: string) => BlobAccess | Error {
  return (typed) => {
    const access = parseBlobUrl(typed);
    if (access instanceof Error || access.kind === 'sas') return access;
    const ambient = env.RETINA_BLOB_SAS_URL?.trim() || undefined;
    const sas = ambient === undefined ? undefined : parseSasUrl(ambient);
    const lacking = `${access.container} has no SAS`;
    if (sas instanceof Error) return new Error(`${lacking}, and RETINA_BLOB_SAS_URL none either: ${sas.message}`);
    if (sas?.container === access.container) return { kind: 'sas', sas };
    if (sas !== undefined) return new Error(`${lacking}, and that of RETINA_BLOB_SAS_URL is for ${sas.container}`);
    if (access.container.startsWith('https:')) return access;
    return new Error(`${lacking}, and an identity is only sent by TLS (https)`);
  };
}
