import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { connectS3 } from '../../../src/upload/s3-client.ts';
import { rewrite } from '../../../src/upload/s3-hash.ts';
import { UNBOUNDED } from '../../../src/upload/tries.ts';
import { createUploader } from '../../../src/upload/uploader.ts';
import { type Fate, memoryS3, type Operation } from '../support/s3-memory.ts';

const MiB = 2 ** 20;
const KEYS = { accessKeyId: 'AKIATEST', secretAccessKey: 'test-secret' };

async function storeOf(t: TestContext, fate: (operation: Operation) => Fate) {
  const store = await memoryS3(fate);
  t.after(store.end);
  const target = { bucket: 'b', region: 'r', endpoint: store.url, prefix: '', ca: null } as const;
  return { ...store, target };
}

/** An object of 20 MiB, and a way to give it a hash by copies of 6 MiB at most; those with an index are refused. */
async function copying(t: TestContext, refused: readonly number[]) {
  let copies = 0;
  const seen: Operation[] = [];
  const store = await storeOf(t, (operation) => {
    seen.push(operation);
    return operation === 'copy' && refused.includes(copies++) ? 'refused' : 'passes';
  });
  const body = randomBytes(20 * MiB);
  store.objects.set('a/ä+b.tar.gz', { body, mark: 'm', hash: '' });
  const { client } = await connectS3({ ...store.target, checksums: 'when_supported' }, KEYS);
  t.after(() => client.destroy());
  const Metadata = { 'retina-upload': 'm', sha256: 'hash' };
  const made = { Bucket: 'b', Key: 'a/ä+b.tar.gz', ContentType: 'application/gzip', Metadata };
  const task = { sdk: await import('@aws-sdk/client-s3'), client, made, bytes: body.length };
  const copy = (atOnce?: number): Promise<void> => rewrite(task, UNBOUNDED.late, atOnce);
  return { ...store, seen, copy, holds: (hash: string) => store.objects.get('a/ä+b.tar.gz')?.hash === hash, body };
}

suite('the hash in the metadata of an object', () => {
  test('one copy where one does', async (t) => {
    const { copy, seen, holds } = await copying(t, []);
    await copy();
    assert.ok(holds('hash'));
    assert.deepEqual(seen, ['copy']);
  });

  test('a copy in parts of what is longer: the same bytes, and the mark', async (t) => {
    const { copy, seen, objects, uploads, holds, body } = await copying(t, []);
    await copy(6 * MiB);
    assert.ok(holds('hash'));
    assert.deepEqual(seen, ['create', 'copy', 'copy', 'copy', 'copy', 'complete']);
    const object = objects.get('a/ä+b.tar.gz');
    assert.deepEqual([object?.body.equals(body), object?.mark, uploads.size], [true, 'm', 0]);
  });

  test('a copy of which a part is refused: the object stays as it was, and nothing unfinished', async (t) => {
    const { copy, seen, uploads, holds } = await copying(t, [2]);
    await assert.rejects(copy(6 * MiB), { name: 'AccessDenied' });
    assert.ok(holds(''));
    assert.deepEqual([seen.at(-1), uploads.size], ['abort', 0]);
  });

  test('an upload whose copy is refused: told, and no failure', async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'retina-unit-'));
    t.after(() => rmSync(directory, { recursive: true }));
    writeFileSync(join(directory, 's3-access-key-id'), KEYS.accessKeyId);
    writeFileSync(join(directory, 's3-secret-access-key'), KEYS.secretAccessKey);
    const store = await storeOf(t, (operation) => (operation === 'copy' ? 'refused' : 'passes'));
    const log: string[] = [];
    const access = { secret: 'test', directory };
    const bounds = { ...UNBOUNDED, log: (line: string) => log.push(line) };
    const target = { kind: 's3', ...store.target, checksums: 'when_supported', access } as const;
    const upload = await createUploader(target, 'x', bounds).open();
    await upload.write(randomBytes(12 * MiB));
    await upload.commit();
    await upload.putResult('{}', 'hash');
    assert.match(log.join('\n'), /^held up: s3:\/\/b\/x.tar.gz: attempt 1 failed: AccessDenied/);
    assert.match(log.at(-1) ?? '', /^s3:\/\/b\/x\.tar\.gz has no SHA-256 in its metadata: AccessDenied/);
    assert.deepEqual([...store.objects.keys()].toSorted(), ['x.json', 'x.tar.gz']);
  });
});
