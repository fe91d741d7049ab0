import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import type { Uploader } from '../../../src/upload/uploader.ts';
import { listBundle, streamBundle } from '../../../src/workload/bundle.ts';
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
  const upload = { write, commit: () => step('commit'), putResult: () => step('result'), abort: () => step('abort') };
  return { kind: 'host-path', location, calls, received, open: () => step('open').then(() => upload) };
}

async function* chunks(...texts: readonly string[]): AsyncGenerator<Buffer> {
  for (const text of texts) yield Buffer.from(text);
}

suite('delivery', () => {
  test('every destination gets the same bytes, and one that fails does not stop the others', async () => {
    const uploaders = [fake('a'), fake('b', 'open'), fake('c', 'write'), fake('d', 'commit')];
    const { sent, deliveries, errors, putResults } = await deliver(chunks('one', 'two'), uploaders);
    assert.deepEqual(
      deliveries.map(({ ok }) => ok),
      [true, false, false, false],
    );
    assert.deepEqual(errors, ['b broke at open', 'c broke at write', 'd broke at commit']);
    assert.deepEqual(sent, { bytes: 6, sha256: createHash('sha256').update('onetwo').digest('hex') });
    assert.deepEqual(
      uploaders.map(({ calls }) => calls.at(-1)),
      ['commit', 'open', 'abort', 'abort'],
    );
    assert.deepEqual(await putResults('{}'), []);
    assert.equal(uploaders[0]?.calls.at(-1), 'result');
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

  test('nothing was delivered when no destination has it; a missing result is told apart', async () => {
    assert.equal((await deliver(chunks('x'), [fake('a', 'commit')])).sent, null);
    const { sent, putResults } = await deliver(chunks('x'), [fake('a', 'result')]);
    assert.notEqual(sent, null);
    assert.deepEqual(await putResults('{}'), ['a broke at result']);
  });

  test('the bundle holds packets first, and its gzip members read as one file', async (t) => {
    const directory = await mkdtemp(join(tmpdir(), 'retina-unit-'));
    t.after(() => rm(directory, { recursive: true }));
    for (const name of ['ip-resources.txt', 'z.pcap', 'tcpdump.log']) await writeFile(join(directory, name), name);
    await writeFile(join(directory, 'a.pcap'), Buffer.alloc(5 << 20, 'packet'));
    const files = await listBundle(directory);
    const memory = [{ name: `${'x'.repeat(150)}.txt`, content: Buffer.from('in memory') }];
    assert.deepEqual(
      files.map(({ name }) => name),
      ['a.pcap', 'z.pcap', 'ip-resources.txt', 'tcpdump.log'],
    );
    const tar = gunzipSync(Buffer.concat(await Array.fromAsync(streamBundle([...files, ...memory], new Date(0)))));
    assert.equal(tar.toString('latin1', 0, 6), 'a.pcap');
    assert.equal(tar.subarray(512, 512 + (5 << 20)).equals(Buffer.alloc(5 << 20, 'packet')), true);
    assert.equal(tar.length % 512, 0);
    assert.ok(tar.includes(`path=${'x'.repeat(150)}.txt\n`), 'a long name has its own header');
  });
});
