import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { suite, type TestContext, test } from 'node:test';
import { execa } from 'execa';
import type { DestinationSpec } from '../../src/capture/workload-spec.ts';
import { spoolIn } from '../../src/upload/spool.ts';
import { UNBOUNDED } from '../../src/upload/tries.ts';
import { createUploader } from '../../src/upload/uploader.ts';
import { deliver } from '../../src/workload/deliver.ts';
import { memoryS3 } from '../unit/support/s3-memory.ts';
import { type Lab, labProblem, openLab, packetsIn, resultOf, unpack } from './lab.ts';

const STEM = 'lt-lab-20261121101500UTC';

async function lab(t: TestContext): Promise<Lab> {
  const opened = await openLab();
  t.after(() => opened.close());
  return opened;
}

const hostPath = (directory: string) => ({ kind: 'host-path' as const, path: `/node${directory}`, directory });

suite('captures that fail', { skip: labProblem() ?? false, concurrency: 3 }, () => {
  test('an interface that does not exist', async (t) => {
    const here = await lab(t);
    const result = await resultOf(here.start({ interfaces: ['lo', 'nope0', 'nope1'] }));
    assert.equal(result.stopReason, 'error');
    assert.match(result.errors.join('\n'), /^lab: cannot capture on interface nope0: .*No such device/);
    assert.match(result.errors.join('\n'), /interface nope1: /);
    assert.equal(result.tarball, null);
    assert.equal(result.destinations[0]?.ok, false);
    assert.deepEqual(await here.list(), []);
  });

  test('a filter that tcpdump does not understand', async (t) => {
    const here = await lab(t);
    const result = await resultOf(here.start({ filter: 'udp porto 53' }));
    assert.equal(result.stopReason, 'error');
    assert.match(result.errors.join('\n'), /interface lo: can't parse filter expression: syntax error/);
    assert.deepEqual(await here.list(), []);
  });

  test('tcpdump is not installed, or not allowed', { skip: process.execPath.startsWith('/usr/') }, async (t) => {
    const here = await lab(t);
    await mkdir(join(here.directory, 'empty'));
    const driver = [process.execPath, join(import.meta.dirname, 'driver.ts')];
    const specIn = (directory: string) => JSON.stringify({ ...here.spec, destinations: [hostPath(directory)] });
    const hide = `mount --bind ${here.directory}/empty /usr/sbin; mount --bind ${here.directory}/empty /usr/bin; exec "$@"`;
    const hidden = await execa('unshare', ['--mount', 'sh', '-c', hide, 'sh', ...driver, specIn(here.directory)]);
    assert.match(hidden.stdout, /interface lo: tcpdump is not installed/);

    await chmod(here.directory, 0o755);
    const nobody = await here.mount('nobody', 'size=1m,mode=777');
    const refused = await execa('setpriv', ['--reuid=65534', '--clear-groups', ...driver, specIn(nobody)]);
    assert.match(refused.stdout, /interface lo: .*permission.*capturing needs root/i);
    assert.deepEqual(await here.list(nobody), []);
  });

  test('tcpdump is killed: what it had written is delivered, and opens', async (t) => {
    const here = await lab(t);
    const running = here.start({});
    await running.capturing;
    await here.traffic({ count: 3000, size: 700 });
    // The kernel's last block may still be open: wait until some of it is in the file.
    await new Promise((resolve) => setTimeout(resolve, 1200));
    const { stdout } = await execa('pgrep', ['-P', String(running.child.pid), '-x', 'tcpdump']);
    process.kill(Number(stdout), 'SIGKILL');
    const result = await resultOf(running);
    assert.equal(result.stopReason, 'tool-exited');
    assert.match(result.errors.join('\n'), /^lab: tcpdump on interface lo ended by itself: .*SIGKILL/);
    assert.ok(result.packets > 2900);
    assert.equal(result.destinations[0]?.ok, true);
    const { path } = await unpack(here.directory);
    t.after(() => rm(path, { recursive: true }));
    assert.equal(await packetsIn(join(path, `${STEM}.pcap`)), result.packets);
    assert.deepEqual(await here.list(), [`${STEM}.json`, `${STEM}.tar.gz`]);
  });

  test('a disk that is full while capturing: told, and the packets are kept', async (t) => {
    const here = await lab(t);
    const directory = await here.mount('full', 'size=1m');
    const running = here.start({ destinations: [hostPath(directory)] });
    await running.capturing;
    await here.traffic({ count: 3000, size: 1000 });
    const result = await resultOf(running);
    assert.equal(result.stopReason, 'error');
    assert.match(result.errors.join('\n'), /lab: the disk is full: \d+ of 1048576 bytes are free/);
    assert.match(result.errors.join('\n'), /\d+ captured packets could not be written/);
    assert.match(result.errors.join('\n'), new RegExp(`packets are kept in /node${directory}/${STEM}.rescued`));
    assert.deepEqual([result.tarball, result.destinations[0]?.ok], [null, false]);
    assert.deepEqual(await here.list(directory), [`${STEM}.rescued`]);
    assert.equal(await packetsIn(join(directory, `${STEM}.rescued`, `${STEM}.pcap`)), result.packets);
  });

  test('a disk that is nearly full: the capture ends early, and what there is gets delivered', async (t) => {
    const here = await lab(t);
    const directory = await here.mount('filling', 'size=8m');
    const order = { destinations: [hostPath(directory)], minFree: { amount: 60, unit: 'percent' as const } };
    const running = here.start(order);
    await running.capturing;
    await here.traffic({ count: 3000, size: 1000 });
    const result = await resultOf(running);
    assert.deepEqual([result.stopReason, result.errors], ['disk-nearly-full', []]);
    assert.ok(result.packets > 2000 && result.destinations[0]?.ok, `${result.packets} packets`);
    assert.deepEqual(await here.list(directory), [`${STEM}.json`, `${STEM}.tar.gz`]);
    const { path } = await unpack(directory);
    t.after(() => rm(path, { recursive: true }));
    assert.equal(await packetsIn(join(path, `${STEM}.pcap`)), result.packets);

    const none = await resultOf(here.start({ ...order, minFree: { amount: 9_000_000, unit: 'bytes' }, stem: 'none' }));
    assert.deepEqual([none.stopReason, none.packets, none.tarball], ['error', 0, null]);
    assert.match(none.errors.join('\n'), /the disk is nearly full: \d+ of 8388608 bytes of the disk are free/);
    assert.deepEqual((await here.list(directory)).length, 2);
  });

  test('no room for the tarball: the packets are kept, and a second destination does not suffer', async (t) => {
    const here = await lab(t);
    const directory = await here.mount('small', 'size=1m');
    for (const others of [[], [hostPath(join(here.directory, 'other'))]]) {
      const running = here.start({ destinations: [hostPath(directory), ...others] });
      await running.capturing;
      await here.traffic({ count: 700, size: 1000 });
      running.child.kill('SIGHUP');
      const result = await resultOf(running);
      assert.equal(result.stopReason, 'requested');
      assert.equal(result.packets, 700);
      assert.deepEqual(
        result.destinations.map(({ ok }) => ok),
        [false, ...others.map(() => true)],
      );
      assert.match(
        result.errors[0] ?? '',
        /^lab: cannot write \/node.*tar.gz: no space is left on the device \(ENOSPC\): \d+ of 1048576/,
      );
      assert.deepEqual(await here.list(directory), others.length > 0 ? [] : [`${STEM}.rescued`]);
      await rm(join(directory, `${STEM}.rescued`), { recursive: true, force: true });
    }
    assert.deepEqual(await here.list(join(here.directory, 'other')), [`${STEM}.json`, `${STEM}.tar.gz`]);
  });

  test('destinations that cannot be written are told, one by one', async (t) => {
    const here = await lab(t);
    const readOnly = await here.mount('read-only', 'size=1m,ro');
    await writeFile(join(here.directory, 'file'), '');
    const file = join(here.directory, 'file', 'below');
    const good = join(here.directory, 'good');
    const none = await resultOf(here.start({ destinations: [hostPath(readOnly), hostPath(file)] }));
    assert.equal(none.stopReason, 'error');
    assert.match(
      none.errors.join('\n'),
      /cannot write in \/node.*read-only: the file system is read-only \(EROFS\); .*ENOTDIR/,
    );
    const result = await resultOf(
      here.start({ durationMs: 50, destinations: [hostPath(readOnly), hostPath(good), hostPath(file)] }),
    );
    assert.equal(result.stopReason, 'duration');
    assert.deepEqual(
      result.destinations.map(({ ok }) => ok),
      [false, true, false],
    );
    assert.match(result.errors.join('\n'), /read-only.*EROFS.*\n.*ENOTDIR/);
    assert.deepEqual(await here.list(good), [`${STEM}.json`, `${STEM}.tar.gz`]);
  });

  test('a disk without room for a part that has grown: its destination fails, with the reason; the others go on', async (t) => {
    const here = await lab(t);
    const full = await here.mount('full', 'size=8m');
    const store = await memoryS3(() => 'passes');
    t.after(store.end);
    const keys = await here.mount('keys', 'size=1m');
    for (const name of ['s3-access-key-id', 's3-secret-access-key']) await writeFile(join(keys, name), 'x');
    const bucket: DestinationSpec = {
      ...{ kind: 's3', bucket: 'b', region: 'r', endpoint: store.url, prefix: '', ca: null },
      ...{ checksums: 'when_supported', access: { secret: 'test', directory: keys } },
    };
    const bounds = { ...UNBOUNDED, maxParts: 2, spool: spoolIn(full) };
    const uploaders = [bucket, hostPath(here.directory)].map((to) => createUploader(to, STEM, bounds));
    const pieces = Array.from({ length: 30 }, () => randomBytes(1 << 20));
    const { deliveries } = await deliver(Readable.from(pieces), uploaders);
    assert.match(
      deliveries[0]?.error ?? '',
      /^cannot write s3:\/\/b\/\S+ by way of the local disk: no space is left on the device \(ENOSPC\): \d+ of 8388608 bytes/,
    );
    assert.equal(deliveries[1]?.ok, true);
    assert.ok(Buffer.concat(pieces).equals(await readFile(join(here.directory, `${STEM}.tar.gz`))));
    assert.deepEqual([[...store.uploads], await here.list(full)], [[], []]);
    const { bfree, blocks } = await statfs(full);
    assert.equal(bfree, blocks, 'its room is free again');
  });
});
