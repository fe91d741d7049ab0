import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { redact } from '../../../src/upload/credentials.ts';
import { cutIntoParts, partSize } from '../../../src/upload/parts.ts';

const MiB = 2 ** 20;
const sum = (parts: number): number =>
  Array.from({ length: parts }, (_, index) => partSize(index, parts)).reduce((total, size) => total + size, 0);

suite('parts', () => {
  test('10,000 hold the 5 TiB of an object of S3, 50,000 more; none is smaller or larger than a store takes', () => {
    assert.ok(sum(10_000) >= 5 * 2 ** 40);
    assert.ok(sum(50_000) >= 5 * 2 ** 40);
    assert.ok(partSize(0, 10_000) >= 5 * MiB);
    assert.ok(partSize(9_999, 10_000) <= 5 * 2 ** 30);
    assert.ok(partSize(49_999, 50_000) <= 4000 * MiB);
  });

  test('below 50 GB none exceeds 32 MiB: memory stays bounded', () => {
    let bytes = 0;
    for (let index = 0; bytes < 50e9; index += 1) {
      bytes += partSize(index, 10_000);
      assert.ok(partSize(index, 10_000) <= 32 * MiB);
    }
  });

  test('a stream is cut in order, two parts under way at most, and the last is what is left', async () => {
    const sent: string[] = [];
    let flying = 0;
    let most = 0;
    const parts = cutIntoParts(10_000, async (part, index) => {
      most = Math.max(most, ++flying);
      await sleep(5);
      flying -= 1;
      sent[index] = `${part[0]}:${part.length / MiB}`;
    });
    assert.equal(parts.whole()?.length, 0);
    for (let chunk = 0; chunk < 9; chunk += 1) await parts.write(Buffer.alloc(4 * MiB, chunk));
    assert.equal(parts.whole(), undefined);
    assert.equal(await parts.finish(), 5);
    assert.deepEqual(sent, ['0:8', '2:8', '4:8', '6:8', '8:4']);
    assert.equal(most, 2);
  });

  test('a part that fails is told by the next write or at the end, and nothing goes on after it', async () => {
    const parts = cutIntoParts(10_000, () => Promise.reject(new Error('refused')));
    await parts.write(Buffer.alloc(8 * MiB));
    await parts.settle();
    await assert.rejects(parts.write(Buffer.alloc(1)), /refused/);
    await assert.rejects(parts.finish(), /refused/);
  });

  test('what a store answers is told without signatures and keys', () => {
    const text = redact('no https://a/c?sv=1&sig=abc%2Fd&se=2 for KEY of ID', ['KEY', undefined, '']);
    assert.equal(text, 'no https://a/c?sv=1&sig=…&se=2 for … of ID');
  });
});
