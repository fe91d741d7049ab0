import type { Destination } from '../capture/request.ts';
import { parseSasUrl, sasProblem, sasWarnings } from '../capture/sas.ts';
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
  const sas = problems.parse('--blob-upload', withEnvironment(blobUpload, at.env), parseSasUrl);
  if (sas === undefined) return undefined;
  const span = { start: at.now(), durationMs: at.durationMs };
  const problem = sasProblem(sas, span);
  if (problem !== undefined) problems.found.push(`--blob-upload: ${problem}`);
  else problems.warnings.push(...sasWarnings(sas, span));
  return { kind: 'blob', access: { kind: 'sas', sas } };
}

/**
 * A container's URL that is typed without a SAS gets that of RETINA_BLOB_SAS_URL, if it is for the same container. The
 * variable alone never makes a destination: where packets go is always typed.
 */
export function withEnvironment(typed: string, env: NodeJS.ProcessEnv): string {
  const known = parseSasUrl(env.RETINA_BLOB_SAS_URL ?? '');
  if (known instanceof Error) return typed;
  const asked = typed.replace(/^[\s'"`]+|[\s'"`]+$/g, '').replace(/\/+$/, '');
  return asked === known.container ? known.url : typed;
}
