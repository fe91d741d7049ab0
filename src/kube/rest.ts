import http from 'node:http';
import https from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { type Identity, toClusterError, toConnectionError } from './kube-error.ts';

/** Connections kept open: as many as a command has requests in flight. */
const MAX_SOCKETS = 64;
/** Milliseconds to wait for an answer when no `--request-timeout` was given. */
const DEFAULT_TIMEOUT = 60_000;

export type Query = Record<string, string | number | undefined>;

export type RestRequest = {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  path: string;
  query?: Query;
  body?: unknown;
  contentType?: string;
  signal?: AbortSignal | undefined;
  /** Takes what the server warns of. */
  warned?: (text: string) => void;
};

export type Rest = {
  readonly server: string;
  /** Sends a request and reads the JSON answer. */
  json<T>(request: RestRequest): Promise<T>;
  /** Sends a request and returns the answer as it comes; only the wait for its beginning is bounded. */
  stream(request: RestRequest): Promise<http.IncomingMessage>;
};

/**
 * Requests to the API server over kept-alive connections, with credentials, TLS and proxy from a kubeconfig. Answers
 * stay plain JSON: client-node's typed classes take three to four times as long to read a list of Jobs.
 */
export function createRest(config: KubeConfig, timeoutMs: number | undefined): Rest {
  const server = config.getCurrentCluster()?.server ?? '';
  const base = new URL(`${server}/`);
  const transport = base.protocol === 'http:' ? http : https;
  const connection = connector(config, transport);

  const begin = async (request: RestRequest, limit: Limit): Promise<http.IncomingMessage> => {
    const options = await connection();
    const signal = request.signal === undefined ? limit.signal : AbortSignal.any([request.signal, limit.signal]);
    const response = await send(transport, base, options, { ...request, signal });
    if ((response.statusCode ?? 0) < 300) return response;
    throw toClusterError(response.statusCode ?? 0, await text(response), identityOf(options));
  };
  const limited = async <T>(request: RestRequest, action: (limit: Limit) => Promise<T>): Promise<T> => {
    const limit = startLimit(timeoutMs);
    try {
      return await action(limit);
    } catch (error) {
      request.signal?.throwIfAborted();
      throw toConnectionError(limit.signal.aborted ? limit.signal.reason : error, server);
    } finally {
      limit.end();
    }
  };
  return {
    server,
    json: <T>(request: RestRequest) =>
      limited(request, async (limit) => JSON.parse(await text(await begin(request, limit))) as T),
    stream: (request) => limited(request, (limit) => begin(request, limit)),
  };
}

/** Options for a connection. Asked anew for each request: an exec plugin's token may have expired; client-node caches it. */
function connector(config: KubeConfig, transport: typeof http | typeof https): () => Promise<https.RequestOptions> {
  let kept: http.Agent | undefined;
  return async () => {
    const options: https.RequestOptions = {};
    await config.applyToHTTPSOptions(options);
    if (config.getCurrentCluster()?.proxyUrl !== undefined) return options;
    const { ca, cert, key, rejectUnauthorized, servername } = options;
    const tls = { ca, cert, key, ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }) };
    kept ??= new transport.Agent({
      ...tls,
      ...(servername === undefined ? {} : { servername }),
      keepAlive: true,
      maxSockets: MAX_SOCKETS,
    });
    return { ...options, agent: kept };
  };
}

type Limit = { signal: AbortSignal; end: () => void };

/** A limit in time; it no longer counts once it is ended. */
function startLimit(timeoutMs: number | undefined): Limit {
  const limit = new AbortController();
  const timer = setTimeout(
    () => limit.abort(new DOMException('timed out', 'TimeoutError')),
    timeoutMs === undefined ? DEFAULT_TIMEOUT : timeoutMs || 2 ** 31 - 1,
  );
  return { signal: limit.signal, end: () => clearTimeout(timer) };
}

function identityOf({ cert, headers }: https.RequestOptions): Identity {
  const authorization = (headers as http.OutgoingHttpHeaders | undefined)?.Authorization;
  return {
    certificate: Buffer.isBuffer(cert) || typeof cert === 'string' ? Buffer.from(cert) : undefined,
    token: authorization !== undefined,
  };
}

function send(
  transport: typeof http | typeof https,
  base: URL,
  options: https.RequestOptions,
  request: RestRequest,
): Promise<http.IncomingMessage> {
  const url = new URL(request.path.replace(/^\//, ''), base);
  for (const [key, value] of Object.entries(request.query ?? {})) {
    if (value !== undefined) url.searchParams.set(key, String(value));
  }
  const body = request.body === undefined ? undefined : JSON.stringify(request.body);
  const headers: http.OutgoingHttpHeaders = {
    ...(options.headers as http.OutgoingHttpHeaders),
    accept: 'application/json',
    'user-agent': 'kubectl-retina',
    ...(body === undefined
      ? {}
      : { 'content-type': request.contentType ?? 'application/json', 'content-length': Buffer.byteLength(body) }),
  };
  return new Promise((resolve, reject) => {
    const sent = transport.request(url, {
      ...options,
      method: request.method,
      headers,
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    });
    sent.on('response', (response) => tellWarnings(response, request));
    sent.on('response', resolve);
    sent.on('error', reject);
    sent.end(body);
  });
}

/** Hands over the texts of `Warning` headers: `299 - "text"`. */
function tellWarnings(response: http.IncomingMessage, { warned }: RestRequest): void {
  for (const header of response.headersDistinct.warning ?? []) {
    const quoted = /^\d{3} \S+ "((?:[^"\\]|\\.)*)"/.exec(header)?.[1];
    warned?.((quoted ?? header).replace(/\\(.)/g, '$1'));
  }
}

async function text(response: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
