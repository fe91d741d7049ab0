import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { SMALL_BLOCK } from '../../../src/upload/azure-blob.ts';
import { redact } from '../../../src/upload/credentials.ts';
import { cutIntoParts, isFile, type Part, partSize } from '../../../src/upload/parts.ts';
import { type FilePart, type Spool, spoolFrom, spoolIn } from '../../../src/upload/spool.ts';
import { bytesOf, spool } from '../support/parts.ts';

const MiB = 2 ** 20;
const sum = (parts: number, first?: number): number =>
  Array.from({ length: parts }, (_, index) => partSize(index, parts, first)).reduce((total, size) => total + size, 0);

suite('parts', () => {
  test('10,000 hold the 5 TiB of an object of S3, 50,000 more; none is smaller or larger than a store takes', () => {
    assert.ok(sum(10_000) >= 5 * 2 ** 40);
    assert.ok(sum(50_000) >= 5 * 2 ** 40);
    assert.ok(sum(50_000, SMALL_BLOCK) >= 5 * 2 ** 40);
    for (const count of [10_000, 50_000]) {
      assert.equal(partSize(0, count), 5 * MiB);
      assert.equal(partSize(count - 1, count), 4000 * MiB);
    }
  });

  test('below 23 GB none grows, and then none exceeds a five-hundredth of what was sent before it', () => {
    for (let index = 0, bytes = 0; index < 10_000; index += 1) {
      const size = partSize(index, 10_000);
      assert.ok(bytes < 23e9 ? size === 5 * MiB : size <= bytes / 500, `${size} after ${bytes}`);
      bytes += size;
    }
  });

  test('a stream is cut in order, two parts under way at most, and the last is what is left', async () => {
    for (const stores of [1, 2]) {
      const sent: Buffer[] = [];
      let flying = 0;
      let most = 0;
      const parts = cutIntoParts({ maxParts: 10_000, stores, spool }, async (part, index) => {
        most = Math.max(most, ++flying);
        await sleep(5);
        flying -= 1;
        sent[index] = await bytesOf(part);
      });
      assert.equal(parts.whole()?.length, 0);
      const chunks = Array.from({ length: 9 }, (_, chunk) => Buffer.alloc(3 * MiB, chunk));
      for (const chunk of chunks) await parts.write(chunk);
      assert.equal(parts.whole(), undefined);
      assert.equal(await parts.finish(), 6);
      assert.deepEqual(
        sent.map((part) => part.length / MiB),
        [5, 5, 5, 5, 5, 2],
      );
      assert.ok(Buffer.concat(sent).equals(Buffer.concat(chunks)));
      assert.equal(most, stores === 1 ? 2 : 1, 'several stores share the memory');
    }
  });

  test('bytes that are known last are the first part of several, or of one', async () => {
    const sent: Buffer[] = [];
    const parts = cutIntoParts({ maxParts: 10_000, kept: 2, spool }, async (part, index) => {
      sent[index] = await bytesOf(part);
    });
    await parts.write(Buffer.from('st'));
    assert.equal(parts.whole(Buffer.from('fi'))?.toString(), 'fist');
    await parts.write(Buffer.alloc(6 * MiB, '.'));
    assert.equal(sent.length, 0, 'the first is held back');
    assert.equal(await parts.finish(Buffer.from('fi')), 2);
    assert.equal(Buffer.concat(sent).toString('latin1', 0, 6), 'fist..');
    assert.equal(Buffer.concat(sent).length, 4 + 6 * MiB);
  });

  test('a part that fails is told by the next write or at the end, and nothing goes on after it', async () => {
    const parts = cutIntoParts({ maxParts: 10_000, spool }, () => Promise.reject(new Error('refused')));
    await parts.write(Buffer.alloc(5 * MiB));
    await parts.settle();
    await assert.rejects(parts.write(Buffer.alloc(1)), /refused/);
    await assert.rejects(parts.finish(), /refused/);
  });
});

suite('what a store answers', () => {
  test('is told without signatures and keys', () => {
    const text = redact('no https://a/c?sv=1&sig=abc%2Fd&se=2 for KEY of ID', ['KEY', undefined, '']);
    assert.equal(text, 'no https://a/c?sv=1&sig=…&se=2 for … of ID');
  });
});

