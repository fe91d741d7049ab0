import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { after, suite, test } from 'node:test';
import { execa } from 'execa';
import { copyPartial, findPartials } from '../../../src/workload/partial.ts';

const STEM = 'web-node1-20261121101500UTC';
/** A pcap file of so many packets of 60 bytes. */
function pcap(packets: number): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4);
  const record = Buffer.alloc(16 + 60, 0xff);
  record.writeUInt32LE(60, 8);
  record.writeUInt32LE(60, 12);
  return Buffer.concat([header, ...Array<Buffer>(packets).fill(record)]);
}

const query = { capture: 'web', node: 'node1' };

suite('what an unfinished capture has left', () => {
  const made: string[] = [];
  const fresh = (): string => {
    const directory = mkdtempSync(join(tmpdir(), 'retina-partial-'));
    made.push(directory);
    return directory;
  };
  after(() => {
    for (const directory of made) rmSync(directory, { recursive: true });
  });

  /** A directory with a scratch directory: a pcap of three packets, the last half written, a log, and what is no part of it. */
  function left(): string {
    const directory = fresh();
    const bundle = join(directory, `.retina-${STEM}`, 'bundle');
    mkdirSync(bundle, { recursive: true });
    const whole = pcap(3);
    writeFileSync(join(bundle, `${STEM}.pcap`), whole.subarray(0, whole.length - 5));
    writeFileSync(join(bundle, 'tcpdump.log'), 'listening');
    writeFileSync(join(bundle, `${STEM}.pcap1`), 'no pcap');
    writeFileSync(join(directory, `.retina-${STEM}`, 'tarball.part'), 'half');
    return directory;
  }

  async function read(directory: string, name: string, offset: number): Promise<Buffer> {
    const pieces: Buffer[] = [];
    const sink = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        pieces.push(chunk);
        done();
      },
    });
    await copyPartial(directory, name, offset, sink);
    return Buffer.concat(pieces);
  }

  test('is a tarball of whole packets that says what it is, the same bytes each time, from any offset on', async () => {
    const directory = left();
    const before = readdirSync(directory, { recursive: true });
    const [found, ...more] = await findPartials(directory, query);
    assert.deepEqual(more, []);
    assert.deepEqual([found?.name, found?.packets], [`${STEM}.partial.tar.gz`, 2]);
    const bytes = await read(directory, found?.name ?? '', 0);
    assert.equal(bytes.length, found?.bytes);
    for (const offset of [1, bytes.length - 1, bytes.length]) {
      assert.ok((await read(directory, found?.name ?? '', offset)).equals(bytes.subarray(offset)), `from ${offset}`);
    }
    const target = fresh();
    writeFileSync(join(target, 'x.tar.gz'), bytes);
    await execa('tar', ['-xzf', 'x.tar.gz'], { cwd: target });
    assert.deepEqual(readdirSync(target).sort(), ['PARTIAL.txt', 'tcpdump.log', `${STEM}.pcap`, 'x.tar.gz'].sort());
    assert.ok(readFileSync(join(target, `${STEM}.pcap`)).equals(pcap(2)));
    assert.match(
      readFileSync(join(target, 'PARTIAL.txt'), 'utf8'),
      /did not come to its end.*\n.*2 packets; \d+ bytes of/,
    );
    assert.deepEqual(readdirSync(directory, { recursive: true }), before, 'nothing is changed on the node');
  });

  test('of other captures and nodes is not taken; what was rescued is', async () => {
    const directory = left();
    assert.deepEqual(await findPartials(directory, { capture: 'web', node: 'node2' }), []);
    assert.deepEqual(await findPartials(directory, { capture: 'we', node: 'node1' }), []);
    assert.deepEqual(await findPartials(join(directory, 'nowhere'), query), []);
    mkdirSync(join(directory, `${STEM}.rescued-2`));
    writeFileSync(join(directory, `${STEM}.rescued-2`, `${STEM}.pcap`), pcap(1));
    const names = (await findPartials(directory, query)).map(({ name, packets }) => `${name} ${packets}`);
    assert.deepEqual(names, [`${STEM}.partial.tar.gz 2`, `${STEM}-2.partial.tar.gz 1`]);
  });
});
