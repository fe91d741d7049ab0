const MAC = { to: '020000000001', from: '020000000002' };
const PORT = 9;

/** A pcap of so many UDP datagrams, each of so many bytes from its Ethernet header on. They are meant for nobody, so that nobody answers. */
export function datagrams(count: number, size: number): Buffer {
  const head = Buffer.alloc(24);
  head.writeUInt32LE(0xa1b2c3d4, 0);
  head.writeUInt16LE(2, 4);
  head.writeUInt16LE(4, 6);
  head.writeUInt32LE(65_535, 16);
  head.writeUInt32LE(1, 20);
  const record = Buffer.alloc(16);
  record.writeUInt32LE(size, 8);
  record.writeUInt32LE(size, 12);
  const one = Buffer.concat([record, datagram(size)]);
  return Buffer.concat([head, ...Array.from({ length: count }, () => one)]);
}

function datagram(size: number): Buffer {
  const ethernet = Buffer.from(`${MAC.to}${MAC.from}0800`, 'hex');
  const ip = Buffer.alloc(20);
  ip.writeUInt8(0x45, 0);
  ip.writeUInt16BE(size - ethernet.length, 2);
  ip.writeUInt8(64, 8);
  ip.writeUInt8(17, 9);
  ip.set([10, 99, 0, 2, 10, 99, 0, 1], 12);
  const udp = Buffer.alloc(8);
  udp.writeUInt16BE(PORT, 0);
  udp.writeUInt16BE(PORT, 2);
  udp.writeUInt16BE(size - ethernet.length - ip.length, 4);
  return Buffer.concat([ethernet, ip, udp], size);
}
