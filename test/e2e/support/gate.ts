import { type ChildProcess, spawn } from 'node:child_process';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** How long the answer to a write at which something happened is kept: a signal and an answer would race. */
const HELD_MS = 300;

/** When something happens to the client: before the server has its request, or before it has the server's answer. */
export type Moment = 'asked' | 'answered';

/** What happens; a request waits for its end. The server never has one of which it says `lost`. */
export type Act = () => 'lost' | undefined | Promise<undefined>;

/** A way to the API server on which something happens at one of the client's writes. */
export type Gate = {
  /** Flags with which the program takes this way. */
  flags: readonly string[];
  /** From now on, the first write is number 1; this is called at that number, at that moment. */
  arm(write: number, moment: Moment, act: Act): void;
  /** The writes that came since then, as `POST jobs`. */
  writes(): readonly string[];
  close(): void;
};

/** Opens a gate: kubectl's proxy speaks for the client, so that its requests can be looked into. */
export async function openGate(): Promise<Gate> {
  const proxy = spawn('kubectl', ['proxy', '--port=0'], { stdio: ['ignore', 'pipe', 'ignore'] });
  const port = await portOf(proxy);
  let armed: { write: number; moment: Moment; act: Act } | undefined;
  let writes: string[] = [];
  const happens = (number: number, moment: Moment): boolean => armed?.write === number && armed.moment === moment;
  const forward = async (from: IncomingMessage, to: ServerResponse): Promise<void> => {
    // What is only asked in advance changes nothing.
    const asking = /[?&]dryRun=All|\/selfsubject/.test(from.url ?? '');
    const writing = from.method !== 'GET' && !asking;
    if (writing) writes.push(`${from.method} ${/\/(jobs|pods|secrets)\b/.exec(from.url ?? '')?.[1]}`);
    const number = writing ? writes.length : 0;
    const held = happens(number, 'asked');
    if (held && (await armed?.act()) === 'lost') return void to.destroy();
    const onward = request({ port, path: from.url, method: from.method, headers: from.headers }, async (answer) => {
      if (held) await sleep(HELD_MS);
      if (happens(number, 'answered')) void armed?.act();
      to.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(to);
    });
    onward.on('error', () => to.destroy());
    to.on('close', () => onward.destroy());
    from.pipe(onward);
  };
  const server = createServer((from, to) => void forward(from, to));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port: own } = server.address() as AddressInfo;
  return {
    flags: ['--server', `http://127.0.0.1:${own}`],
    arm: (write, moment, act) => {
      armed = { write, moment, act };
      writes = [];
    },
    writes: () => writes,
    close: () => {
      server.closeAllConnections();
      server.close();
      proxy.kill('SIGKILL');
    },
  };
}

/** Where kubectl's proxy listens, as it tells. */
async function portOf(proxy: ChildProcess): Promise<number> {
  let told = '';
  for await (const chunk of proxy.stdout ?? []) {
    told += chunk;
    const port = /127\.0\.0\.1:(\d+)/.exec(told)?.[1];
    if (port !== undefined) return Number(port);
  }
  throw new Error(`kubectl proxy ended: ${told}`);
}