suite('parts that have grown', () => {
  const directory = mkdtempSync(join(tmpdir(), 'retina-unit-'));
  after(() => rmSync(directory, { recursive: true }));
  const tarball = randomBytes(30 * MiB + 12_345);
  writeFileSync(join(directory, 'tarball'), tarball);

  /** Cuts the tarball into at most 20 parts, of 1 MiB at first; each is read several times. */
  async function cut(spool: Spool, kept: number) {
    const sent: Buffer[] = [];
    const files: FilePart[] = [];
    const send = async (part: Part, index: number): Promise<void> => {
      sent[index] = await bytesOf(part);
      if (!isFile(part)) return;
      files.push(part);
      // A try that breaks off in mid-way, and the next one.
      for await (const piece of part.read()) if (piece.length > 0) break;
      assert.ok((await bytesOf(part)).equals(sent[index]));
      assert.deepEqual(
        (['sha256', 'md5'] as const).map((kind) => part.sum(kind).toString('hex')),
        ['sha256', 'md5'].map((kind) =>
          createHash(kind)
            .update(sent[index] ?? '')
            .digest('hex'),
        ),
      );
    };
    const open = (at: number, memory: Buffer<ArrayBuffer>) =>
      spool({ at, memory, sums: ['sha256', 'md5'], place: 's3://b/x' });
    const parts = cutIntoParts({ maxParts: 20, firstPart: MiB, kept, spool: open }, send);
    for (let at = kept; at < tarball.length; at += 700_000) await parts.write(tarball.subarray(at, at + 700_000));
    await parts.finish(tarball.subarray(0, kept));
    return { sent, files };
  }
  const openFiles = (): string[] =>
    (existsSync('/proc/self/fd') ? readdirSync('/proc/self/fd') : []).flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/self/fd/${fd}`)].filter((path) => path.startsWith(directory));
      } catch {
        return [];
      }
    });

  const spools = { 'a directory': spoolIn(directory), 'the tarball itself': spoolFrom(join(directory, 'tarball')) };
  for (const [what, spool] of Object.entries(spools)) {
    test(`lie in ${what}, can be read again, and leave nothing open or behind`, async () => {
      for (const kept of what === 'a directory' ? [0, 1000] : [0]) {
        const { sent, files } = await cut(spool, kept);
        assert.deepEqual(
          sent.map(({ length }) => Math.floor(length / MiB)),
          [1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 4, 8, 7],
        );
        assert.equal(files.length, 4, 'those that have grown, and no other');
        assert.ok(Buffer.concat(sent).equals(tarball));
      }
      assert.deepEqual([readdirSync(directory), openFiles()], [['tarball'], []]);
      assert.ok(readFileSync(join(directory, 'tarball')).equals(tarball));
    });
  }

  test('have no name while they lie there: nothing of them stays, however the program ends', async () => {
    const memory = Buffer.alloc(MiB);
    const part = await spoolIn(directory)({ at: 0, memory, sums: ['crc32'], place: 'here' });
    await part.add(Buffer.from('123456789'));
    assert.deepEqual(readdirSync(directory), ['tarball']);
    assert.equal(part.sum('crc32').toString('hex'), 'cbf43926');
    await part.close();
    assert.deepEqual(openFiles(), []);
    await assert.rejects(Array.fromAsync(part.read()));
  });

  test('a place without room for them, and one that has failed, are told; no file stays open', async () => {
    const nowhere = spoolIn(join(directory, 'none'));
    await assert.rejects(cut(nowhere, 0), {
      name: 'CaptureError',
      message: 'cannot write s3://b/x by way of the local disk: no such file or directory (ENOENT)',
    });
    for (const failing of [2, 10]) {
      const open = (at: number, memory: Buffer<ArrayBuffer>) =>
        spoolIn(directory)({ at, memory, sums: [], place: 'here' });
      const refuse = (_: Part, index: number) =>
        index === failing ? Promise.reject(new Error('refused')) : Promise.resolve();
      const parts = cutIntoParts({ maxParts: 20, firstPart: MiB, spool: open }, refuse);
      const all = async (): Promise<void> => {
        for (let at = 0; at < tarball.length; at += MiB) await parts.write(tarball.subarray(at, at + MiB));
        await parts.finish();
      };
      await assert.rejects(all(), /^Error: refused/);
      await parts.settle();
    }
    assert.deepEqual([readdirSync(directory), openFiles()], [['tarball'], []]);
  });

  test('a file that has become shorter ends the try with the reason', async () => {
    const spool = spoolFrom(join(directory, 'tarball'));
    const part = await spool({ at: tarball.length - 10, memory: Buffer.alloc(MiB), sums: [], place: 'here' });
    await part.add(Buffer.alloc(30));
    await assert.rejects(Array.fromAsync(part.read()), /its file ends 20 bytes too early/);
    await part.close();
  });
});
