import assert from 'node:assert/strict';
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeResult, type WorkloadResult } from '../../src/capture/workload-spec.ts';
import { copyRange, findTarballs, sha256OfFile } from '../../src/workload/files.ts';
import { type Lab, labProblem, numbersIn, openLab, packetsIn, resultOf, unpack } from './lab.ts';

const STEM = 'lt-lab-20261121101500UTC';

async function lab(t: TestContext): Promise<Lab> {
  const opened = await openLab();
  t.after(() => opened.close());
  return opened;
}

/** Unpacks what a result tells of, checks the tarball against it, and leaves nothing beside. */
async function delivered(t: TestContext, { directory, list }: Lab, result: WorkloadResult) {
  assert.deepEqual(result.errors, []);
  assert.deepEqual(await list(), [`${STEM}.json`, `${STEM}.tar.gz`], 'the scratch directory is gone');
  const { bytes, sha256 } = await sha256OfFile(join(directory, `${STEM}.tar.gz`));
  assert.deepEqual(result.tarball, { name: `${STEM}.tar.gz`, bytes, sha256 });
  const unpacked = await unpack(directory);
  t.after(() => rm(unpacked.path, { recursive: true }));
  const pcaps = unpacked.files.filter((file) => file.endsWith('.pcap')).map((file) => join(unpacked.path, file));
  const counts = await Promise.all(pcaps.map(packetsIn));
  assert.equal(
    counts.reduce((a, b) => a + b, 0),
    result.packets,
    'capinfos counts the packets of the result',
  );
  const sizes = await Promise.all(pcaps.map(async (path) => (await stat(path)).size));
  assert.equal(
    sizes.reduce((a, b) => a + b, 0),
    result.pcapBytes,
  );
  return { ...unpacked, pcaps };
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

suite('captures on this machine', { skip: labProblem() ?? false, concurrency: 3 }, () => {
  test('ends after its duration, with the state of the network before and after', async (t) => {
    const here = await lab(t);
    const running = here.start({ durationMs: 700, includeMetadata: true });
    await running.capturing;
    await here.traffic({ count: 50 });
    const result = await resultOf(running);
    const { files } = await delivered(t, here, result);
    assert.equal(result.stopReason, 'duration');
    assert.equal(result.packets, 50);
    const took = Date.parse(result.endedAt) - Date.parse(result.startedAt);
    assert.ok(took >= 690 && took < 5000, `took ${took} ms`);
    assert.deepEqual(files.slice(0, 2), [`${STEM}.pcap`, 'tcpdump.log']);
    for (const name of [
      'ip-resources.txt',
      'iptables-rules.txt',
      'socket-stats.txt',
      'proc-net/dev',
      'proc-sys-net/core/somaxconn',
    ]) {
      assert.ok(files.includes(name) && files.includes(`before/${name}`), name);
    }
  });

  test('a requested stop keeps every packet that came before it', async (t) => {
    for (const [name, host] of [
      ['veth-a', '10.99.0.2'],
      ['any', '127.0.0.1'],
    ] as const) {
      const here = await lab(t);
      const running = here.start({ interfaces: [name], filter: 'udp dst port 9' });
      await running.capturing;
      await here.traffic({ host, count: 3000 });
      running.child.kill('SIGHUP');
      const result = await resultOf(running);
      const { pcaps } = await delivered(t, here, result);
      assert.equal(result.stopReason, 'requested');
      assert.deepEqual(await numbersIn(pcaps[0] ?? ''), upTo(3000), name);
      assert.deepEqual(decodeResult(JSON.stringify(result)), result);
    }
  });

  test('never keeps more bytes than asked, and as many as fit', async (t) => {
    const here = await lab(t);
    const running = here.start({ maxBytes: 1_000_000 });
    await running.capturing;
    await here.traffic({ count: 5000, size: 1400 });
    const result = await resultOf(running);
    const { pcaps } = await delivered(t, here, result);
    assert.equal(result.stopReason, 'max-size');
    assert.ok(result.pcapBytes <= 1_000_000 && result.pcapBytes > 1_000_000 - 1500, `${result.pcapBytes} bytes`);
    assert.deepEqual(await numbersIn(pcaps[0] ?? ''), upTo(result.packets), 'the first packets are kept, in order');
  });

  test('SIGTERM is told apart, and the filter is one argument', async (t) => {
    const here = await lab(t);
    const running = here.start({ filter: 'udp and (dst port 4001 or dst port 4002)', snapLength: 60 });
    await running.capturing;
    for (const port of [4000, 4001, 4002]) await here.traffic({ port, count: 20, size: 500 });
    running.child.kill('SIGTERM');
    const result = await resultOf(running);
    const { pcaps } = await delivered(t, here, result);
    assert.equal(result.stopReason, 'terminated');
    assert.equal(result.packets, 40);
    assert.equal((await stat(pcaps[0] ?? '')).size, 24 + 40 * (16 + 60));
  });

  test('a capture without packets delivers an empty pcap file', async (t) => {
    const here = await lab(t);
    const result = await resultOf(here.start({ durationMs: 100 }));
    await delivered(t, here, result);
    assert.equal(result.packets, 0);
    assert.equal(result.pcapBytes, 24);
  });

  test('discarding leaves nothing', async (t) => {
    const here = await lab(t);
    const running = here.start({ includeMetadata: true });
    await running.capturing;
    await here.traffic({ count: 500 });
    running.child.kill('SIGUSR2');
    assert.equal((await running.outcome).kind, 'discarded');
    assert.deepEqual(await here.list(), []);
  });

  test('a stop while tcpdump is still starting is a stop', async (t) => {
    const here = await lab(t);
    const running = here.start({
      filter: upTo(250)
        .map((n) => `host 10.0.0.${n}`)
        .join(' or '),
    });
    await running.ready;
    await sleep(200);
    running.child.kill('SIGHUP');
    const result = await resultOf(running);
    assert.equal(result.stopReason, 'requested');
    assert.deepEqual(result.errors, []);
  });

  test('what was delivered is found again, by the result beside it', async (t) => {
    const here = await lab(t);
    const result = await resultOf(here.start({ durationMs: 50 }));
    const [found, ...more] = await findTarballs(here.directory, { capture: 'lt', node: 'lab' });
    assert.deepEqual(more, []);
    assert.equal(found?.sha256, result.tarball?.sha256);
    assert.deepEqual(found?.result, result);
    await assert.rejects(copyRange(join(here.directory, 'none'), 0, process.stderr), /ENOENT/);
  });
});
