import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import fc from 'fast-check';
import { captureFile } from '../../../src/workload/capture-file.ts';
import { planMerge, streamPart } from '../../../src/workload/merge.ts';
import type { Source } from '../../../src/workload/records.ts';

/** A packet: when it came (microseconds after the start), and how many bytes it has. */
type Packet = { after: number; length: number };
/** A packet as the merge must put it: by time, then by interface, then in its own order. */
type Told = { time: number; source: number; index: number; length: number };

const START = 1_795_000_000;

function header(linkType = 1): Buffer {
  const bytes = Buffer.alloc(24);
  bytes.writeUInt32LE(0xa1b2c3d4, 0);
  bytes.writeUInt16LE(2, 4);
  bytes.writeUInt16LE(4, 6);
  bytes.writeUInt32LE(262_144, 16);
  bytes.writeUInt32LE(linkType, 20);
  return bytes;
}

/** The record of a packet; its first bytes say whose it is. */
function record({ time, source, index, length }: Told): Buffer {
  const bytes = Buffer.alloc(16 + length);
  bytes.writeUInt32LE(START + Math.floor(time / 1e6), 0);
  bytes.writeUInt32LE(time % 1e6, 4);
  bytes.writeUInt32LE(length, 8);
  bytes.writeUInt32LE(length + 1, 12);
  bytes.writeUInt32LE(source, 16);
  bytes.writeUInt32LE(index, 20);
  return bytes;
}

const packet = fc.record({
  after: fc.integer({ min: 0, max: 1_500_000 }),
  length: fc.oneof(fc.integer({ min: 8, max: 80 }), fc.integer({ min: 8, max: 200_000 })),
});
const streams = fc.array(fc.array(packet, { maxLength: 25 }), { minLength: 2, maxLength: 4 });

function tell(all: readonly (readonly Packet[])[]): Told[][] {
  return all.map((packets, source) => {
    let time = 0;
    return packets.map(({ after: later, length }, index) => {
      time += later;
      return { time, source, index, length };
    });
  });
}

/** What the merge must give, worked out plainly. */
function inOrder(told: readonly (readonly Told[])[]): Told[] {
  return told.flat().sort((a, b) => a.time - b.time || a.source - b.source || a.index - b.index);
}

