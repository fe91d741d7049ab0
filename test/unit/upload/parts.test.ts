import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { SMALL_BLOCK } from '../../../src/upload/azure-blob.ts';
import { redact } from '../../../src/upload/credentials.ts';
import { cutIntoParts, partSize } from '../../../src/upload/parts.ts';

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

  test('below 23 GB none grows, and below 39 GB none exceeds 20 MiB: memory stays bounded', () => {
    let bytes = 0;
    for (let index = 0; bytes < 39e9; index += 1) {
      bytes += partSize(index, 10_000);
      assert.ok(partSize(index, 10_000) <= (bytes < 23e9 ? 5 : 20) * MiB);
    }
  });

  test('a stream is cut in order, two parts under way at most, and the last is what is left', async () => {
    for (const stores of [1, 2]) {
      const sent: Buffer[] = [];
      let flying = 0;
      let most = 0;
      const parts = cutIntoParts({ maxParts: 10_000, stores }, async (part, index) => {
        most = Math.max(most, ++flying);
        await sleep(5);
        flying -= 1;
        sent[index] = Buffer.from(part);
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
    const parts = cutIntoParts({ maxParts: 10_000, kept: 2 }, async (part, index) => {
      sent[index] = Buffer.from(part);
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
    const parts = cutIntoParts({ maxParts: 10_000 }, () => Promise.reject(new Error('refused')));
    await parts.write(Buffer.alloc(5 * MiB));
    await parts.settle();
    await assert.rejects(parts.write(Buffer.alloc(1)), /refused/);
    await assert.rejects(parts.finish(), /refused/);
  });

  test('what a store answers is told without signatures and keys', () => {
    const text = redact('no https://a/c?sv=1&sig=abc%2Fd&se=2 for KEY of ID', ['KEY', undefined, '']);
    assert.equal(text, 'no https://a/c?sv=1&sig=…&se=2 for … of ID');
  });
});
