import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { execa } from 'execa';
import { CA, SERVER } from './access-lab.ts';
import { STATE } from './cluster.ts';

/**
 * What becomes of a request: it is answered by the server; cut before it reached the server, or after the server did it; never
 * answered; answered with a status; a watch that ends at once, or tells that it is too old; a stream cut after some bytes;
 * held until something has happened.
 */
export type Fate =
  | 'passes'
  | 'cut before'
  | 'cut after'
  | 'hangs'
  | 'watch ends'
  | 'watch is too old'
  | { status: number; retryAfter?: number }
  | { cutAfterBytes: number }
  | { until: Promise<unknown> };

/** `dryRun`: the server is asked what it would do, and does nothing. */
export type Asked = { method: string; path: string; watch: boolean; dryRun: boolean; token: string };
export type Seen = Asked & { fate: Fate; at: number };

const REASONS: Record<number, string> = {
  401: 'Unauthorized',
  403: 'Forbidden',
  409: 'Conflict',
  410: 'Expired',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
};

export type Faults = Awaited<ReturnType<typeof startFaults>>;

/**
 * A front of the API server over HTTPS, with a kubeconfig that points at it; watches and exec pass through it. Every
 * request passes until `state.fate` says otherwise. It can go away as a whole, too.
 */
export async function startFaults() {
  const directory = mkdtempSync(join(tmpdir(), 'retina-faults-'));
  const [key, cert] = [join(directory, 'front.key'), join(directory, 'front.crt')];
  await sign(key, cert);
  const state: { fate: (asked: Asked) => Fate; seen: Seen[] } = { fate: () => 'passes', seen: [] };
  const sockets = new Set<Socket>();
  const onward = { ca: readFileSync(CA), agent: new https.Agent({ keepAlive: true }) };
  const decide = (request: IncomingMessage): Fate => {
    const url = new URL(request.url ?? '', SERVER);
    const token = request.headers.authorization?.replace('Bearer ', '') ?? '';
    const watch = url.searchParams.get('watch') === 'true';
    const dryRun = url.searchParams.has('dryRun');
    const asked = { method: request.method ?? '', path: url.pathname, watch, dryRun, token };
    const fate = state.fate(asked);
    state.seen.push({ ...asked, fate, at: Date.now() });
    return fate;
  };
  const server = https.createServer({ key: readFileSync(key), cert: readFileSync(cert), keepAliveTimeout: 120_000 });
  server.on('request', (from, to) => handle(from, to, { fate: decide(from), onward }));
  server.on('upgrade', (from: IncomingMessage, socket: Socket, head: Buffer) =>
    upgrade(from, { socket, head, fate: decide(from), sockets }),
  );
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  });
  const listen = (port: number) => new Promise<void>((done) => server.listen(port, '127.0.0.1', done));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const url = `https://127.0.0.1:${port}`;
  const down = (): void => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  const dropped = ['--dport', '--sport'].map((side) => [
    'INPUT',
    '-i',
    'lo',
    '-p',
    'tcp',
    side,
    `${port}`,
    '-j',
    'DROP',
  ]);
  let swallowing = false;
  const unswallow = async (): Promise<void> => {
    if (swallowing) for (const rule of dropped) await execa('iptables', ['-D', ...rule]);
    swallowing = false;
  };
  const kubeconfig = (user: object): string => {
    const path = join(directory, `config-${Math.random().toString(36).slice(2)}`);
    writeFileSync(path, JSON.stringify(configOf(url, user)), { mode: 0o600 });
    return path;
  };
  return {
    state,
    directory,
    /** The environment of a program that asks by way of the front. */
    env: { KUBECONFIG: kubeconfig({ token: adminToken() }) },
    kubeconfig,
    /** From now on connections are refused, and those that there are end. */
    down,
    up: () => listen(port),
    /** From now on all packets vanish: nothing is refused, nothing ends. */
    swallow: async () => {
      swallowing = true;
      for (const rule of dropped) await execa('iptables', ['-I', ...rule]);
    },
    unswallow,
    end: async () => {
      await unswallow();
      down();
      onward.agent.destroy();
      rmSync(directory, { recursive: true });
    },
  };
}

/** The token by which tests are the cluster's admin. */
function adminToken(): string {
  return /token: (\w+)/.exec(readFileSync(join(STATE, 'kubeconfig'), 'utf8'))?.[1] ?? '';
}

