import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { loadConfig } from '../../../src/kube/config.ts';
import { createRest, type Rest } from '../../../src/kube/rest.ts';

/** Asks a server of these answers, as a command does. */
export async function asking<T>(answer: RequestListener, ask: (rest: Rest) => Promise<T>): Promise<T> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    const config = loadConfig({ server: `http://127.0.0.1:${port}` }, { HOME: '/nonexistent' });
    return await ask(createRest(config, { timeoutMs: 60_000, traced: () => undefined, troubled: () => undefined }));
  } finally {
    server.closeAllConnections();
    server.close();
  }
}
