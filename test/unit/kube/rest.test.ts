import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { constants, createGzip } from 'node:zlib';
import { ClusterError } from '../../../src/errors.ts';
import { loadConfig } from '../../../src/kube/config.ts';
import { createRest, type Rest } from '../../../src/kube/rest.ts';

/** Asks a server of these answers, as a command does. */
async function asking<T>(answer: RequestListener, ask: (rest: Rest) => Promise<T>): Promise<T> {
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

const get = { method: 'GET', path: '/version' } as const;

function refused(message: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof ClusterError && message.test(error.message) && error.hint !== undefined;
}

test('a short answer that unpacks to more than memory holds is refused at 256 MiB', async () => {
  const bomb: RequestListener = (_request, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip' });
    const gzip = createGzip({ level: constants.Z_BEST_SPEED });
    gzip.pipe(response);
    const zeros = Buffer.alloc(1 << 20);
    // 2 GiB, unless the other side goes away.
    let left = 2048;
    const more = (): void => {
      for (; left > 0 && !response.destroyed; left -= 1) if (!gzip.write(zeros)) return void gzip.once('drain', more);
      gzip.end();
    };
    more();
  };
  const before = process.memoryUsage().rss;
  await assert.rejects(
    asking(bomb, (rest) => rest.json(get)),
    refused(/answer is longer than 256 MiB/),
  );
  assert.ok(process.memoryUsage().rss - before < 1 << 30);
});

test('JSON that is no object is no answer of an API server', async () => {
  for (const text of ['null', '5', '"x"', 'true', '', '<html>']) {
    await assert.rejects(
      asking(
        (_request, response) => response.end(text),
        (rest) => rest.json(get),
      ),
      refused(/did not answer in JSON as an API server does/),
      text,
    );
  }
});
