import { X509Certificate } from 'node:crypto';
import { ClusterError, messageOf } from '../errors.ts';

/** Names as Kubernetes has them: what is made of them may be pasted into a shell. */
const FORBIDDEN =
  /User "(?<user>[^"]*)" cannot (?<verb>[\w:-]+) resource "(?<resource>[\w./-]+)" in API group "(?<group>[\w.-]*)"(?: in the namespace "(?<namespace>[\w.-]+)")?/;
/** Characters that are shown of a refusal, and of an answer that is no refusal of an API server. */
const MAX_MESSAGE = 4000;
const MAX_BODY = 500;

const CONNECTION: Record<string, (host: string) => string> = {
  ECONNREFUSED: (host) => `the API server ${host} refused the connection`,
  ECONNRESET: (host) => `the API server ${host} closed the connection`,
  EPIPE: (host) => `the API server ${host} closed the connection`,
  ENOTFOUND: (host) => `the name of the API server ${host} cannot be resolved`,
  EAI_AGAIN: (host) => `the name of the API server ${host} cannot be resolved at the moment`,
  EHOSTUNREACH: (host) => `there is no route to the API server ${host}`,
  ENETUNREACH: (host) => `there is no route to the API server ${host}`,
  ETIMEDOUT: (host) => `the API server ${host} does not answer`,
  EPROTO: (host) => `${host} does not speak TLS as an API server does`,
  ERR_SSL_WRONG_VERSION_NUMBER: (host) => `${host} does not speak TLS`,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: (host) => `${host} does not speak TLS`,
  HPE_INVALID_CONSTANT: (host) => `${host} does not speak HTTP`,
  CERT_HAS_EXPIRED: (host) => `the certificate of the API server ${host} has expired`,
  CERT_NOT_YET_VALID: (host) => `the certificate of the API server ${host} is not valid yet`,
  DEPTH_ZERO_SELF_SIGNED_CERT: unknownAuthority,
  SELF_SIGNED_CERT_IN_CHAIN: unknownAuthority,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT: unknownAuthority,
  CERT_SIGNATURE_FAILURE: unknownAuthority,
  CERT_UNTRUSTED: unknownAuthority,
};

function unknownAuthority(host: string): string {
  return `the certificate of the API server ${host} is signed by an unknown authority`;
}

