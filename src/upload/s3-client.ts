import type { S3Client, S3ClientConfig, S3ServiceException } from '@aws-sdk/client-s3';
import { redact } from './credentials.ts';
import { errnoOf } from './explain.ts';

/** A bucket, and how to reach it. */
export type S3Address = { bucket: string; region: string; endpoint: string | null; prefix: string };
export type S3Credentials = { accessKeyId: string; secretAccessKey: string; sessionToken?: string };
export type S3Connection = { client: S3Client; explain: (error: unknown) => string };

/** With the SDK's 3 tries, a store that is away for 150 ms is given up; 10 outlast 20 s. */
const MAX_ATTEMPTS = 10;
/** Milliseconds without a byte in either direction: without it, a store that never answers is waited for for ever. */
const IDLE_LIMIT = 60_000;
const CONNECT_LIMIT = 5_000;

/** A client for a bucket; without credentials, the SDK finds those of the pod's own identity. */
export async function connectS3(address: S3Address, credentials: S3Credentials | undefined): Promise<S3Connection> {
  const { S3Client } = await import('@aws-sdk/client-s3');
  const config: S3ClientConfig = {
    region: address.region,
    maxAttempts: MAX_ATTEMPTS,
    requestHandler: { connectionTimeout: CONNECT_LIMIT, socketTimeout: IDLE_LIMIT },
    // Names below an address or a test server's host do not resolve.
    ...(address.endpoint === null ? {} : { endpoint: address.endpoint, forcePathStyle: true }),
    ...(credentials === undefined ? {} : { credentials }),
  };
  return { client: new S3Client(config), explain: (error) => explainS3(error, credentials) };
}

/** Why a store refused, in words: its own code first. Never a credential; so the error itself is not passed on either. */
function explainS3(error: unknown, credentials: S3Credentials | undefined): string {
  const { name, message, $metadata } = error as S3ServiceException;
  const secrets = [credentials?.secretAccessKey, credentials?.sessionToken, credentials?.accessKeyId];
  const status = $metadata?.httpStatusCode;
  const attempts = $metadata?.attempts ?? 1;
  const tries = attempts > 1 ? ` (${attempts} tries)` : '';
  if (status !== undefined) {
    // An answer without a body has no words: the SDK makes up "UnknownError".
    const code = /^Unknown(Error)?$/.test(name) ? `HTTP ${status}` : name;
    return redact(`${code}: ${message === name ? `HTTP ${status}` : message}${tries}`, secrets);
  }
  // Several addresses were tried: each has its own reason.
  const reasons = error instanceof AggregateError ? error.errors.map(String).join('; ') : message;
  const code = errnoOf(error) ?? name;
  return redact(`${reasons.includes(code) ? '' : `${code}: `}${reasons}${tries}`, secrets);
}
