import assert from 'node:assert/strict';
import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import type { WorkloadResult, WorkloadSpec } from '../../src/capture/workload-spec.ts';
import { type Lab, labProblem, numbersIn, openLab, PLAIN_LISTING, packetsIn, resultOf, unpack } from './lab.ts';

const STEM = 'lt-lab-20261121101500UTC';

async function lab(t: TestContext): Promise<Lab> {
  const opened = await openLab();
  t.after(() => opened.close());
  return opened;
}

/** Unpacks the tarball; capinfos must count what the result tells. */
async function unpacked(t: TestContext, { directory }: Lab, result: WorkloadResult) {
  assert.deepEqual(result.errors, []);
  const { path, files } = await unpack(directory);
  t.after(() => rm(path, { recursive: true }));
  const pcaps = files.filter((file) => file.includes('.pcap')).map((file) => join(path, file));
  const counts = await Promise.all(pcaps.map(packetsIn));
  const sizes = await Promise.all(pcaps.map(async (pcap) => (await stat(pcap)).size));
  const sum = (numbers: number[]): number => numbers.reduce((a, b) => a + b, 0);
  assert.deepEqual([sum(counts), sum(sizes)], [result.packets, result.pcapBytes]);
  return { path, files, pcaps, pcap: pcaps[0] ?? '', sizes };
}

async function fields(pcap: string, ...names: readonly string[]): Promise<string[][]> {
  const { stdout } = await execa('tshark', ['-r', pcap, '-T', 'fields', ...names.flatMap((name) => ['-e', name])]);
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split('\t'));
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const TWO: Partial<WorkloadSpec> = { interfaces: ['lo', 'veth-a'], filter: 'udp dst port 9' };