suite('packets of several interfaces', () => {
  let directory = '';
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'retina-unit-'));
  });
  after(() => rm(directory, { recursive: true }));

  /** Each interface's packets, in one file or in several. */
  async function sourcesOf(told: readonly (readonly Told[])[], files: number, linkTypes?: number[]): Promise<Source[]> {
    return Promise.all(
      told.map(async (packets, source) => {
        const paths = Array.from({ length: files }, (_, index) => join(directory, `${source}-${index}`));
        const share = Math.ceil(packets.length / files);
        for (const [index, path] of paths.entries()) {
          const own = packets.slice(index * share, (index + 1) * share);
          // A record that was cut short follows, as after a kill.
          await writeFile(path, Buffer.concat([header(linkTypes?.[source]), ...own.map(record), Buffer.alloc(9)]));
        }
        return { interface: `eth${source}`, header: header(linkTypes?.[source]), files: paths, full: false };
      }),
    );
  }

  const NONE = { packets: null, bytes: null, files: null };

  test('none is lost, and all come in the order of time', async () => {
    await fc.assert(
      fc.asyncProperty(streams, fc.integer({ min: 1, max: 3 }), async (all, files) => {
        const told = tell(all);
        const sources = await sourcesOf(told, files);
        const file = captureFile(sources);
        const { parts, cutBy } = await planMerge(sources, file, NONE);
        assert.deepEqual([parts.length, cutBy, file.extension], [1, null, 'pcap']);
        const [part = assert.fail()] = parts;
        const bytes = Buffer.concat(await Array.fromAsync(streamPart(sources, file, part)));
        assert.ok(bytes.equals(Buffer.concat([header(), ...inOrder(told).map(record)])));
        assert.deepEqual([part.bytes, part.packets], [bytes.length, told.flat().length]);
      }),
      { numRuns: 60 },
    );
  });

  test('a limit keeps the first packets, as many as fit and none after', async () => {
    const limits = fc.record({
      packets: fc.integer({ min: 1, max: 60 }),
      bytes: fc.integer({ min: 24, max: 900_000 }),
    });
    await fc.assert(
      fc.asyncProperty(streams, limits, async (all, { packets, bytes }) => {
        const told = tell(all);
        const sources = await sourcesOf(told, 1);
        const file = captureFile(sources);
        const { parts, cutBy } = await planMerge(sources, file, { packets, bytes, files: null });
        const expected: Buffer[] = [];
        let size = 24;
        let cut: string | null = null;
        for (const next of inOrder(told)) {
          if (expected.length === packets) cut = 'packet-count';
          else if (size + 16 + next.length > bytes) cut = 'max-size';
          if (cut !== null) break;
          expected.push(record(next));
          size += 16 + next.length;
        }
        const [part = assert.fail()] = parts;
        const got = Buffer.concat(await Array.fromAsync(streamPart(sources, file, part)));
        assert.ok(got.equals(Buffer.concat([header(), ...expected])));
        assert.deepEqual([cutBy, part.bytes], [cut, size]);
      }),
      { numRuns: 60 },
    );
  });

  test('a ring keeps the newest packets without a gap, each file within its size', async () => {
    const ring = fc.record({
      bytes: fc.integer({ min: 200_040, max: 500_000 }),
      files: fc.integer({ min: 1, max: 4 }),
    });
    await fc.assert(
      fc.asyncProperty(streams, ring, async (all, { bytes, files }) => {
        const told = tell(all);
        const sources = await sourcesOf(told, 2);
        const file = captureFile(sources);
        const { parts } = await planMerge(sources, file, { packets: null, bytes, files });
        assert.ok(parts.length <= files && parts.every((part) => part.bytes <= bytes));
        const contents = await Promise.all(
          parts.map(async (part) => Buffer.concat(await Array.fromAsync(streamPart(sources, file, part)))),
        );
        assert.deepEqual(
          contents.map((content) => content.length),
          parts.map((part) => part.bytes),
        );
        const kept = parts.reduce((total, part) => total + part.packets, 0);
        const expected = inOrder(told).slice(told.flat().length - kept);
        const got = Buffer.concat(contents.map((content) => content.subarray(24)));
        assert.ok(got.equals(Buffer.concat(expected.map(record))));
        if (parts.length < files) assert.equal(kept, told.flat().length, 'nothing is dropped while there is room');
      }),
      { numRuns: 60 },
    );
  });

  test('where an interface was cut off, later packets of others are left out too', async () => {
    const told = tell([
      [
        { after: 2, length: 9 },
        { after: 2, length: 9 },
      ],
      [
        { after: 3, length: 8 },
        { after: 9, length: 8 },
      ],
    ]);
    const sources = (await sourcesOf(told, 1)).map((source, index) => ({ ...source, full: index === 0 }));
    const { parts, cutBy } = await planMerge(sources, captureFile(sources), NONE);
    assert.deepEqual([parts[0]?.packets, cutBy], [3, 'max-size']);
  });

  test('different link types: pcapng, whose size is known before', async () => {
    const told = tell([
      [{ after: 5, length: 9 }],
      [
        { after: 1, length: 8 },
        { after: 9, length: 30 },
      ],
    ]);
    const sources = await sourcesOf(told, 1, [1, 101]);
    const file = captureFile(sources);
    assert.equal(file.extension, 'pcapng');
    const { parts } = await planMerge(sources, file, NONE);
    const [part = assert.fail()] = parts;
    const bytes = Buffer.concat(await Array.fromAsync(streamPart(sources, file, part)));
    assert.equal(bytes.length, part.bytes);
    const copies: Buffer[] = [];
    for await (const piece of streamPart(sources, file, part, { reuse: true })) copies.push(Buffer.from(piece));
    assert.deepEqual(Buffer.concat(copies), bytes);
    assert.equal(bytes.readUInt32LE(0), 0x0a0d0d0a);
    const only = Buffer.concat(
      await Array.fromAsync(streamPart(sources, captureFile(sources.slice(1)), part, { only: 1 })),
    );
    assert.ok(only.equals(Buffer.concat([header(101), ...(told[1] ?? []).map(record)])), 'one interface alone');
  });

  test('a file that has become shorter is an error, not a short file', async () => {
    const sources = await sourcesOf(tell([[{ after: 1, length: 8 }], []]), 1);
    const part = { packets: 2, start: [] };
    await assert.rejects(Array.fromAsync(streamPart(sources, captureFile(sources), part)), /became fewer/);
  });
});
