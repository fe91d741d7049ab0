import http from 'node:http';
import https from 'node:https';
import { pipeline, type Readable } from 'node:stream';
import type { Connection } from './config.ts';
import { type Identity, toClusterError, toConnectionError } from './kube-error.ts';
import { type Traced, trace } from './trace.ts';

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
  /** Takes the server's time, in the form of HTTP. */
  dated?: (text: string | undefined) => void;
};

export type Rest = {
  readonly server: string;
  /** Sends a request and reads the JSON answer. */
  json<T>(request: RestRequest): Promise<T>;
  /** Sends a request and reads the answer as text. */
  text(request: RestRequest): Promise<string>;
  /** Sends a request and returns the answer as it comes; only the wait for its beginning is bounded. */
  stream(request: RestRequest): Promise<Readable>;
};

type Answer = { status: number; body: Readable };

/**
 * Requests to the API server over kept-alive connections, with credentials, TLS and proxy from a kubeconfig. Answers
 * stay plain JSON: client-node's typed classes take three to four times as long to read a list of Jobs.
 */
export function createRest({ cluster, config }: Connection, timeoutMs: number | undefined, traced: Traced): Rest {
  const { server, proxyUrl } = cluster;
  const base = new URL(`${server}/`);
  const encoding = cluster.disableCompression === true ? 'identity' : 'gzip';

  const begin = async (request: RestRequest, options: https.RequestOptions, limit: Limit): Promise<Answer> => {
    const signal = request.signal === undefined ? limit.signal : AbortSignal.any([request.signal, limit.signal]);
    const answer = await trace(traced, request, async () => {
      const value = await send(base, options, { ...request, signal }, encoding);
      return { value, outcome: value.status };
    });
    if (answer.status < 300) return answer;
    throw toClusterError(answer.status, await text(answer.body), identityOf(options));
  };
  const limited = async <T>(request: RestRequest, action: (answer: Answer) => Promise<T>): Promise<T> => {
    // Outside of the limit: a credential plugin may wait until the user has logged in.
    const options = await connect(config);
    const limit = startLimit(timeoutMs);
    try {
      return await action(await begin(request, options, limit));
    } catch (error) {
      request.signal?.throwIfAborted();
      throw toConnectionError(limit.signal.aborted ? limit.signal.reason : error, server, proxyUrl);
    } finally {
      limit.end();
    }
  };
  return {
    server,
    json: <T>(request: RestRequest) => limited(request, async ({ body }) => JSON.parse(await text(body)) as T),
    text: (request) => limited(request, ({ body }) => text(body)),
    stream: (request) => limited(request, async ({ body }) => body),
  };
}

/** Options for a connection. Asked anew for each request: a token may have expired. */
async function connect(config: Connection['config']): Promise<https.RequestOptions> {
  const options: https.RequestOptions = {};
  await config.applyToHTTPSOptions(options);
  // client-node's agents, one for each set of credentials, close every connection after its first request.
  if (options.agent instanceof http.Agent) Object.assign(options.agent, { keepAlive: true, maxSockets: MAX_SOCKETS });
  return options;
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
  base: URL,
  options: https.RequestOptions,
  request: RestRequest,
  encoding: 'gzip' | 'identity',
): Promise<Answer> {
  const url = new URL(request.path.replace(/^\//, ''), base);
  for (const [key, value] of Object.entries(request.query ?? {})) {
    if (value !== undefined) url.searchParams.set(key, String(value));
  }
  const body = request.body === undefined ? undefined : JSON.stringify(request.body);
  const headers: http.OutgoingHttpHeaders = {
    ...(options.headers as http.OutgoingHttpHeaders),
    accept: 'application/json, */*',
    'accept-encoding': encoding,
    'user-agent': 'kubectl-retina',
    ...(body === undefined
      ? {}
      : { 'content-type': request.contentType ?? 'application/json', 'content-length': Buffer.byteLength(body) }),
  };
  const transport = base.protocol === 'http:' ? http : https;
  return new Promise((resolve, reject) => {
    const sent = transport.request(url, {
      ...options,
      method: request.method,
      headers,
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    });
    sent.on('response', (response) => tellWarnings(response, request));
    sent.on('response', ({ headers }) => request.dated?.(headers.date));
    sent.on('response', (response) => resolve({ status: response.statusCode ?? 0, body: decoded(response) }));
    sent.on('error', reject);
    sent.end(body);
  });
}

/** The body of an answer, uncompressed. */
function decoded(response: http.IncomingMessage): Readable {
  if (response.headers['content-encoding'] !== 'gzip') return response;
  // Loaded here: servers compress long answers only, and it takes some milliseconds.
  const { createGunzip } = process.getBuiltinModule('node:zlib');
  // Its errors, those of the connection among them, reach whoever reads the result.
  return pipeline(response, createGunzip(), () => undefined);
}

/** Hands over the texts of `Warning` headers: `299 - "text"`. */
function tellWarnings(response: http.IncomingMessage, { warned }: RestRequest): void {
  for (const header of response.headersDistinct.warning ?? []) {
    const quoted = /^\d{3} \S+ "((?:[^"\\]|\\.)*)"/.exec(header)?.[1];
    warned?.((quoted ?? header).replace(/\\(.)/g, '$1'));
  }
}

async function text(body: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