function connectionHint(code: string): string {
  if (code.startsWith('ERR_SSL') || code === 'EPROTO' || code.startsWith('HPE_')) {
    return 'Is the server of the context (or --server URL) right, its port and http or https too? Try: kubectl cluster-info';
  }
  if (/^(ERR_OSSL|ERR_TLS_(?!CERT))/.test(code)) {
    return 'Is each certificate and key of the context (or of --client-certificate, --client-key) whole, and do they fit?';
  }
  if (/CERT|ISSUER|LEAF|SIGNED/.test(code)) {
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
export function toConnectionError(error: unknown, server: string, proxy?: string): unknown {
  if (error instanceof ClusterError) return error;
  const host = URL.canParse(server) ? new URL(server).host : server;
  if (error instanceof DOMException && error.name === 'TimeoutError') {
    return new ClusterError(`the API server ${host} did not answer in time`, {
      hint: 'Raise the limit with --request-timeout, or check: kubectl cluster-info',
      cause: error,
    });
  }
  if (error instanceof SyntaxError) {
    return new ClusterError(`${host} did not answer in JSON as an API server does`, {
      hint: 'Is the server of the context (or --server URL) right? Try: kubectl cluster-info',
      cause: error,
    });
  }
  const proxyFailure = proxy === undefined ? undefined : toProxyError(error, host, proxy);
  if (proxyFailure !== undefined) return proxyFailure;
  if (!isConnectionError(error)) return error;
  const code = error.code ?? '';
  const message = CONNECTION[code]?.(host) ?? otherConnection(host, code, error);
  return new ClusterError(message, { hint: connectionHint(code), cause: error });
}

/** A connection that already failed on the way to the server. */
function toProxyError(error: unknown, host: string, proxy: string): ClusterError | undefined {
  const at = new URL(proxy).host;
  const hint =
    'Is proxy-url in the kubeconfig, or HTTPS_PROXY in the environment, right? NO_PROXY names what needs none.';
  const refused = /^Bad response: (\d+)$/.exec(messageOf(error))?.[1];
  if (refused !== undefined) {
    return new ClusterError(`the proxy ${at} answered ${refused} when asked for ${host}`, { hint, cause: error });
  }
  const ofProxy = (code: string): string | undefined => CONNECTION[code]?.(at).replace('the API server', 'the proxy');
  if (!isConnectionError(error)) {
    // The SOCKS library's errors have no code, but the options of the connection.
    if (!(error instanceof Error) || !('options' in error || /socks/i.test(error.message))) return undefined;
    const message = ofProxy(/\bE[A-Z]{4,}\b/.exec(error.message)?.[0] ?? '');
    return new ClusterError(message ?? `the proxy ${at} failed: ${messageOf(error)}`, { hint, cause: error });
  }
  // Its own connection is the only one that this program makes: the proxy makes the other.
  if (!/^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$/.test(error.code ?? '')) return undefined;
  return new ClusterError(ofProxy(error.code ?? '') ?? messageOf(error), { hint, cause: error });
}

function otherConnection(host: string, code: string, error: Error): string {
  const words = messageOf(error).split('\n')[0] || code;
  const { host: expected } = error as { host?: string };
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return `the certificate of the API server ${host} is not for the name ${expected ?? host}`;
  }
  // OpenSSL could not even read what it was given.
  if (code.startsWith('ERR_OSSL')) return `a certificate or key for the API server ${host} cannot be used: ${words}`;
  return `the connection to the API server ${host} failed: ${words}`;
}

/** Who asked: what the API server was shown, for the words about a refusal; and in how many seconds to ask again. */
export type Identity = {
  certificate?: Buffer | undefined;
  token?: boolean | undefined;
  retryAfter?: number | undefined;
};

/** The answer of the API server to a request that it did not grant. */
export function toClusterError(status: number, body: string, identity: Identity = {}): ClusterError {
  const parsed = parseStatus(body);
  const told = parsed?.message?.trim() || body.trim().slice(0, MAX_BODY) || `status ${status}`;
  const whole = told.replace(/[\r\n]+[ \t]*/g, ' ');
  const message = whole.length > MAX_MESSAGE ? `${whole.slice(0, MAX_MESSAGE)}…` : whole;
  const base = { status, reason: parsed?.reason, retryAfter: identity.retryAfter };
  if (status === 401) return notAuthenticated(base, identity);
  const denied = status === 403 ? FORBIDDEN.exec(message)?.groups : undefined;
  // Newer API servers name the right that is missing by what was to be done: `impersonate-on:user-info:list` pods.
  if (denied?.verb?.startsWith('impersonate-on:')) {
    return new ClusterError(`you may not act as another: user ${denied.user} lacks the right to impersonate`, {
      ...base,
      hint: 'Leave out --as (in the kubeconfig: as), or ask for the right: kubectl auth can-i impersonate users',
    });
  }
  if (denied !== undefined) {
    const resource = denied.group ? `${denied.resource}.${denied.group}` : `${denied.resource}`;
    const where = denied.namespace === undefined ? 'cluster-wide' : `in namespace ${denied.namespace}`;
    const scope = denied.namespace === undefined ? '' : ` -n ${denied.namespace}`;
    return new ClusterError(`you may not ${denied.verb} ${resource} ${where} (user ${denied.user})`, {
      ...base,
      hint: `Is -n right? To see whether you may: kubectl auth can-i ${denied.verb} ${resource}${scope}`,
    });
  }
  const lost = status === 404 ? /^namespaces "([^"]+)" not found$/.exec(message)?.[1] : undefined;
  if (lost !== undefined) {
    return new ClusterError(`there is no namespace ${lost}`, { ...base, hint: 'There are: kubectl get namespaces' });
  }
  if (status === 429) return tooManyRequests(base, parsed === undefined ? undefined : message);
  if (parsed !== undefined) return new ClusterError(message, base);
  return new ClusterError(`the API server answered ${status}: ${message}`, {
    ...base,
    hint: 'Is the server of the context (or --server URL) right, and http or https too? Try: kubectl cluster-info',
  });
}

/** An eviction's or a quota's 429 has words of its own; those of a server with too much to do help nobody. */
function tooManyRequests(base: Answered, message: string | undefined): ClusterError {
  const { reason, retryAfter } = base;
  const asks = retryAfter === undefined ? '' : `, and asks to be left alone for ${Math.ceil(retryAfter)} s`;
  const what = reason === undefined || reason === 'TooManyRequests' ? '' : `: ${message}`;
  return new ClusterError(`the API server has too many requests to answer (429)${asks}${what}`, {
    ...base,
    hint: 'Try again later, or ask whoever runs the cluster what keeps its API server busy.',
  });
}

type Answered = { status: number; reason: string | undefined; retryAfter: number | undefined };

function notAuthenticated(base: Answered, identity: Identity): ClusterError {
  const { certificate, token } = identity;
  const until = certificate === undefined ? undefined : new X509Certificate(certificate).validToDate;
  if (until !== undefined && until < new Date()) {
    return new ClusterError(`your client certificate expired at ${until.toISOString()}: the API server refuses it`, {
      ...base,
      hint: 'Get a new one, or choose another user: kubectl config get-contexts, then --context NAME',
    });
  }
  const what = token ? 'token' : until === undefined ? 'credentials' : 'client certificate';
  return new ClusterError(`the API server does not accept your ${what}`, {
    ...base,
    hint:
      what === 'credentials'
        ? 'The context has none that count. Log in, or choose another: kubectl config get-contexts, then --context NAME'
        : `The ${what} is wrong, has expired or was revoked. Log in again, or choose another context: kubectl config get-contexts`,
  });
}

/** Of a refusal, what is text: whatever stands between may have made up the rest. */
function parseStatus(body: string): { message: string | undefined; reason: string | undefined } | undefined {
  try {
    const { kind, message, reason } = JSON.parse(body) as Record<string, unknown>;
    const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
    return kind === 'Status' ? { message: text(message), reason: text(reason) } : undefined;
  } catch {
    return undefined;
  }
}
