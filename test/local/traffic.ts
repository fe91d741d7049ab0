/** Sends numbered UDP datagrams: `traffic.ts HOST PORT COUNT SIZE`. Nobody needs to listen. */
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';

const [host = '127.0.0.1', port = '9', count = '1', size = '32'] = process.argv.slice(2);
const socket = createSocket('udp4');
const send = (payload: Buffer): Promise<void> =>
  // A refusal (nobody listens) may surface at a later send; the datagram was on the wire all the same.
  new Promise((resolve) => socket.send(payload, Number(port), host, () => resolve()));

socket.on('error', () => undefined);
const BATCH = 64;
for (let at = 0; at < Number(count); at += BATCH) {
  const batch = Array.from({ length: Math.min(BATCH, Number(count) - at) }, (_, index) => {
    // Random, so that a tarball is as large as its packets.
    const payload = randomBytes(Number(size));
    payload.write(String(at + index).padStart(8, '0'));
    return send(payload);
  });
  await Promise.all(batch);
}
socket.close();
