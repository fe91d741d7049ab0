import { type ChildProcess, spawn } from 'node:child_process';
import { createServer, type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { until } from './cluster.ts';
import { CACHE, HOST } from './stores.ts';

/**
 * toxiproxy: lines to servers, each with an address of its own, that can be cut, slowed down and stopped up. It is told so
 * at a port of its own.
 */
export function faultyLines(port = 18474) {
  const control = `http://${HOST}:${port}`;
  let child: ChildProcess | undefined;
  const post = async (path: string, body: object = {}, method = 'POST'): Promise<void> => {
    const answer = await fetch(control + path, { method, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`toxiproxy ${path}: ${await answer.text()}`);
  };
  return {
    start: async () => {
      child = spawn(join(CACHE, 'bin/toxiproxy'), ['-host', HOST, '-port', String(port)], { stdio: 'ignore' });
      const answers = () =>
        fetch(`${control}/version`).then(
          () => true,
          () => false,
        );
      await until('toxiproxy answers', answers);
    },
    /** A line to a server; the answer is the server's address by way of it. */
    lay: async (name: string, port: number, server: string) => {
      await post('/proxies', { name, listen: `${HOST}:${port}`, upstream: new URL(server).host, enabled: true });
      return `http://${HOST}:${port}`;
    },
    cut: (name: string) => post(`/proxies/${name}`, { enabled: false }),
    mend: (name: string) => post(`/proxies/${name}`, { enabled: true }),
    /** Bytes of requests are swallowed from now on. */
    stopUp: (name: string) =>
      post(`/proxies/${name}/toxics`, { type: 'timeout', stream: 'upstream', attributes: { timeout: 0 } }),
    /** Each connection takes so many KB a second. */
    slow: (name: string, rate: number) =>
      post(`/proxies/${name}/toxics`, { type: 'bandwidth', stream: 'upstream', attributes: { rate } }),
    /** Each connection breaks after so many bytes of requests. */
    cutAfter: (name: string, bytes: number) =>
      post(`/proxies/${name}/toxics`, { type: 'limit_data', stream: 'upstream', attributes: { bytes } }),
    /** At full speed again. */
    hurry: (name: string) => post(`/proxies/${name}/toxics/bandwidth_upstream`, {}, 'DELETE'),
    /** All lines, of all faults. */
    heal: () => post('/reset'),
    end: async () => {
      const running = child;
      if (running !== undefined) await new Promise((resolve) => running.once('exit', resolve).kill('SIGKILL'));
    },
  };
}

/** What becomes of a request: it is answered by the server, also with one byte of its body changed; refused with a status; or done while its answer is lost. */
export type Fate = 'passes' | 'byte changed' | 'answer lost' | number;

/** A go-between that looks into requests; every one passes until told otherwise. */
export function goBetween(port: number, server: string) {
  const state: { fate: (message: IncomingMessage) => Fate; seen: string[] } = { fate: () => 'passes', seen: [] };
  const listener = createServer((from, to) => {
    const fate = state.fate(from);
    state.seen.push(`${from.method} ${fate}`);
    if (typeof fate === 'number') {
      from.resume().on('end', () => to.writeHead(fate).end());
      return;
    }
    const onward = request(server + from.url, { method: from.method, headers: from.headers }, (answer) => {
      if (fate === 'answer lost') {
        answer.resume().on('end', () => to.destroy());
        return;
      }
      to.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(to);
    });
    onward.on('error', () => to.destroy());
    if (fate === 'byte changed') from.pipe(changeByte()).pipe(onward);
    else from.pipe(onward);
  });
  return {
    url: `http://${HOST}:${port}`,
    state,
    start: () => new Promise<void>((resolve) => listener.listen(port, HOST, resolve)),
    end: () => {
      listener.closeAllConnections();
      listener.close();
    },
  };
}

/** Changes the first byte of what passes. */
function changeByte(): Transform {
  let changed = false;
  return new Transform({
    transform: (chunk: Buffer, _, done) => {
      const bytes = Buffer.from(chunk);
      if (!changed && bytes.length > 0) bytes.writeUInt8(bytes.readUInt8(0) ^ 1, 0);
      changed ||= bytes.length > 0;
      done(null, bytes);
    },
  });
}
