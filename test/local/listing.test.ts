import assert from 'node:assert/strict';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { execa } from 'execa';
import type { WorkloadSpec } from '../../src/capture/workload-spec.ts';
import { writeListing } from '../../src/workload/listing.ts';
import { labProblem, openLab, PLAIN_LISTING, resultOf, unpack } from './lab.ts';

const STEM = 'lt-lab-20261121101500UTC';
const NUMBERS = { ...PLAIN_LISTING, resolveNames: false };

/** Captures datagrams, and returns what the bundle was unpacked to. */
async function captured(
  t: TestContext,
  changes: Partial<WorkloadSpec>,
  send: { hosts?: readonly string[]; count: number; size?: number; route?: true },
): Promise<string> {
  const here = await openLab();
  t.after(() => here.close());
  const route = ['netns', 'exec', here.namespace, 'ip', 'route', 'add', 'default', 'via', '10.99.0.2'];
  if (send.route) await execa('ip', route);
  const running = here.start({ filter: 'udp dst port 9', ...changes });
  await running.capturing;
  for (const host of send.hosts ?? ['127.0.0.1']) await here.traffic({ ...send, host });
  running.child.kill('SIGHUP');
  assert.deepEqual((await resultOf(running)).errors, []);
  const { path } = await unpack(here.directory);
  t.after(() => rm(path, { recursive: true }));
  return path;
}

const listingIn = (path: string): Promise<string> => readFile(join(path, 'packets.txt'), 'latin1');

suite('the listing', { skip: labProblem() ?? false, concurrency: 3 }, () => {
  test('each display flag shapes it', async (t) => {
    const rows: readonly (readonly [Partial<typeof NUMBERS>, RegExp])[] = [
      [{}, /^ {4}1 {2}\d\d:\d\d:\d\d\.\d{6} IP 127\.0\.0\.1\.\d+ > 127\.0\.0\.1\.9: UDP, length 32\n/],
      [{ resolvePorts: false }, /^ {4}1 .* 127\.0\.0\.1\.9: /],
      [{ verbosity: 'verbose' }, /\(tos 0x0, ttl 64, id \d+/],
      [{ verbosity: 'max', verifyChecksums: false }, /^(?!.*cksum)/s],
      [{ verbosity: 'max' }, /udp (sum|cksum)/],
      [{ timestamps: 'none' }, /^ {4}1 {2}IP 127/],
      [{ timestamps: 'unformatted' }, /^ {4}1 {2}\d{10}\.\d{6} IP/],
      [{ timestamps: 'delta' }, /^ {4}1 {2} ?00:00:00\.000000 IP/],
      [{ timestamps: 'date' }, /^ {4}1 {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6} IP/],
      [{ timestamps: 'delta-since-first' }, /^ {4}1 {2} ?00:00:00\.000000 IP/],
      [{ data: 'hex' }, /\n\t0x0000: {2}4500 /],
      [{ data: 'hex-with-link' }, /\n\t0x0000: {2}0000 0000 0000 .* 4500/s],
      [{ data: 'ascii' }, /00000000/],
      [{ data: 'ascii-with-link' }, /00000000/],
      [{ linkHeader: true }, /00:00:00:00:00:00 > 00:00:00:00:00:00, ethertype IPv4/],
      [{ quiet: true }, /: UDP, length 32/],
      [{ absoluteSequence: true }, /UDP/],
    ];
    const path = await captured(t, { listing: NUMBERS }, { count: 3 });
    async function* open(): AsyncGenerator<Buffer> {
      yield await readFile(join(path, `${STEM}.pcap`));
    }
    const kept = { packets: 3, streams: [{ title: 'lo', open }] };
    for (const [changes, expected] of rows) {
      assert.equal(await writeListing(join(path, 'packets.txt'), { ...NUMBERS, ...changes }, kept), null);
      assert.match(await listingIn(path), expected, JSON.stringify(changes));
    }
  });

  test('it is cut at 10 MB, and says how much it has', async (t) => {
    const path = await captured(t, { listing: { ...NUMBERS, data: 'hex' } }, { count: 3000, size: 1400 });
    const text = await listingIn(path);
    const [, told, all] = /\n\[(\d+) of (\d+) packets are listed: a listing ends at 10 MB\]\n$/.exec(text) ?? [];
    assert.equal(all, '3000');
    assert.ok(text.length > 9_980_000 && text.length < 10_000_200, `${text.length} characters`);
    assert.equal(text.match(/^ *\d+ {2}\d\d:/gm)?.length, Number(told));
  });

  test('names that nobody looks up cost 5 s, not the listing', async (t) => {
    const began = performance.now();
    // No server of names can be reached there: a packet to one is lost.
    const hosts = Array.from({ length: 12 }, (_, index) => `10.98.0.${index + 1}`);
    const spec = { listing: PLAIN_LISTING, interfaces: ['veth-a'] };
    const text = await listingIn(await captured(t, spec, { hosts, count: 1, route: true }));
    assert.match(text, /^\[the names of the addresses could not be looked up within 5 s: shown as numbers\]\n +1 /);
    assert.match(text, /^ +12 .* 10\.98\.0\.12\.9: UDP/m);
    assert.ok(performance.now() - began < 25_000);
  });

  test('a tcpdump that fails is told in it, and a file that cannot be written to the caller', async (t) => {
    const path = await captured(t, {}, { count: 1 });
    async function* broken(): AsyncGenerator<Buffer> {
      yield Buffer.from('this is no capture file at all');
    }
    const kept = { packets: 1, streams: [{ title: 'x', open: broken }] };
    assert.equal(await writeListing(join(path, 'packets.txt'), NUMBERS, kept), null);
    assert.match(await listingIn(path), /^\[0 of 1 packets are listed: tcpdump failed: .*unknown file format\]\n$/);
    assert.match((await writeListing(path, NUMBERS, kept)) ?? '', /EISDIR/);
  });
});
