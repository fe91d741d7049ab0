import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { Header } from 'tar';
import { streamBundle } from '../../../src/workload/bundle.ts';
import { findTarballs } from '../../../src/workload/files.ts';
import { storedMember } from '../../../src/workload/member.ts';
import {
  cutPcap,
  MAX_RECORD,
  PCAP_HEADER_BYTES,
  pcapHeader,
  RECORD_HEADER_BYTES,
  scanPcap,
} from '../../../src/workload/pcap.ts';
import { countPcapng } from '../../../src/workload/pcapng.ts';
import {
  eventsLost,
  filtersIn,
  firstLine,
  hasNoFilters,
  isForeign,
  isIdle,
  sessionIn,
} from '../../../src/workload/pktmon-output.ts';
import { RecordCursor } from '../../../src/workload/records.ts';
import { isCountsAnswer, isListening, parseCounts } from '../../../src/workload/tcpdump-output.ts';
import { result } from '../support/builders.ts';
import { almost, almostJson, hostile, long } from './inputs.ts';
import { property } from './property.ts';

const directory = mkdtempSync(join(tmpdir(), 'retina-property-'));
after(() => rmSync(directory, { recursive: true }));
const path = join(directory, 'file');

/** A change of a file: bytes cut off, or a byte set, mostly in a length. */
const damage = fc.array(
  fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.constantFrom(0, 1, 12, 0x7f, 0xff, -1)),
  { maxLength: 3 },
);

function damaged(bytes: Buffer, changes: readonly (readonly [number, number])[]): Buffer {
  let now = Buffer.from(bytes);
  for (const [where, value] of changes) {
    const at = Math.floor(where * now.length);
    if (value === -1) now = now.subarray(0, at);
    else if (at < now.length) now[at] = value;
  }
  return now;
}

const packets = fc.array(
  fc.record({ length: fc.oneof(fc.nat(64), fc.constantFrom(0, MAX_RECORD, MAX_RECORD + 1)), told: fc.nat(70_000) }),
  { maxLength: 6 },
);

/** A pcap file of such packets; those with lengths that none has are shorter than they say. */
function pcapOf(all: readonly { length: number; told: number }[], little: boolean): Buffer {
  const u32 = (value: number): Buffer => {
    const four = Buffer.alloc(4);
    if (little) four.writeUInt32LE(value);
    else four.writeUInt32BE(value);
    return four;
  };
  const header = Buffer.concat([u32(0xa1b2c3d4), Buffer.alloc(12), u32(262_144), u32(1)]);
  return Buffer.concat([
    header,
    ...all.flatMap(({ length, told }) => [u32(1), u32(2), u32(length), u32(told), Buffer.alloc(Math.min(length, 300))]),
  ]);
}

/** A second reader: the packets of a file in memory, and where the last whole one ends. */
function walkPcap(bytes: Buffer, limit: number): { packets: number; end: number } | null {
  const magic = bytes.length < PCAP_HEADER_BYTES ? '' : bytes.toString('hex', 0, 4);
  if (!/^(a1b2c3d4|a1b23c4d|d4c3b2a1|4d3cb2a1)$/.test(magic)) return null;
  let [count, at] = [0, PCAP_HEADER_BYTES];
  for (; at + RECORD_HEADER_BYTES <= bytes.length; count += 1) {
    const length = magic.startsWith('a1') ? bytes.readUInt32BE(at + 8) : bytes.readUInt32LE(at + 8);
    const end = at + RECORD_HEADER_BYTES + length;
    if (length > MAX_RECORD || end > Math.min(bytes.length, limit)) break;
    at = end;
  }
  return { packets: count, end: at };
}

