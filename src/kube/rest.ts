import http from 'node:http';
import https from 'node:https';
import { pipeline, type Readable } from 'node:stream';
import { ClusterError, isUnsure, messageOf, UsageError } from '../errors.ts';
import type { Connection } from './config.ts';
import { type Contact, createContact, type Troubled } from './contact.ts';
import { type Identity, toClusterError, toConnectionError } from './kube-error.ts';
import { monotonic } from './monotonic.ts';
import { parseRetryAfter, patiently } from './patience.ts';
import { type Traced, trace } from './trace.ts';

/** Connections kept open: as many as a command has requests in flight. */
const MAX_SOCKETS = 64;
/** Milliseconds for a request to a node, which may be dead. */
const NODE_LIMIT = 5_000;
/** Milliseconds for a request, all its tries included, when no `--request-timeout` was given. */
const DEFAULT_TIMEOUT = 60_000;
/** Milliseconds for its first try; doubled for each further one: a connection may be dead without telling so. */
const FIRST_TRY = 20_000;
/** Milliseconds that two clocks may differ by: answers tell whole seconds, and take their time. */
const CLOCK_TOLERANCE = 5000;
/** Bytes of an answer, uncompressed: a page of Jobs has some millions. Compressed, a whole memory full is a short answer. */
const MAX_ANSWER = 256 << 20;

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
  /** Milliseconds for all tries, where that is not the limit of a request. */
  patienceMs?: number;
  /** The server passes it on to a node: asked once, for a few seconds, and what becomes of it tells nothing of the server. */
  passedOn?: boolean;
  /** Told when the request is sent once more and may have been done already. */
  unsure?: () => void;
};

/** What there is beside a connection: a limit in milliseconds (zero for none), and who hears of requests and trouble. */
export type RestSettings = { timeoutMs: number | undefined; traced: Traced; troubled: Troubled };

export type Rest = {
  readonly server: string;
  /** The time by the server's clock, as far as its answers tell. */
  now(): Date;
  /** The same to the second. */
  serverTime(): Date;
  /** Sends a request and reads the JSON answer. */
  json<T>(request: RestRequest): Promise<T>;
  /** Sends a request and reads the answer as text. */
  text(request: RestRequest): Promise<string>;
  /** Sends a request and returns the answer as it comes; only the wait for its beginning is bounded. */
  stream(request: RestRequest): Promise<Readable>;
};

type Answer = { status: number; body: Readable; retryAfter: string | undefined; date: string | undefined };
/** How long a try may take, in milliseconds, and what is done with its answer. */
type How<T> = { limitMs: number; action: (answer: Answer) => Promise<T> };

/**
 * Requests to the API server over kept-alive connections, with credentials, TLS and proxy from a kubeconfig. Answers
 * stay plain JSON: client-node's typed classes take three to four times as long to read a list of Jobs. Whatever can do
 * better later is tried again until the limit of the request: all that this program asks for may be done twice, but for
 * creations, whose names tell whether they were.
 */
export function createRest(connection: Connection, settings: RestSettings): Rest {
  const { timeoutMs, traced } = settings;
  const contact: Contact = createContact(settings.troubled);
  const clock: ServerClock = { aheadMs: 0 };
  const limited = <T>(request: RestRequest, action: How<T>['action']): Promise<T> => {
    const { signal, passedOn = false, patienceMs = passedOn ? 0 : timeoutMs || DEFAULT_TIMEOUT } = request;
    const limitOf = (tries: number, leftMs: number): number => {
      if (timeoutMs === 0) return 0;
      if (passedOn) return Math.min(timeoutMs ?? NODE_LIMIT, NODE_LIMIT);
      return Math.min(timeoutMs ?? Math.min(FIRST_TRY * 2 ** (tries - 1), DEFAULT_TIMEOUT), leftMs);
    };
    const attempt = (tries: number, leftMs: number): Promise<T> =>
      tryOnce({ connection, contact, clock, traced }, request, { limitMs: limitOf(tries, leftMs), action });
    return patiently(attempt, {
      ...{ totalMs: patienceMs, signal, answered: () => contact.answered },
      again: (error, tries) => {
        if (isUnsure(error)) request.unsure?.();
        traced(`${request.method} ${request.path}: try ${tries} failed, another follows: ${error.message}`);
      },
    });
  };
  return {
    server: connection.cluster.server,
    serverTime: () => new Date(Date.now() + clock.aheadMs),
    now: () => new Date(Date.now() + (Math.abs(clock.aheadMs) > CLOCK_TOLERANCE ? clock.aheadMs : 0)),
    json: <T>(request: RestRequest) => limited(request, async ({ body }) => parseAnswer<T>(await text(body))),
    text: (request) => limited(request, ({ body }) => text(body)),
    stream: (request) => limited(request, async ({ body }) => body),
  };
}

