import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { S3ServiceException } from '@aws-sdk/client-s3';
import { execa } from 'execa';
import type { DestinationSpec } from '../../src/capture/workload-spec.ts';
import { connectS3 } from '../../src/upload/s3-client.ts';
import { rewrite } from '../../src/upload/s3-hash.ts';
import { spoolIn } from '../../src/upload/spool.ts';
import { UNBOUNDED } from '../../src/upload/tries.ts';
import { createUploader, type Upload } from '../../src/upload/uploader.ts';
import { until } from './support/cluster.ts';
import { goBetween } from './support/faults.ts';
import { blobServer, S3_KEYS, s3Server } from './support/stores.ts';

const s3 = s3Server(17071);
const blob = blobServer(17101);
const between = goBetween(17086, s3.url);
const MiB = 2 ** 20;

/** Tarballs of several parts, by the uploaders themselves: no capture of a test is so long. */
describe('uploads of several parts', () => {
  const directory = mkdtempSync(join(tmpdir(), 'retina-e2e-'));
  const access = { secret: 'test', directory };
  const bucket: DestinationSpec & { kind: 's3' } = {
    ...{ kind: 's3', bucket: 'evidence', region: 'us-east-1', endpoint: s3.url, prefix: 'parts', access },
    ...{ ca: null, checksums: 'when_supported' },
  };
  const container: DestinationSpec = { kind: 'blob', container: null, access };
  const places = [
    { what: 's3', target: bucket, read: (name: string) => s3.read('evidence', `parts/${name}`) },
    { what: 'blob', target: container, read: (name: string) => blob.read('caps', name) },
  ];
  before(async () => {
    await Promise.all([s3.start(), blob.start(), between.start()]);
    await s3.makeBucket('evidence');
    await blob.makeContainer('caps');
    writeFileSync(join(directory, 's3-access-key-id'), S3_KEYS.accessKeyId);
    writeFileSync(join(directory, 's3-secret-access-key'), `${S3_KEYS.secretAccessKey}\n`);
    writeFileSync(join(directory, 'blob-upload-url'), `'${await blob.sas('caps', { permissions: 'rw' })}'\n`);
  });
  after(async () => {
    between.end();
    await Promise.all([s3.end(), blob.end()]);
    rmSync(directory, { recursive: true });
  });

  const there = async (stem: string): Promise<string[]> =>
    [...(await s3.names('evidence')), ...(await blob.names('caps'))].filter((name) => name.includes(stem));

  /** Writes random bytes in pieces of 512 KiB, as the bundle comes; the answer is their hash. */
  async function write(upload: Upload, bytes: number): Promise<string> {
    const hash = createHash('sha256');
    for (let done = 0; done < bytes; ) {
      const chunk = randomBytes(Math.min(MiB / 2, bytes - done));
      await upload.write(chunk);
      hash.update(chunk);
      done += chunk.length;
    }
    return hash.digest('hex');
  }

  /** As write; the answer is the bytes. */
  async function writeAll(upload: Upload, bytes: number): Promise<Buffer> {
    const chunks = Array.from({ length: bytes / MiB }, () => randomBytes(MiB));
    for (const chunk of chunks) await upload.write(chunk);
    return Buffer.concat(chunks);
  }

  for (const { what, target, read } of places) {
    test(`${what}: 45 MB arrive as they were sent, and are not there before the end`, async () => {
      const stem = `long-${what}`;
      const uploader = createUploader(target, stem);
      const upload = await uploader.open();
      const sent = await write(upload, 45_000_001);
      assert.deepEqual(await there(stem), []);
      await upload.commit();
      await upload.confirm({ bytes: 45_000_001, sha256: sent });
      await assert.rejects(upload.confirm({ bytes: 45_000_000, sha256: sent }), /does not hold the 45000000 bytes/);
      await upload.putResult('{}', sent);
      assert.equal((await there(stem)).length, 2);
      const got = await read(`${stem}.tar.gz`);
      assert.deepEqual([got.length, createHash('sha256').update(got).digest('hex')], [45_000_001, sent]);
      assert.match(uploader.location, /\/long-\w+\.tar\.gz$/);
    });

    test(`${what}: a beginning that is known last comes first, in one part and in several`, async () => {
      for (const bytes of [MiB, 30 * MiB]) {
        const stem = `late-${what}-${bytes}`;
        const upload = await createUploader(target, stem).open(5);
        const sent = await write(upload, bytes);
        assert.deepEqual(await there(stem), []);
        await upload.commit(Buffer.from('first'));
        const got = await read(`${stem}.tar.gz`);
        assert.deepEqual([got.length, got.toString('latin1', 0, 5)], [bytes + 5, 'first']);
        assert.equal(createHash('sha256').update(got.subarray(5)).digest('hex'), sent);
      }
    });

    test(`${what}: parts that have grown, from files, arrive as they were sent; none is left behind`, async () => {
      for (const checksums of ['when_supported', 'when_required'] as const) {
        const stem = `grown-${what}-${checksums}`;
        const spooled = mkdtempSync(join(directory, 'spool-'));
        const bounds = { ...UNBOUNDED, maxParts: 6, spool: spoolIn(spooled) };
        const to = target.kind === 's3' ? { ...target, checksums } : target;
        const upload = await createUploader(to, stem, bounds).open(5);
        const sent = await write(upload, 60 * MiB);
        await upload.commit(Buffer.from('first'));
        await upload.confirm({ bytes: 60 * MiB + 5, sha256: sent });
        const got = await read(`${stem}.tar.gz`);
        assert.deepEqual([got.length, got.toString('latin1', 0, 5)], [60 * MiB + 5, 'first']);
        assert.equal(createHash('sha256').update(got.subarray(5)).digest('hex'), sent);
        assert.deepEqual(readdirSync(spooled), []);
      }
    });

    test(`${what}: a local disk without room for a part that has grown is named; nothing is left`, async () => {
      const full = mkdtempSync(join(directory, 'full-'));
      await execa('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'full', full]);
      try {
        const upload = await createUploader(target, `full-${what}`, {
          ...UNBOUNDED,
          ...{ maxParts: 2, spool: spoolIn(full) },
        }).open();
        await assert.rejects(
          write(upload, 30 * MiB).then(() => upload.commit()),
          /^CaptureError: cannot write \S+full-\w+\.tar\.gz by way of the local disk: no space is left on the device \(ENOSPC\)/,
        );
        await upload.abort();
        assert.deepEqual(
          [await there(`full-${what}`), await s3.unfinished('evidence'), readdirSync(full)],
          [[], [], []],
        );
        const { bfree, blocks } = statfsSync(full);
        assert.equal(bfree, blocks, 'its room is free again');
      } finally {
        await execa('umount', [full]);
      }
    });

    test(`${what}: an upload that is given up leaves nothing`, async () => {
      const upload = await createUploader(target, `given-up-${what}`).open();
      await write(upload, 20 * MiB);
      await upload.abort();
      assert.deepEqual(await there('given-up'), []);
      assert.deepEqual(await s3.unfinished('evidence'), []);
    });

    test(`${what}: a server that is away for 4 s in mid-upload is waited for`, async () => {
      const server = what === 's3' ? s3 : blob;
      const stem = `away-${what}`;
      const upload = await createUploader(target, stem).open();
      await write(upload, 10 * MiB);
      await server.stop();
      const back = sleep(4000).then(server.start);
      const rest = write(upload, 20 * MiB).then(() => upload.commit());
      await Promise.all([back, rest]);
      assert.equal((await read(`${stem}.tar.gz`)).length, 30 * MiB);
    });
  }

  test('s3: the metadata of an upload in parts tell its SHA-256, and its bytes and its mark stay', async () => {
    const log: string[] = [];
    const bounds = { ...UNBOUNDED, log: (line: string) => log.push(line) };
    const odd = { ...bucket, prefix: 'a folder/ä+b' };
    const upload = await createUploader(odd, 'described', bounds).open(5);
    const hash = createHash('sha256')
      .update('first')
      .update(await writeAll(upload, 20 * MiB))
      .digest('hex');
    await upload.commit(Buffer.from('first'));
    const key = 'a folder/ä+b/described.tar.gz';
    const before = await s3.metadata('evidence', key);
    assert.deepEqual(Object.keys(before), ['retina-upload']);
    await upload.putResult('{}', hash);
    assert.deepEqual(await s3.metadata('evidence', key), { ...before, sha256: hash });
    assert.equal(
      createHash('sha256')
        .update(await s3.read('evidence', key))
        .digest('hex'),
      hash,
    );
    assert.deepEqual(log, []);
    await upload.confirm({ bytes: 20 * MiB + 5, sha256: hash });
    await assert.rejects(upload.confirm({ bytes: 20 * MiB, sha256: hash }), /does not hold the 20971520 bytes/);
    const other = await createUploader(odd, 'described').open();
    await write(other, 20 * MiB + 5);
    await other.commit();
    await assert.rejects(upload.confirm({ bytes: 20 * MiB + 5, sha256: hash }), /does not hold/);
  });

  test('s3: a copy that is refused leaves the object without a hash in its metadata: told, and no failure', async () => {
    const log: string[] = [];
    const bounds = { ...UNBOUNDED, log: (line: string) => log.push(line) };
    const upload = await createUploader({ ...bucket, endpoint: between.url }, 'plain', bounds).open();
    const sent = await write(upload, 20 * MiB);
    await upload.commit();
    between.state.fate = ({ headers }) => (headers['x-amz-copy-source'] === undefined ? 'passes' : 403);
    await upload.putResult('{}', sent);
    between.state.fate = () => 'passes';
    assert.match(log.at(-1) ?? '', /^s3:\/\/evidence\/parts\/plain.tar.gz has no SHA-256 in its metadata: HTTP 403/);
    assert.deepEqual(Object.keys(await s3.metadata('evidence', 'parts/plain.tar.gz')), ['retina-upload']);
    assert.deepEqual(await there('plain'), ['parts/plain.json', 'parts/plain.tar.gz']);
  });

  test('s3: what is too long for one copy is copied in parts; one that is refused changes and leaves nothing', async () => {
    const upload = await createUploader(bucket, 'copied').open();
    const sent = await writeAll(upload, 20 * MiB);
    await upload.commit();
    const Key = 'parts/copied.tar.gz';
    const before = await s3.metadata('evidence', Key);
    const task = {
      ...(await connectS3({ ...bucket, endpoint: between.url, ca: null }, S3_KEYS)),
      ...{ sdk: await import('@aws-sdk/client-s3'), bytes: 20 * MiB },
      made: { Bucket: 'evidence', Key, ContentType: 'application/gzip', Metadata: { ...before, sha256: 'x' } },
    };
    const copy = (): Promise<void> => rewrite(task, UNBOUNDED.late, 6 * MiB);
    between.state.fate = ({ url = '' }) => (url.includes('partNumber=3') ? 403 : 'passes');
    await assert.rejects(copy(), (error: S3ServiceException) => error.$metadata.httpStatusCode === 403);
    between.state.fate = () => 'passes';
    assert.deepEqual([await s3.metadata('evidence', Key), await s3.unfinished('evidence')], [before, []]);
    await copy();
    assert.deepEqual(await s3.metadata('evidence', Key), { ...before, sha256: 'x' });
    assert.ok((await s3.read('evidence', Key)).equals(sent));
    await upload.confirm({ bytes: 20 * MiB, sha256: '' });
  });

  test('s3: an upload whose last part is refused is taken back', async () => {
    const upload = await createUploader(bucket, 'refused').open();
    await write(upload, 20 * MiB);
    // Both whole parts, for one under way could still arrive; the server tells it in one of two ways, by how far it has got.
    await until('it is taken back', () => s3.takeBack('evidence', 'parts/refused.tar.gz', 2));
    await assert.rejects(
      upload.commit(),
      /cannot write s3:\/\/evidence\/parts\/refused.tar.gz: (NoSuchUpload|InvalidPart): /,
    );
    await upload.abort();
    assert.deepEqual([await there('refused'), await s3.unfinished('evidence')], [[], []]);
  });
});