property(
  'pcap files: the packets that are whole, as a second reader counts them; a cut file stays so',
  500,
  fc.tuple(packets, fc.boolean(), damage, fc.option(fc.nat(400))),
  async ([all, little, changes, some]) => {
    const bytes = damaged(pcapOf(all, little), changes);
    const limit = some ?? Number.POSITIVE_INFINITY;
    writeFileSync(path, bytes);
    const expected = walkPcap(bytes, limit);
    assert.deepEqual(await scanPcap(path, limit), expected);
    assert.deepEqual(await cutPcap(path, limit), expected);
    if (expected !== null) assert.deepEqual(walkPcap(readFileSync(path), Number.POSITIVE_INFINITY), expected);
    assert.equal((await pcapHeader(path)) === null, expected === null);
  },
);

property(
  'pcap files: a cursor stands on the packets that are whole',
  300,
  fc.tuple(packets, fc.boolean(), damage),
  async ([all, little, changes]) => {
    const bytes = damaged(pcapOf(all, little), changes);
    writeFileSync(path, bytes);
    const header = await pcapHeader(path);
    if (header === null) return;
    const cursor = await RecordCursor.open(
      { interface: 'x', header, files: [path], full: false },
      { file: 0, offset: PCAP_HEADER_BYTES },
    );
    let count = 0;
    for (; !cursor.ended; count += 1) if (!cursor.step()) await cursor.load();
    await cursor.close();
    assert.equal(count, walkPcap(bytes, Number.POSITIVE_INFINITY)?.packets);
  },
);

const block = fc.record({ type: fc.constantFrom(1, 3, 5, 6, 0x0a0d0d0a, 0xffff), body: fc.nat(40) });

property(
  'pcapng files: counted, or none; never a hang',
  400,
  fc.tuple(fc.array(block, { maxLength: 6 }), damage),
  async ([blocks, changes]) => {
    const parts = [{ type: 0x0a0d0d0a, body: 16 }, ...blocks].map(({ type, body }) => {
      const length = 12 + Math.max(type === 0x0a0d0d0a ? 16 : 0, Math.ceil(body / 4) * 4);
      const bytes = Buffer.alloc(length);
      bytes.writeUInt32LE(type, 0);
      bytes.writeUInt32LE(length, 4);
      if (type === 0x0a0d0d0a) bytes.writeUInt32LE(0x1a2b3c4d, 8);
      bytes.writeUInt32LE(length, length - 4);
      return bytes;
    });
    const whole = Buffer.concat(parts);
    writeFileSync(path, damaged(whole, changes));
    const count = await countPcapng(path);
    assert.ok(count === null || (count >= 0 && count <= blocks.length + 3 * whole.length));
    if (changes.length === 0) assert.equal(count, blocks.filter(({ type }) => type === 3 || type === 6).length);
  },
);

const entryName = fc.oneof(
  fc.constantFrom('a.pcap', 'proc-net/dev', `${'d/'.repeat(60)}x`, 'ü'.repeat(120)),
  fc.stringMatching(/^[a-z]{1,12}$/),
);
const content = fc.oneof(
  fc.uint8Array({ maxLength: 1200 }),
  fc.nat(3000).map((length) => new Uint8Array(length)),
);

property(
  'tarballs: what is packed is unpacked, by names and bytes, and each gzip member is whole',
  300,
  fc.uniqueArray(fc.tuple(entryName, content), { maxLength: 4, selector: ([name]) => name }),
  async (entries) => {
    const given = entries.map(([name, bytes]) => ({ name, content: Buffer.from(bytes) }));
    const pieces: Buffer[] = [];
    for await (const piece of streamBundle(given, new Date('2026-11-21T10:15:00Z'))) {
      pieces.push(Buffer.from(piece));
      gunzipSync(piece);
    }
    const tar = gunzipSync(Buffer.concat(pieces));
    const found: [string, Buffer][] = [];
    let long: string | undefined;
    for (let at = 0; at < tar.length - 1024; ) {
      const header = new Header(tar, at);
      assert.ok(header.cksumValid, 'a header that no reader takes');
      const [size, from] = [header.size ?? 0, at + 512];
      const bytes = tar.subarray(from, from + size);
      if (header.type === 'ExtendedHeader') long = /\d+ path=(.*)\n/.exec(bytes.toString())?.[1];
      else {
        found.push([long ?? header.path ?? '', Buffer.from(bytes)]);
        long = undefined;
      }
      at = from + Math.ceil(size / 512) * 512;
    }
    assert.deepEqual(
      found,
      given.map((entry) => [entry.name, entry.content]),
    );
  },
);

