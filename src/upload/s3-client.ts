import { Agent } from 'node:https';
import { rootCertificates } from 'node:tls';
import type { S3Client, S3ClientConfig, S3ServiceException } from '@aws-sdk/client-s3';
import { oneLine } from '../capture/plain-text.ts';
import { redact } from './credentials.ts';
import { errnoOf } from './explain.ts';
import { FIRST_TRIES, IDLE_LIMIT, LateError, MAX_TRIES, type Tries, waitAfter } from './tries.ts';

/** A bucket, and how to reach it. */
export type S3Address = {
  bucket: string;
  region: string;
  endpoint: string | null;
  prefix: string;
  /** Certificates (PEM) of further authorities; null for none. */
  ca: string | null;
  checksums: 'when_supported' | 'when_required';
};
export type S3Credentials = { accessKeyId: string; secretAccessKey: string; sessionToken?: string };
export type S3Connection = { client: S3Client; explain: (error: unknown) => string };

const CONNECT_LIMIT = 5_000;
/** As many connections as the SDK's own agent opens. */
const MAX_SOCKETS = 50;
/** What TLS says of a certificate whose authority is not known. */
const UNTRUSTED = new Set([
  ...['DEPTH_ZERO_SELF_SIGNED_CERT', 'SELF_SIGNED_CERT_IN_CHAIN', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
  ...['UNABLE_TO_GET_ISSUER_CERT', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY'],
]);

/** A client for a bucket; without credentials, the SDK finds those of the pod's own identity. */
export async function connectS3(
  address: S3Address,
  credentials: S3Credentials | undefined,
  tries?: Tries,
): Promise<S3Connection> {
  const { S3Client } = await import('@aws-sdk/client-s3');
  const config: S3ClientConfig = {
    region: address.region,
    retryStrategy: patientRetries(tries),
    requestHandler: {
      connectionTimeout: CONNECT_LIMIT,
      socketTimeout: tries?.idleLimit ?? IDLE_LIMIT,
      ...(address.ca === null ? {} : { httpsAgent: trustingAgent(address.ca) }),
    },
    requestChecksumCalculation: address.checksums === 'when_required' ? 'WHEN_REQUIRED' : 'WHEN_SUPPORTED',
    // Names below an address or a test server's host do not resolve.
    ...(address.endpoint === null ? {} : { endpoint: address.endpoint, forcePathStyle: true }),
    ...(credentials === undefined ? {} : { credentials }),
  };
  const client = new S3Client(config);
  const explain = (error: unknown): string => explainS3(error, credentials);
  if (tries !== undefined) tellTries(client, tries, explain);
  return { client, explain };
}

/**
 * An agent that knows further authorities. An agent, not its options: for a body of 2 MB and more, which waits for
 * `100 Continue`, the SDK makes an agent of its own without them, unless it was handed one.
 */
function trustingAgent(ca: string): Agent {
  return new Agent({ keepAlive: true, maxSockets: MAX_SOCKETS, ca: [...rootCertificates, ca] });
}

type RetryStrategy = Extract<S3ClientConfig['retryStrategy'], { refreshRetryTokenForRetry: unknown }>;

/**
 * When the SDK's loop tries again. Its own strategy would give up a store that is away for 150 ms, and asks for the number
 * of tries once, before the first answer; nor does it let all requests of a client fail more than 35 times together.
 */
export function patientRetries(tries?: Pick<Tries, 'answered'>): RetryStrategy {
  const token = (count: number, wait: number) => ({ getRetryCount: () => count, getRetryDelay: () => wait });
  return {
    acquireInitialRetryToken: () => Promise.resolve(token(0, 0)),
    refreshRetryTokenForRetry: async (last, { errorType }) => {
      const count = last.getRetryCount() + 1;
      const worthIt = errorType === 'TRANSIENT' || errorType === 'THROTTLING';
      // The SDK then throws what made the try fail, not this.
      if (!worthIt || count >= (tries?.answered ? MAX_TRIES : FIRST_TRIES)) throw new Error('no further try');
      return token(count, waitAfter(count));
    },
    recordSuccess: () => undefined,
  };
}

/** Inside the SDK's own loop of tries, around each of them. */
function tellTries(client: S3Client, tries: Tries, explain: (error: unknown) => string): void {
  client.middlewareStack.add(
    (next) => async (args) => {
      try {
        const output = await next(args);
        tries.answer();
        return output;
      } catch (error) {
        if ((error as S3ServiceException).$metadata?.httpStatusCode !== undefined) tries.answer();
        const { headers } = args.request as { headers: Record<string, string> };
        // A try that we ended says nothing about why it took so long.
        if ((error as Error).name !== 'AbortError')
          tries.failed(Number(/attempt=(\d+)/.exec(headers['amz-sdk-request'] ?? '')?.[1] ?? 1), explain(error));
        throw error;
      }
    },
    { step: 'deserialize', priority: 'high' },
  );
}

/** Why a store refused, in words: its own code first. Never a credential; so the error itself is not passed on either. */
function explainS3(error: unknown, credentials: S3Credentials | undefined): string {
  if (error instanceof LateError) return error.message;
  const { name, message, $metadata } = error as S3ServiceException;
  const secrets = [credentials?.secretAccessKey, credentials?.sessionToken, credentials?.accessKeyId];
  const status = $metadata?.httpStatusCode;
  const attempts = $metadata?.attempts ?? 1;
  const tries = attempts > 1 ? ` (${attempts} tries)` : '';
  if (status !== undefined) {
    // An answer without a body has no words: the SDK makes up "UnknownError".
    const code = /^(Unknown(Error)?)?$/.test(name) ? `HTTP ${status}` : name;
    const words = message === name || /^Unknown/.test(message) ? `HTTP ${status}` : message;
    const said = code === words ? code : `${code}: ${words.replace(/\.$/, '')}`;
    return oneLine(redact(`${said}${tries}`, secrets));
  }
  // Several addresses were tried: each has its own reason.
  const reasons = error instanceof AggregateError ? error.errors.map(String).join('; ') : message;
  const code = errnoOf(error) || name || 'no reason told';
  const hint = UNTRUSTED.has(code) ? '; give the certificate of its authority by --s3-ca-file' : '';
  return oneLine(redact(`${reasons.includes(code) ? '' : `${code}: `}${reasons}${tries}${hint}`, secrets));
}