suite('several interfaces', { skip: labProblem() ?? false, concurrency: 3 }, () => {
  test('one pcap, in the order of time, with every packet of each', async (t) => {
    const here = await lab(t);
    const running = here.start(TWO);
    await running.capturing;
    for (const host of ['127.0.0.1', '10.99.0.2', '127.0.0.1']) await here.traffic({ host, count: 300 });
    running.child.kill('SIGHUP');
    const result = await resultOf(running);
    const { files, pcap } = await unpacked(t, here, result);
    assert.deepEqual(files, [`${STEM}.pcap`, 'tcpdump.log']);
    assert.deepEqual(await numbersIn(pcap), [...upTo(300), ...upTo(300), ...upTo(300)]);
    const times = (await fields(pcap, 'frame.time_epoch')).map(([time]) => Number(time));
    assert.deepEqual(
      times,
      times.toSorted((a, b) => a - b),
    );
    const { stdout } = await execa('capinfos', ['-tE', pcap]);
    assert.match(stdout, /File type: +Wireshark\/tcpdump\/\.\.\. - pcap\n/);
    const { stderr } = await execa('tcpdump', ['-nr', pcap]);
    assert.match(stderr, /link-type EN10MB/);
  });

  test('different link types: one pcapng that names the interface of each packet', async (t) => {
    const here = await lab(t);
    const running = here.start({ ...TWO, interfaces: ['any', 'lo'], listing: PLAIN_LISTING });
    await running.capturing;
    await here.traffic({ count: 100 });
    running.child.kill('SIGHUP');
    const result = await resultOf(running);
    const { path, files, pcap } = await unpacked(t, here, result);
    assert.deepEqual(files, [`${STEM}.pcapng`, 'tcpdump.log', 'packets.txt']);
    const seen = Object.groupBy(await fields(pcap, 'frame.interface_name', 'data'), ([name]) => name ?? '');
    assert.deepEqual(Object.keys(seen).sort(), ['any', 'lo']);
    assert.equal(seen.lo?.length, 100);
    const times = (await fields(pcap, 'frame.time_epoch')).map(([time]) => Number(time));
    assert.deepEqual(
      times,
      times.toSorted((a, b) => a - b),
    );
    assert.match(await readFile(join(path, 'packets.txt'), 'latin1'), /^### any\n +1 .*\n### lo\n +1 /s);
  });

  test('the number of packets holds exactly over all interfaces', async (t) => {
    const here = await lab(t);
    const running = here.start({ ...TWO, packetCount: 250 });
    await running.capturing;
    await here.traffic({ host: '10.99.0.2', count: 90 });
    await here.traffic({ count: 1000 });
    const result = await resultOf(running);
    const { pcap } = await unpacked(t, here, result);
    assert.deepEqual([result.stopReason, result.packets], ['packet-count', 250]);
    assert.deepEqual(await numbersIn(pcap), [...upTo(90), ...upTo(160)], 'the first ones, in the order of time');
  });

  test('the size holds over all interfaces: no packet more would fit', async (t) => {
    const here = await lab(t);
    const running = here.start({ ...TWO, maxBytes: 512_000 });
    await running.capturing;
    await here.traffic({ host: '10.99.0.2', count: 10 });
    await here.traffic({ count: 3000, size: 1000 });
    const result = await resultOf(running);
    const { pcap } = await unpacked(t, here, result);
    assert.equal(result.stopReason, 'max-size');
    const record = 16 + 14 + 20 + 8 + 1000;
    assert.ok(result.pcapBytes <= 512_000 && result.pcapBytes + record > 512_000, `${result.pcapBytes} bytes`);
    assert.deepEqual(await numbersIn(pcap), [...upTo(10), ...upTo(result.packets - 10)]);
  });

  test('a ring over two interfaces keeps the newest packets of both', async (t) => {
    const here = await lab(t);
    const running = here.start({ ...TWO, maxBytes: 1_000_000, fileCount: 3 });
    await running.capturing;
    await here.traffic({ host: '10.99.0.2', count: 6000, size: 1000 });
    await here.traffic({ count: 500, size: 1000 });
    running.child.kill('SIGHUP');
    const result = await resultOf(running);
    const { files, pcaps, sizes } = await unpacked(t, here, result);
    assert.equal(result.stopReason, 'requested');
    assert.deepEqual(
      files.slice(0, -1),
      ['0', '1', '2'].map((number) => `${STEM}.pcap${number}`),
    );
    assert.ok(
      sizes.every((size) => size <= 1_000_000),
      `${sizes}`,
    );
    const numbers = (await Promise.all(pcaps.map(numbersIn))).flat();
    const older = numbers.length - 500;
    assert.deepEqual(numbers, [...upTo(older).map((n) => 6000 - older + n), ...upTo(500)]);
    assert.ok(older > 1400, `${older} packets of the first interface`);
  });
});

suite('what ends a capture', { skip: labProblem() ?? false, concurrency: 3 }, () => {
  test('a number of packets, to the packet', async (t) => {
    const here = await lab(t);
    const running = here.start({ packetCount: 123 });
    await running.capturing;
    await here.traffic({ count: 500 });
    const result = await resultOf(running);
    const { pcap } = await unpacked(t, here, result);
    assert.deepEqual([result.stopReason, await numbersIn(pcap)], ['packet-count', upTo(123)]);
  });

  test('a size: at no time is a byte more on the disk', async (t) => {
    const here = await lab(t);
    const running = here.start({ maxBytes: 2_000_000 });
    await running.capturing;
    const sent = here.traffic({ count: 60_000, size: 1400 });
    const file = join(here.directory, `.retina-${STEM}`, 'bundle', `${STEM}.pcap`);
    let largest = 0;
    while (running.child.exitCode === null) {
      largest = Math.max(largest, (await stat(file).catch(() => ({ size: 0 }))).size);
      await sleep(1);
    }
    const result = await resultOf(running);
    await sent;
    const { pcap } = await unpacked(t, here, result);
    assert.ok(largest >= 1_999_000 && largest <= 2_000_384, `${largest} bytes`);
    assert.equal(result.stopReason, 'max-size');
    const record = 16 + 14 + 20 + 8 + 1400;
    assert.equal(result.packets, Math.floor((2_000_000 - 24) / record));
    assert.deepEqual(await numbersIn(pcap), upTo(result.packets));
  });

  test('a limit that was reached before the end is what is told', async (t) => {
    const here = await lab(t);
    const running = here.start({ maxBytes: 100_000 });
    await running.capturing;
    await here.traffic({ count: 200, size: 1000 });
    // What it has captured is written when it ends, and only then meets the limit.
    running.child.kill('SIGHUP');
    const result = await resultOf(running);
    assert.deepEqual([result.stopReason, result.errors], ['max-size', []]);
  });

  test('a ring overwrites the oldest file and has no gap, in tcpdump’s numbering', async (t) => {
    const here = await lab(t);
    const running = here.start({ maxBytes: 1_000_000, fileCount: 11 });
    await running.capturing;
    await here.traffic({ count: 15_000, size: 1000 });
    running.child.kill('SIGHUP');
    const result = await resultOf(running);
    const { files, pcaps, sizes } = await unpacked(t, here, result);
    assert.equal(result.stopReason, 'requested');
    const names = upTo(11).map((number) => `${STEM}.pcap${String(number).padStart(2, '0')}`);
    assert.deepEqual(files.slice(0, 11).toSorted(), names);
    assert.notDeepEqual(files.slice(0, 11), names, 'the oldest comes first, wherever the ring stands');
    assert.ok(
      sizes.every((size) => size < 1_001_100),
      `${sizes}`,
    );
    const numbers = (await Promise.all(pcaps.map(numbersIn))).flat();
    assert.deepEqual(
      numbers,
      upTo(numbers.length).map((n) => 15_000 - numbers.length + n),
    );
    assert.ok(numbers.length > 9000);
  });

  test('a ring of one file has no number; a ring that is not full has the files there are', async (t) => {
    const here = await lab(t);
    for (const [fileCount, name] of [
      [1, `${STEM}.pcap`],
      [3, `${STEM}.pcap0`],
    ] as const) {
      const running = here.start({ maxBytes: 1_000_000, fileCount, durationMs: 1500 });
      await running.capturing;
      await here.traffic({ count: 20 });
      const result = await resultOf(running);
      const { files } = await unpacked(t, here, result);
      assert.deepEqual([result.stopReason, result.packets, files], ['duration', 20, [name, 'tcpdump.log']]);
    }
  });
});

suite('how packets are taken', { skip: labProblem() ?? false, concurrency: 3 }, () => {
  test('promiscuous unless told otherwise', async (t) => {
    const here = await lab(t);
    for (const promiscuous of [true, false]) {
      const running = here.start({ interfaces: ['veth-a'], promiscuous });
      await running.capturing;
      const inside = ['netns', 'exec', here.namespace];
      const { stdout } = await execa('ip', [...inside, 'ip', '-d', 'link', 'show', 'veth-a']);
      assert.match(stdout, promiscuous ? /promiscuity 1/ : /promiscuity 0/);
      running.child.kill('SIGHUP');
      await resultOf(running);
    }
  });

  /** Bytes in the file a moment after ten packets. */
  async function written(t: TestContext, changes: Partial<WorkloadSpec>, afterMs: number): Promise<number> {
    const here = await lab(t);
    const running = here.start(changes);
    await running.capturing;
    await here.traffic({ count: 10 });
    await sleep(afterMs);
    const { size } = await stat(join(here.directory, `.retina-${STEM}`, 'bundle', `${STEM}.pcap`));
    running.child.kill('SIGHUP');
    assert.equal((await resultOf(running)).packets, 10);
    return size;
  }
  const TEN = 24 + 10 * (16 + 42 + 32);

  test('packet-buffered: on the disk at once; immediate: without waiting for the kernel’s block', async (t) => {
    assert.ok((await written(t, {}, 1500)) <= 24, 'else they wait until 4 KiB are full');
    assert.equal(await written(t, { packetBuffered: true }, 1500), TEN);
    assert.equal(await written(t, { packetBuffered: true, immediate: true }, 150), TEN);
    assert.ok((await written(t, { packetBuffered: true }, 150)) < TEN, 'else the kernel keeps them up to a second');
  });
});
