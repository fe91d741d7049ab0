import { Writable } from 'node:stream';
import type { KubeConfig, V1Status } from '@kubernetes/client-node';
import { ClusterError } from '../errors.ts';
import type { ExecOutcome, ExecTarget } from './cluster.ts';
import type { Connection } from './config.ts';
import { toClusterError, toConnectionError } from './kube-error.ts';
import { monotonic } from './monotonic.ts';

const MAX_STDERR = 16_384;
/** Milliseconds between pings; a connection that answered nothing since the last one is dead. */
const PULSE = 15_000;
/** Milliseconds in which a connection must be open. */
const OPEN_LIMIT = 30_000;

/** What is used of a `ws` socket: isomorphic-ws declares the browser's type, which cannot pause. */
type Socket = {
  pause(): void;
  resume(): void;
  ping(): void;
  terminate(): void;
  on(event: 'close' | 'message' | 'pong', listener: () => void): void;
};

/** What a command has told so far; the status comes last, if at all. */
type Told = { stderr: string; status: V1Status | undefined };

/**
 * Runs a command in a container over a WebSocket, which is paused while `stdout` is full, so memory is bounded. A
 * connection that breaks, or no longer answers, ends like a command that told no exit code.
 */
export async function execInPod(
  connection: Connection,
  target: ExecTarget,
  stdout: Writable,
  signal: AbortSignal,
): Promise<ExecOutcome> {
  signal.throwIfAborted();
  const told: Told = { stderr: '', status: undefined };
  const relay = relayTo(stdout);
  const socket = await opened(connection, () => open(connection.config, target, relay.stream, told), signal);
  relay.use(socket);
  await closed(socket, () => relay.full(), signal);
  signal.throwIfAborted();
  await relay.finish();
  return { exitCode: exitCode(told.status), stderr: told.stderr };
}

/** The socket of a connection; where its credentials are no longer accepted, tried once more with new ones. */
async function opened(connection: Connection, open: () => Promise<Socket>, signal: AbortSignal): Promise<Socket> {
  for (let renewed = false; ; renewed = true) {
    const begunAt = monotonic();
    try {
      return await unlessAborted(open(), AbortSignal.any([signal, AbortSignal.timeout(OPEN_LIMIT)]));
    } catch (error) {
      signal.throwIfAborted();
      const failure = openError(error, connection);
      const refused = failure instanceof ClusterError && failure.status === 401;
      if (renewed || !refused || !connection.renew(begunAt)) throw failure;
    }
  }
}

async function open(config: KubeConfig, target: ExecTarget, stdout: Writable, told: Told): Promise<Socket> {
  const { Exec } = await import('@kubernetes/client-node/dist/exec.js');
  const stderr = new Writable({
    write(chunk: Buffer, _encoding, done) {
      told.stderr = (told.stderr + chunk.toString('utf8')).slice(0, MAX_STDERR);
      done();
    },
  });
  const { namespace, pod, container, command } = target;
  const connection: object = await new Exec(config).exec(
    namespace,
    pod,
    container,
    [...command],
    stdout,
    stderr,
    null,
    false,
    (status) => {
      told.status = status;
    },
  );
  if (!isSocket(connection)) throw new TypeError('the WebSocket of client-node cannot be paused');
  return connection;
}

function isSocket(connection: object): connection is Socket {
  return ['pause', 'resume', 'ping', 'terminate', 'on'].every((name) => name in connection);
}

/** A connection that opens after all is closed again. */
function unlessAborted(opening: Promise<Socket>, signal: AbortSignal): Promise<Socket> {
  const { promise, reject } = Promise.withResolvers<Socket>();
  const stop = (): void => {
    reject(signal.reason);
    opening.then(
      (connection) => connection.terminate(),
      () => undefined,
    );
  };
  signal.addEventListener('abort', stop, { once: true });
  return Promise.race([opening, promise]).finally(() => signal.removeEventListener('abort', stop));
}

/** Waits until a connection is closed: by the other side, by the signal, or because it no longer answers. */
async function closed(connection: Socket, paused: () => boolean, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let alive = true;
  const live = (): void => {
    alive = true;
  };
  connection.on('message', live);
  connection.on('pong', live);
  connection.on('close', resolve);
  const pulse = setInterval(() => {
    // While it is paused, nobody reads the answers.
    if (!alive && !paused()) connection.terminate();
    alive = false;
    connection.ping();
  }, PULSE);
  const stop = (): void => connection.terminate();
  signal.addEventListener('abort', stop, { once: true });
  try {
    await promise;
  } finally {
    clearInterval(pulse);
    signal.removeEventListener('abort', stop);
  }
}

type Relay = { stream: Writable; use(connection: Socket): void; full(): boolean; finish(): Promise<void> };

/**
 * client-node writes to a stream without heeding its answer, and ends it: this one heeds the real one's, and leaves it
 * open. When the real one fails, its own error listener tells why, and the connection is of no more use.
 */
function relayTo(stdout: Writable): Relay {
  let connection: Socket | undefined;
  let full = false;
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      if (stdout.destroyed || stdout.write(chunk)) return done();
      full = true;
      connection?.pause();
      const go = (): void => {
        stdout.off('drain', go).off('close', go);
        full = false;
        connection?.resume();
        done();
      };
      stdout.on('drain', go).on('close', go);
    },
  });
  return {
    stream,
    use: (opened) => {
      connection = opened;
      if (full) opened.pause();
      if (stdout.destroyed) opened.terminate();
      stdout.once('close', () => opened.terminate());
    },
    full: () => full,
    finish: async () => {
      if (stream.writableFinished || stream.destroyed) return;
      await new Promise<void>((resolve) => stream.end(resolve));
    },
  };
}

function exitCode(status: V1Status | undefined): number | null {
  if (status === undefined) return null;
  if (status.status === 'Success') return 0;
  const told = status.details?.causes?.find((cause) => cause.reason === 'ExitCode')?.message;
  return told === undefined ? null : Number(told);
}

function openError(error: unknown, { cluster }: Connection): unknown {
  const event = error as { error?: unknown; message?: unknown };
  const cause = event.error ?? error;
  const answer = /Unexpected server response: (\d+)/.exec(String(event.message ?? ''))?.[1];
  if (answer === '403') {
    return new ClusterError('you may not run commands in pods (create and get pods/exec)', { status: 403, cause });
  }
  if (answer === '401') return toClusterError(401, '', { token: true });
  if (answer !== undefined) {
    return new ClusterError(`the API server answered ${answer} to a command in a pod`, {
      status: Number(answer),
      cause,
    });
  }
  return toConnectionError(cause, cluster.server, cluster.proxyUrl);
}
