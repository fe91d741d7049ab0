import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { settlePcaps } from '../../../src/workload/limit.ts';
import { cutPcap, scanPcap } from '../../../src/workload/pcap.ts';

type Order = 'little' | 'big';

function pcap(lengths: readonly number[], order: Order = 'little', magic = 0xa1b2c3d4): Buffer {
  const number = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    if (order === 'little') bytes.writeUInt32LE(value);
    else bytes.writeUInt32BE(value);
    return bytes;
  };
  const header = Buffer.concat([number(magic), Buffer.alloc(20)]);
  const records = lengths.map((length) =>
    Buffer.concat([number(1), number(2), number(length), number(length), Buffer.alloc(length, 0xff)]),
  );
  return Buffer.concat([header, ...records]);
}

/** Where each whole record ends, counted plainly. */
function ends(lengths: readonly number[]): number[] {
  let at = 24;
  return lengths.map((length) => (at += 16 + length));
}

suite('pcap files', () => {
  let directory = '';
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'retina-unit-'));
  });
  after(() => rm(directory, { recursive: true }));
  const put = async (name: string, content: Buffer): Promise<string> => {
    await writeFile(join(directory, name), content);
    return join(directory, name);
  };

  test('counts the packets in either byte order, with micro- and nanoseconds', async () => {
    for (const order of ['little', 'big'] as const) {
      for (const magic of [0xa1b2c3d4, 0xa1b23c4d]) {
        const path = await put('order.pcap', pcap([60, 0, 1500], order, magic));
        assert.deepEqual(await scanPcap(path), { packets: 3, end: 24 + 3 * 16 + 1560 });
      }
    }
  });

  test('a file cut anywhere keeps the whole packets before the cut', async () => {
    const lengths = [5, 0, 40, 1, 17, 200];
    const whole = pcap(lengths);
    for (let length = 0; length <= whole.length; length += 1) {
      const path = await put('cut.pcap', whole.subarray(0, length));
      const fit = ends(lengths).filter((end) => end <= length);
      const expected = length < 24 ? null : { packets: fit.length, end: fit.at(-1) ?? 24 };
      assert.deepEqual(await cutPcap(path), expected, `cut at ${length}`);
      if (expected !== null) assert.equal((await stat(path)).size, expected.end);
    }
  });

  test('a limit cuts at the last packet that fits', async () => {
    const lengths = [100, 100, 100];
    for (const [limit, packets] of [
      [0, 0],
      [139, 0],
      [140, 1],
      [255, 1],
      [256, 2],
      [372, 3],
      [9999, 3],
    ] as const) {
      const path = await put('limit.pcap', pcap(lengths));
      assert.equal((await cutPcap(path, limit))?.packets, packets, `limit ${limit}`);
    }
  });

  test('records that straddle or exceed what is read at once', async () => {
    const lengths = Array.from({ length: 60 }, (_, index) => (index * 7919) % 262_144);
    const path = await put('large.pcap', pcap(lengths, 'big'));
    assert.deepEqual(await scanPcap(path), { packets: 60, end: ends(lengths).at(-1) });
  });

  test('a damaged length ends the file there; other files are none', async () => {
    const content = pcap([10, 10, 10]);
    content.writeUInt32LE(0x7fffffff, 24 + 26 + 8);
    assert.deepEqual(await cutPcap(await put('damaged.pcap', content)), { packets: 1, end: 50 });
    assert.equal(await scanPcap(await put('text', Buffer.from('this is not a pcap file, but a text'))), null);
  });

  test('a file that reached its limit is cut there, and says so', async () => {
    const written = (file: string) => [{ interface: 'lo', file, captured: 0 }];
    const limits = { stem: 'x', maxBytes: 2000, packetCount: null, fileCount: null };
    const small = await settlePcaps(written(await put('a.pcap', pcap([50]))), limits);
    assert.deepEqual([small.packets, small.bytes, small.cutBy], [1, 90, null]);
    const path = await put('b.pcap', pcap(Array(100).fill(100)));
    const large = await settlePcaps(written(path), limits);
    assert.deepEqual([large.packets, large.bytes, large.cutBy], [17, 24 + 17 * 116, 'max-size']);
    assert.equal((await readFile(path)).length, large.bytes);
    const none = await settlePcaps(written(join(directory, 'none')), limits);
    assert.deepEqual([none.packets, none.entries], [0, []]);
  });
});
