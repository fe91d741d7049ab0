import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import type { Uploader } from '../../../src/upload/uploader.ts';
import { streamBundle } from '../../../src/workload/bundle.ts';
import { deliver } from '../../../src/workload/deliver.ts';

type FakeUploader = Uploader & { readonly calls: string[]; readonly received: Buffer[] };

function fake(location: string, failAt?: 'open' | 'write' | 'commit' | 'result'): FakeUploader {
  const calls: string[] = [];
  const received: Buffer[] = [];
  const step = (name: string): Promise<void> => {
    calls.push(name);
    return name === failAt ? Promise.reject(new Error(`${location} broke at ${name}`)) : Promise.resolve();
  };
  const write = (chunk: Uint8Array): Promise<void> => {
    received.push(Buffer.from(chunk));
    return step('write');
  };
  const end = { commit: () => step('commit'), confirm: () => step('confirm'), putResult: () => step('result') };
  const upload = {
    write,
    ...end,
    abort: () => step('abort').then(() => (location === 'd' ? 'a part stays' : undefined)),
  };
  return { kind: 'host-path', location, calls, received, open: () => step('open').then(() => upload) };
}

async function* chunks(...texts: readonly (string | Buffer)[]): AsyncGenerator<Buffer> {
  for (const text of texts) yield typeof text === 'string' ? Buffer.from(text) : text;
}

