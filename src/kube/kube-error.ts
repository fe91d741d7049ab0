import { X509Certificate } from 'node:crypto';
import type { V1Status } from '@kubernetes/client-node';
import { ClusterError, messageOf } from '../errors.ts';

const FORBIDDEN =
  /User "(?<user>[^"]*)" cannot (?<verb>\w+) resource "(?<resource>[^"]+)" in API group "(?<group>[^"]*)"(?: in the namespace "(?<namespace>[^"]+)")?/;

const CONNECTION: Record<string, (host: string) => string> = {
  ECONNREFUSED: (host) => `the API server ${host} refused the connection`,
  ECONNRESET: (host) => `the API server ${host} closed the connection`,
  ENOTFOUND: (host) => `the name of the API server ${host} cannot be resolved`,
  EAI_AGAIN: (host) => `the name of the API server ${host} cannot be resolved at the moment`,
  EHOSTUNREACH: (host) => `there is no route to the API server ${host}`,
  ENETUNREACH: (host) => `there is no route to the API server ${host}`,
  ETIMEDOUT: (host) => `the API server ${host} does not answer`,
  CERT_HAS_EXPIRED: (host) => `the certificate of the API server ${host} has expired`,
  DEPTH_ZERO_SELF_SIGNED_CERT: unknownAuthority,
  SELF_SIGNED_CERT_IN_CHAIN: unknownAuthority,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownAuthority,
  ERR_TLS_CERT_ALTNAME_INVALID: (host) => `the certificate of the API server is not for ${host}`,
};

function unknownAuthority(host: string): string {
  return `the certificate of the API server ${host} is signed by an unknown authority`;
}

function connectionHint(code: string): string {
  if (code.includes('CERT') || code.includes('ISSUER') || code.includes('LEAF') || code.includes('SIGNED')) {
    return 'Check certificate-authority in the kubeconfig (or --certificate-authority FILE, --tls-server-name NAME).';
  }
  return 'Is the cluster up, and the context right? Try: kubectl cluster-info';
}

/** Whether an error comes from the network or TLS, not from a bug in this program. */
function isConnectionError(error: unknown): error is NodeJS.ErrnoException {
  if (!(error instanceof Error) || error instanceof TypeError) return false;
  const code = (error as NodeJS.ErrnoException).code;
  return typeof code === 'string' && !code.startsWith('ERR_INVALID');
}

/** A failed connection as a ClusterError; anything that is no connection failure is returned unchanged. */
export function toConnectionError(error: unknown, server: string): unknown {
  if (error instanceof ClusterError) return error;
  const host = URL.canParse(server) ? new URL(server).host : server;
  if (error instanceof DOMException && error.name === 'TimeoutError') {
    return new ClusterError(`the API server ${host} did not answer in time`, {
      hint: 'Raise the limit with --request-timeout, or check: kubectl cluster-info',
      cause: error,
    });
  }
  if (!isConnectionError(error)) return error;
  const code = error.code ?? '';
  const message =
    CONNECTION[code]?.(host) ?? `the connection to the API server ${host} failed: ${messageOf(error) || code}`;
  return new ClusterError(message, { hint: connectionHint(code), cause: error });
}

/** The answer of the API server to a request that it did not grant. */
export function toClusterError(status: number, body: string, certificate: Buffer | undefined): ClusterError {
  const parsed = parseStatus(body);
  const message = parsed?.message ?? (body.trim().slice(0, 500) || `status ${status}`);
  const base = { status, reason: parsed?.reason };
  if (status === 401) {
    return new ClusterError('the API server does not accept your credentials', {
      ...base,
      hint: expiryHint(certificate) ?? 'The token or certificate of this context may have expired. Log in again.',
    });
  }
  const denied = status === 403 ? FORBIDDEN.exec(message)?.groups : undefined;
  if (denied !== undefined) {
    const resource = denied.group ? `${denied.resource}.${denied.group}` : denied.resource;
    const where = denied.namespace === undefined ? 'cluster-wide' : `in namespace ${denied.namespace}`;
    return new ClusterError(`you may not ${denied.verb} ${resource} ${where} (user ${denied.user})`, {
      ...base,
      hint: 'The rights that each command needs are in the README, under "Permissions".',
    });
  }
  return new ClusterError(message, base);
}

function parseStatus(body: string): V1Status | undefined {
  try {
    const value = JSON.parse(body) as V1Status;
    return value.kind === 'Status' ? value : undefined;
  } catch {
    return undefined;
  }
}

function expiryHint(certificate: Buffer | undefined): string | undefined {
  if (certificate === undefined) return undefined;
  const until = new X509Certificate(certificate).validToDate;
  return until < new Date() ? `Your client certificate expired at ${until.toISOString()}. Get a new one.` : undefined;
}
