import { once } from 'node:events';
import { Writable } from 'node:stream';
import type { KubeConfig, V1Status } from '@kubernetes/client-node';
import { ClusterError } from '../errors.ts';
import type { ExecOutcome, ExecTarget } from './cluster.ts';
import { toConnectionError } from './kube-error.ts';

const MAX_STDERR = 16_384;

/** Runs a command in a container over a WebSocket. The socket is paused while `stdout` is full, so memory is bounded. */
export async function execInPod(
  config: KubeConfig,
  target: ExecTarget,
  stdout: Writable,
  signal: AbortSignal,
): Promise<ExecOutcome> {
  const { Exec } = await import('@kubernetes/client-node/dist/exec.js');
  const server = config.getCurrentCluster()?.server ?? '';
  let stderr = '';
  let status: V1Status | undefined;
  const errors = new Writable({
    write(chunk: Buffer, _encoding, done) {
      stderr = (stderr + chunk.toString('utf8')).slice(0, MAX_STDERR);
      done();
    },
  });
  // client-node writes to the stream without heeding its answer: this one, which never ends the real one, heeds it.
  const socket: { pause(): void; resume(): void } = { pause: () => undefined, resume: () => undefined };
  const relay = new Writable({
    write(chunk: Buffer, _encoding, done) {
      if (stdout.write(chunk)) return done();
      socket.pause();
      stdout.once('drain', () => {
        socket.resume();
        done();
      });
    },
  });
  try {
    signal.throwIfAborted();
    const connection = await new Exec(config).exec(
      target.namespace,
      target.pod,
      target.container,
      [...target.command],
      relay,
      errors,
      null,
      false,
      (told) => {
        status = told;
      },
    );
    // isomorphic-ws declares the browser's type; in Node it is `ws`, which can pause.
    Object.assign(socket, { pause: pauser(connection, 'pause'), resume: pauser(connection, 'resume') });
    const stop = (): void => connection.terminate();
    signal.addEventListener('abort', stop, { once: true });
    try {
      await once(connection, 'close');
    } finally {
      signal.removeEventListener('abort', stop);
    }
  } catch (error) {
    signal.throwIfAborted();
    throw execError(error, server);
  }
  signal.throwIfAborted();
  if (!relay.writableFinished && !relay.destroyed) await new Promise((resolve) => relay.end(resolve));
  return { exitCode: exitCode(status), stderr };
}

function pauser(connection: { pause(): void; resume(): void }, verb: 'pause' | 'resume'): () => void {
  return () => connection[verb]();
}

function exitCode(status: V1Status | undefined): number | null {
  if (status === undefined) return null;
  if (status.status === 'Success') return 0;
  const told = status.details?.causes?.find((cause) => cause.reason === 'ExitCode')?.message;
  return told === undefined ? null : Number(told);
}

function execError(error: unknown, server: string): unknown {
  const event = error as { error?: unknown; message?: unknown };
  const cause = event.error ?? error;
  const answer = /Unexpected server response: (\d+)/.exec(String(event.message ?? ''))?.[1];
  if (answer === '403') {
    return new ClusterError('you may not run commands in pods (create pods/exec)', { status: 403, cause });
  }
  if (answer !== undefined) {
    return new ClusterError(`the API server answered ${answer} to a command in a pod`, {
      status: Number(answer),
      cause,
    });
  }
  return toConnectionError(cause, server);
}