/** A certificate for 127.0.0.1, by the cluster's authority. */
async function sign(key: string, cert: string): Promise<void> {
  const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-keyout', key, '-out', cert];
  const signed = ['-CA', CA, '-CAkey', join(STATE, 'pki/ca.key'), '-days', '2', '-subj', '/CN=front'];
  const names = ['-addext', 'subjectAltName=IP:127.0.0.1', '-addext', 'basicConstraints=critical,CA:FALSE'];
  await execa('openssl', ['req', '-x509', ...made, ...signed, ...names]);
}

function configOf(server: string, user: object): object {
  return {
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'front' },
    clusters: [{ name: 'front', cluster: { server, 'certificate-authority': CA } }],
    users: [{ name: 'front', user }],
    contexts: [{ name: 'front', context: { cluster: 'front', user: 'front' } }],
  };
}

function refusal(status: number): object {
  const message = `the front says ${status}`;
  return { kind: 'Status', apiVersion: 'v1', status: 'Failure', message, reason: REASONS[status], code: status };
}

type Onward = { ca: Buffer; agent: https.Agent };

function handle(from: IncomingMessage, to: ServerResponse, { fate, onward }: { fate: Fate; onward: Onward }): void {
  if (fate === 'cut before') return void from.socket.destroy();
  if (fate === 'hangs') return;
  if (typeof fate === 'object' && 'until' in fate) {
    return void fate.until.then(() => handle(from, to, { fate: 'passes', onward }));
  }
  if (fate === 'watch ends') return void to.writeHead(200, { 'content-type': 'application/json' }).end();
  if (fate === 'watch is too old') {
    return void to.writeHead(200).end(`${JSON.stringify({ type: 'ERROR', object: refusal(410) })}\n`);
  }
  if (typeof fate === 'object' && 'status' in fate) {
    const later = fate.retryAfter === undefined ? {} : { 'retry-after': String(fate.retryAfter) };
    const body = JSON.stringify(refusal(fate.status));
    return void from
      .resume()
      .on('end', () => to.writeHead(fate.status, { 'content-type': 'application/json', ...later }).end(body));
  }
  const sent = https.request(SERVER + from.url, { method: from.method, headers: from.headers, ...onward }, (answer) => {
    if (fate === 'cut after') return void answer.resume().on('end', () => from.socket.destroy());
    to.writeHead(answer.statusCode ?? 500, answer.headers);
    to.flushHeaders();
    answer.pipe(to);
    if (typeof fate !== 'object') return;
    let left = fate.cutAfterBytes;
    answer.on('data', (chunk: Buffer) => {
      left -= chunk.length;
      if (left <= 0) from.socket.destroy();
    });
  });
  sent.on('error', () => to.destroy());
  to.on('close', () => sent.destroy());
  from.pipe(sent);
}

type Upgrade = { socket: Socket; head: Buffer; fate: Fate; sockets: Set<Socket> };

/** exec: what comes after the handshake is not looked into. */
function upgrade(from: IncomingMessage, { socket, head, fate, sockets }: Upgrade): void {
  if (fate === 'cut before') return void socket.destroy();
  if (fate === 'hangs') return;
  if (typeof fate === 'object' && 'status' in fate) {
    return void socket.end(`HTTP/1.1 ${fate.status} ${REASONS[fate.status]}\r\ncontent-length: 0\r\n\r\n`);
  }
  const { hostname, port } = new URL(SERVER);
  const server = tls.connect({ host: hostname, port: Number(port), ca: readFileSync(CA) }, () => {
    const headers = from.rawHeaders.flatMap((name, index, all) =>
      index % 2 === 0 ? [`${name}: ${all[index + 1]}`] : [],
    );
    server.write(`${[`${from.method} ${from.url} HTTP/1.1`, ...headers].join('\r\n')}\r\n\r\n`);
    server.write(head);
    socket.pipe(server).pipe(socket);
  });
  sockets.add(server);
  for (const [one, other] of [[socket, server] as const, [server, socket] as const]) {
    one.on('error', () => other.destroy()).on('close', () => other.destroy());
  }
  server.on('close', () => sockets.delete(server));
  if (typeof fate !== 'object' || 'until' in fate) return;
  let left = fate.cutAfterBytes;
  server.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    if (left <= 0) socket.destroy();
  });
}
