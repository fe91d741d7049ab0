import type { Destination } from '../capture/request.ts';
import { parseSasUrl, type SasUrl, writeProblem } from '../capture/sas.ts';
import { type Problems, parseObjectName } from './flags.ts';

/** Milliseconds that a tarball may take to be uploaded: a SAS that expires sooner than that is warned about. */
const UPLOAD_TIME = 300_000;

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
  const problem = writeProblem(sas) ?? timeProblem(sas, at);
  if (problem !== undefined) problems.found.push(`--blob-upload: ${problem}`);
  else warnOfTime(sas, problems, at);
  if (sas.url.startsWith('http:'))
    problems.warnings.push(`${sas.container} is reached without TLS: its SAS can be read on the way`);
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

function timeProblem({ container, expiresAt, startsAt }: SasUrl, { now, durationMs }: Moment): string | undefined {
  const start = now().getTime();
  const end = start + (durationMs ?? 0);
  if (expiresAt !== undefined && expiresAt.getTime() <= start) {
    return `the SAS of ${container} expired at ${iso(expiresAt)}`;
  }
  if (expiresAt !== undefined && expiresAt.getTime() <= end) {
    return `the SAS of ${container} expires at ${iso(expiresAt)}, before the capture can end (${iso(new Date(end))})`;
  }
  if (startsAt !== undefined && startsAt.getTime() > end) {
    return `the SAS of ${container} is not valid before ${iso(startsAt)}`;
  }
  return undefined;
}

function warnOfTime({ container, expiresAt }: SasUrl, problems: Problems, { now, durationMs }: Moment): void {
  if (expiresAt === undefined) return;
  const needed = durationMs === null ? Number.POSITIVE_INFINITY : durationMs + UPLOAD_TIME;
  if (expiresAt.getTime() - now().getTime() >= needed) return;
  const when = durationMs === null ? 'end the capture well before' : 'the upload must be done by then';
  problems.warnings.push(`the SAS of ${container} expires at ${iso(expiresAt)}: ${when}`);
}

function iso(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}
