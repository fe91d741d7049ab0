// Sends UDP datagrams of 1,400 bytes as fast as one process can: `flood.ts HOST COUNT random|text`. Nobody needs to listen.
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';

const [host = '127.0.0.1', count = '1', kind = 'random'] = process.argv.slice(2);
const words = (index: number): Buffer =>
  Buffer.alloc(
    1400,
    `GET /api/items/${index}?page=${index * 7} HTTP/1.1\r\nHost: example-${index}\r\nAccept: text/html\r\n`,
  );
const payloads = Array.from({ length: 64 }, (_, index) => (kind === 'text' ? words(index) : randomBytes(1400)));
const socket = createSocket('udp4');
socket.on('error', () => undefined);
for (let sent = 0; sent < Number(count); ) {
  const batch = payloads.slice(0, Number(count) - sent);
  await Promise.all(batch.map((data) => new Promise<void>((done) => socket.send(data, 9, host, () => done()))));
  sent += batch.length;
}
socket.close();