/** Milliseconds that the server's clock is ahead of this machine's. */
type ServerClock = { aheadMs: number };
type Line = { connection: Connection; contact: Contact; clock: ServerClock; traced: Traced };

/** One try; where the credentials are no longer accepted, once more with new ones. */
async function tryOnce<T>(line: Line, request: RestRequest, how: How<T>): Promise<T> {
  const { connection, contact, traced } = line;
  for (let renewed = false; ; renewed = true) {
    // Outside of the limit: a credential plugin may wait until the user has logged in.
    const options = await connect(connection.config);
    const begunAt = monotonic();
    try {
      const asked = (): Promise<T> => ask(line, request, { ...how, options });
      return await (request.passedOn === true ? asked() : contact.watch(asked));
    } catch (error) {
      const refused = error instanceof ClusterError && error.status === 401;
      if (renewed || !refused || !connection.renew(begunAt)) throw error;
      traced(`${request.method} ${request.path}: the credentials are no longer accepted; once more with new ones`);
    }
  }
}

async function ask<T>(
  { connection, clock, traced }: Line,
  request: RestRequest,
  { limitMs, action, options }: How<T> & { options: https.RequestOptions },
): Promise<T> {
  const { cluster } = connection;
  const limit = startLimit(limitMs);
  const signal = request.signal === undefined ? limit.signal : AbortSignal.any([request.signal, limit.signal]);
  try {
    const answer = await trace(traced, request, async () => {
      const value = await send(cluster, options, { ...request, signal });
      return { value, outcome: value.status };
    });
    if (answer.date !== undefined) clock.aheadMs = Date.parse(answer.date) - Date.now() || 0;
    if (answer.status < 300) return await action(answer);
    const retryAfter = parseRetryAfter(answer.retryAfter, Date.now());
    throw toClusterError(answer.status, await text(answer.body), { ...identityOf(options), retryAfter });
  } catch (error) {
    throw toConnectionError(signal.aborted ? signal.reason : error, cluster.server, cluster.proxyUrl);
  } finally {
    limit.end();
  }
}

/** Options for a connection. Asked anew for each request: a token may have expired. */
async function connect(config: Connection['config']): Promise<https.RequestOptions> {
  const options: https.RequestOptions = {};
  await config.applyToHTTPSOptions(options).catch((error: unknown) => {
    if (error instanceof ClusterError || error instanceof UsageError) throw error;
    // What client-node has built in for auth-providers fails in its own words.
    throw new ClusterError(`the credentials of the kubeconfig cannot be used: ${messageOf(error)}`, {
      hint: 'Does kubectl get nodes work? An auth-provider is best replaced by a credential plugin, such as kubelogin.',
      cause: error,
    });
  });
  // client-node's agents, one for each set of credentials, close every connection after its first request.
  if (options.agent instanceof http.Agent) Object.assign(options.agent, { keepAlive: true, maxSockets: MAX_SOCKETS });
  return options;
}

type Limit = { signal: AbortSignal; end: () => void };

/** A limit in milliseconds, zero for none; it no longer counts once it is ended. */
function startLimit(timeoutMs: number): Limit {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(new DOMException('timed out', 'TimeoutError')), timeoutMs || 2 ** 31 - 1);
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
  { server, disableCompression }: Connection['cluster'],
  options: https.RequestOptions,
  request: RestRequest,
): Promise<Answer> {
  const base = new URL(`${server}/`);
  const url = new URL(request.path.replace(/^\//, ''), base);
  for (const [key, value] of Object.entries(request.query ?? {})) {
    if (value !== undefined) url.searchParams.set(key, String(value));
  }
  const body = request.body === undefined ? undefined : JSON.stringify(request.body);
  const headers: http.OutgoingHttpHeaders = {
    ...(options.headers as http.OutgoingHttpHeaders),
    accept: 'application/json, */*',
    'accept-encoding': disableCompression === true ? 'identity' : 'gzip',
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
    sent.on('response', (response) => {
      tellWarnings(response, request);
      resolve(answerOf(response));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

function answerOf(response: http.IncomingMessage): Answer {
  const { statusCode = 0, headers } = response;
  return { status: statusCode, body: decoded(response), retryAfter: headers['retry-after'], date: headers.date };
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
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > MAX_ANSWER) {
      throw new ClusterError(`the API server's answer is longer than ${MAX_ANSWER >> 20} MiB`, {
        hint: 'Is the server of the context (or --server URL) right? Try: kubectl cluster-info',
      });
    }
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** A document; a bare word or number is JSON, too, but no answer of an API server. */
function parseAnswer<T>(answer: string): T {
  const value: unknown = JSON.parse(answer);
  if (typeof value !== 'object' || value === null) throw new SyntaxError('the answer is no object');
  return value as T;
}
