import type { RestError } from '@azure/storage-blob';
import type { BlobAccess } from '../capture/sas.ts';
import { explainIdentity } from './azure-identity.ts';
import { redact } from './credentials.ts';
import { errnoOf } from './explain.ts';
import { LateError } from './tries.ts';

/** Why Azure Blob refused, in words: its own code first. Never the SAS; so the error itself is not passed on either. */
export function explainAzure(error: unknown, access: BlobAccess): string {
  if (error instanceof LateError) return error.message;
  const unknown = access.kind === 'identity' ? explainIdentity(error) : undefined;
  if (unknown !== undefined) return unknown;
  const { message, code, statusCode } = error as RestError;
  // The first line is the reason; below are request ids and times.
  const reason = redact(message.split('\n')[0] ?? '', secretsOf(access));
  // The answer to a look has no words.
  if (statusCode !== undefined)
    return [code || `HTTP ${statusCode}`, reason].filter(Boolean).join(': ') + refusal(access, statusCode);
  return [errnoOf(error) || code || 'no connection', reason].filter(Boolean).join(': ');
}

function secretsOf(access: BlobAccess): string[] {
  if (access.kind === 'identity') return [];
  return [access.sas.url, new URL(access.sas.url).searchParams.get('sig') ?? ''];
}

/** What the service does not tell of its refusal. */
function refusal(access: BlobAccess, statusCode: number): string {
  if (statusCode !== 403) return '';
  if (access.kind === 'identity')
    return ' (to write, it needs the role Storage Blob Data Contributor of the container)';
  const { expiresAt } = access.sas;
  const expired = expiresAt !== undefined && expiresAt.getTime() <= Date.now();
  return expired ? ` (the SAS expired at ${expiresAt.toISOString()})` : '';
}