suite('delivery', () => {
  test('every destination gets the same bytes, and one that fails does not stop the others', async () => {
    const uploaders = [fake('a'), fake('b', 'open'), fake('c', 'write'), fake('d', 'commit')];
    const { sent, deliveries, errors, putResults } = await deliver(chunks('one', 'two'), uploaders);
    assert.deepEqual(
      deliveries.map(({ ok }) => ok),
      [true, false, false, false],
    );
    assert.deepEqual(errors, ['b broke at open', 'c broke at write', 'd broke at commit; a part stays']);
    assert.deepEqual(sent, { bytes: 6, sha256: createHash('sha256').update('onetwo').digest('hex') });
    assert.deepEqual(
      uploaders.map(({ calls }) => calls.at(-1)),
      ['commit', 'open', 'abort', 'abort'],
    );
    assert.deepEqual(await putResults('{}'), []);
    assert.equal(uploaders[0]?.calls.at(-1), 'result');
  });

  test('where every destination fails, at once or later, no file of the bundle stays open', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'retina-deliver-'));
    const file = join(directory, 'big.pcap');
    await writeFile(file, randomBytes(8 << 20));
    for (const failAt of ['open', 'write'] as const) {
      const { sent } = await deliver(streamBundle([{ name: 'big.pcap', file }], new Date(0)), [fake('a', failAt)]);
      assert.equal(sent, null);
      const open = await Promise.all(
        (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
      );
      assert.ok(!open.includes(file), failAt);
    }
    await rm(directory, { recursive: true });
  });

  test('a source that fails is committed nowhere', async () => {
    async function* broken(): AsyncGenerator<Buffer> {
      yield Buffer.from('x');
      throw new Error('disk gone');
    }
    const uploader = fake('a');
    const { sent, errors } = await deliver(broken(), [uploader]);
    assert.equal(sent, null);
    assert.deepEqual(errors, ['the tarball could not be built: disk gone']);
    assert.deepEqual(uploader.calls, ['open', 'write', 'abort']);
  });

  test('a tarball whose hash cannot be made is not called delivered, nor undone while it is being finished', async () => {
    const slow = fake('a');
    const committed = Promise.withResolvers<void>();
    const uploader: Uploader = {
      ...slow,
      open: async () => ({ ...(await slow.open()), commit: () => committed.promise }),
    };
    async function* again(): AsyncGenerator<Buffer> {
      yield Buffer.alloc(0);
      setTimeout(committed.resolve, 20);
      throw new Error('disk gone');
    }
    const late = {
      ...{ bytes: 1, head: () => Promise.resolve(Buffer.from('h')), again },
      ...{ ended: Promise.resolve(), leftBehind: () => undefined },
    };
    const { sent, deliveries } = await deliver(chunks('x'), [uploader], late);
    assert.equal(sent, null);
    assert.deepEqual(
      deliveries.map(({ ok, error }) => [ok, error]),
      [[false, 'what lies in a may be damaged: disk gone']],
    );
    assert.deepEqual(slow.calls, ['open', 'write']);
  });

  for (const [what, fails] of [
    ['a destination that takes no more', undefined],
    ['one that takes no more and then fails', 'commit'],
  ] as const) {
    test(`once the capture has ended, ${what} keeps no other from the end, and gets the rest by itself`, async () => {
      const fast = fake('fast');
      const slow = fake('slow', fails);
      const freed = Promise.withResolvers<void>();
      const durable: string[] = [];
      const tell = (uploader: FakeUploader, room?: () => Promise<void> | undefined): Uploader => ({
        ...uploader,
        open: async () => {
          const upload = await uploader.open();
          const commit = async (): Promise<void> => {
            await upload.commit();
            durable.push(uploader.location);
            if (uploader === fast) freed.resolve();
          };
          return { ...upload, commit, ...(room === undefined ? {} : { room }) };
        },
      });
      let free = false;
      void freed.promise.then(() => {
        free = true;
      });
      // It takes two pieces, and then none until the other is done.
      const room = (): Promise<void> | undefined => (free || slow.received.length < 2 ? undefined : freed.promise);
      const left: string[] = [];
      const late = {
        ...{ bytes: 1, head: () => Promise.resolve(Buffer.from('h')) },
        again: ({ from } = { from: 0 }) => chunks(...['one', 'two', 'three'].slice(from)),
        ...{ ended: Promise.resolve(), leftBehind: (location: string) => void left.push(location) },
      };
      const { sent, deliveries } = await deliver(chunks('one', 'two', 'three'), [tell(fast), tell(slow, room)], late);
      assert.deepEqual(left, ['slow']);
      assert.equal(Buffer.concat(slow.received).toString(), 'onetwothree');
      assert.deepEqual(durable, fails === undefined ? ['fast', 'slow'] : ['fast']);
      assert.deepEqual(
        deliveries.map(({ ok }) => ok),
        [true, fails === undefined],
      );
      assert.deepEqual(sent, { bytes: 12, sha256: createHash('sha256').update('honetwothree').digest('hex') });
    });
  }

  test('while packets come in, all go at the pace of the slowest', async () => {
    const [fast, slow] = [fake('fast'), fake('slow')];
    const freed = Promise.withResolvers<void>();
    const upload = { ...(await slow.open()), room: () => freed.promise };
    const late = {
      ...{ bytes: 1, head: () => Promise.resolve(Buffer.from('h')), again: () => chunks('one') },
      ...{ ended: Promise.withResolvers<void>().promise, leftBehind: assert.fail },
    };
    const delivering = deliver(chunks('one'), [fast, { ...slow, open: async () => upload }], late);
    await sleep(2500);
    assert.deepEqual([fast.received, slow.received], [[], []]);
    freed.resolve();
    assert.equal((await delivering).sent?.bytes, 4);
  });

  test('nothing was delivered when no destination has it; a missing result is told apart', async () => {
    assert.equal((await deliver(chunks('x'), [fake('a', 'commit')])).sent, null);
    const { sent, putResults } = await deliver(chunks('x'), [fake('a', 'result')]);
    assert.notEqual(sent, null);
    assert.deepEqual(await putResults('{}'), ['a broke at result']);
  });

  test('the gzip members of a bundle read as one file, whatever its entries are made of', async (t) => {
    const directory = await mkdtemp(join(tmpdir(), 'retina-unit-'));
    t.after(() => rm(directory, { recursive: true }));
    const packets = Buffer.alloc(5 << 20, 'packet');
    await writeFile(join(directory, 'a.pcap'), packets);
    const entries = [
      { name: 'a.pcap', file: join(directory, 'a.pcap') },
      { name: 'b.pcap', size: packets.length, open: () => chunks(packets.subarray(0, 7), packets.subarray(7)) },
      { name: `${'x'.repeat(150)}.txt`, content: Buffer.from('in memory') },
    ];
    const tar = gunzipSync(
      Buffer.concat(await Array.fromAsync(streamBundle(entries, new Date(0)), (piece) => Buffer.from(piece))),
    );
    for (const [index, name] of ['a.pcap', 'b.pcap'].entries()) {
      const at = index * (512 + packets.length);
      assert.equal(tar.toString('latin1', at, at + 6), name);
      assert.ok(tar.subarray(at + 512, at + 512 + packets.length).equals(packets));
    }
    assert.equal(tar.length % 512, 0);
    assert.ok(tar.includes(`path=${'x'.repeat(150)}.txt\n`), 'a long name has its own header');
  });
});
