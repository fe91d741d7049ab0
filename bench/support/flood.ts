// Sends UDP datagrams of 1,400 bytes, or of other sizes, so many megabytes a second, or as fast as one process can:
// `flood.ts HOST COUNT random|text [PACE [SIZE]]`. Nobody needs to listen.
import { createSocket } from 'node:dgram';
import { setTimeout as sleep } from 'node:timers/promises';
import { payload } from './payload.ts';

const [host = '127.0.0.1', count = '1', kind = 'random', pace = '0', each = '1400'] = process.argv.slice(2);
const size = Number(each);
// More than deflate looks back.
const bytes = payload(kind === 'text' ? 'text' : 'random', 64 * size);
const payloads = Array.from({ length: 64 }, (_, index) => bytes.subarray(index * size, (index + 1) * size));
const socket = createSocket('udp4');
socket.on('error', () => undefined);
const start = performance.now();
for (let sent = 0; sent < Number(count); ) {
  const batch = payloads.slice(0, Number(count) - sent);
  await Promise.all(batch.map((data) => new Promise<void>((done) => socket.send(data, 9, host, () => done()))));
  sent += batch.length;
  const early = Number(pace) === 0 ? 0 : (sent * size) / (Number(pace) * 1e3) - (performance.now() - start);
  if (early > 5) await sleep(early);
}
socket.close();