property(
  'gzip members of stored blocks: any reader takes them',
  500,
  fc.oneof(
    content,
    fc.integer({ min: 65_000, max: 132_000 }).map((length) => new Uint8Array(length)),
  ),
  (bytes) => {
    assert.ok(gunzipSync(storedMember(Buffer.from(bytes))).equals(bytes));
  },
);

const STEM = 'web-node1-20261121101500UTC';
const beside = almostJson(
  fc.constant(result({ tarball: { name: `${STEM}.tar.gz`, bytes: 4, sha256: 'ab'.repeat(32) } })),
).map((value) => JSON.stringify(value) ?? '');

property(
  '<stem>.json on a node: what it tells counts for its own tarball alone',
  300,
  fc.oneof(beside, almost(beside), hostile),
  async (text) => {
    const there = join(directory, 'node');
    if (!readdirSync(directory).includes('node')) mkdirSync(there);
    writeFileSync(join(there, `${STEM}.tar.gz`), 'data');
    writeFileSync(join(there, `${STEM}.json`), text);
    for (const file of await findTarballs(there, { capture: 'web', node: 'node1' })) {
      assert.deepEqual([file.name, file.bytes], [`${STEM}.tar.gz`, 4]);
      assert.ok(file.result === null || file.result.tarball?.name === file.name);
    }
  },
);

const pktmon = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        'Packet Monitor is not running.',
        'Collected data:',
        '    Log file:        C:\\x.etl',
        '  1 web 10.0.0.1',
        'None',
        '5 events lost',
        '1,234 events lost',
        '',
      ),
      hostile,
    ),
    { maxLength: 6 },
  )
  .map((lines) => lines.join('\r\n'));

property(
  "pktmon's words: what is not known is not taken for nothing",
  3000,
  fc.oneof(pktmon, almost(pktmon), long(['\n', ' ', 'Log file: ', '1 '])),
  (text) => {
    assert.equal(isIdle(text), /not running/i.test(text) && isIdle(text));
    assert.ok(Number.isSafeInteger(eventsLost(text)) || eventsLost(text) >= 2 ** 53);
    for (const told of [filtersIn(text), sessionIn(text), firstLine(text)]) assert.ok(!told.includes('\n'));
    assert.equal(typeof hasNoFilters(text), 'boolean');
    assert.equal(isForeign(text, ''), false);
  },
);

const COUNTS = '5 packets captured, 10 packets received by filter, 1 packet dropped by kernel';
const line = fc.oneof(
  fc.constantFrom(
    `tcpdump: ${COUNTS}`,
    COUNTS,
    'listening on any, link-type X',
    `tcpdump: syntax error in "${COUNTS}"`,
  ),
  hostile,
);

property(
  "tcpdump's counters: of lines that begin with one, and of no echo",
  3000,
  fc.oneof(line, almost(line), long(['5 packets captured', '5', ' '])),
  (text) => {
    for (const [field, count] of Object.entries(parseCounts(text) ?? {})) {
      assert.match(field, /^(captured|received|droppedByKernel|droppedByInterface)$/);
      assert.ok(count >= 0);
    }
    if (text.includes('syntax error in'))
      assert.ok(!/^\d/.test(text) === (parseCounts(text) === undefined) || /^\S*tcpdump: \d/.test(text));
    assert.ok(!(isCountsAnswer(text) && isListening(text)));
  },
);
