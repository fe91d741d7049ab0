// A server on the loopback interface and a client that asks it for /?seq=1, 2, 3 …; prints the port first.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const server = createServer((_request, response) => response.end('ok\n'));
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const { port } = server.address() as AddressInfo;
process.stdout.write(`${port}\n`);
for (let seq = 1; ; seq += 1) {
  await (await fetch(`http://127.0.0.1:${port}/?seq=${seq}`)).text();
  await sleep(100);
}
