import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { suite, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { MEMBER_BYTES, memberMaker, storedMember } from '../../../src/workload/member.ts';

suite('gzip members', () => {
  test('one that does not shrink is stored, one that does is deflated, each by what lies in it', async () => {
    const { make } = memberMaker();
    for (const [bytes, most] of [
      [randomBytes(MEMBER_BYTES), MEMBER_BYTES + 100],
      [Buffer.alloc(MEMBER_BYTES, 'text '), 5000],
      [randomBytes(MEMBER_BYTES), MEMBER_BYTES + 100],
      [randomBytes(MEMBER_BYTES / 2).toString('hex'), MEMBER_BYTES * 0.65],
      [randomBytes(7), 40],
    ] as const) {
      const tar = Buffer.from(bytes);
      const member = await make(tar);
      assert.ok(member.bytes.length <= most, `${member.bytes.length} of ${tar.length}`);
      assert.ok(gunzipSync(member.bytes).equals(tar));
      // What is released is written into again: the next must still be right.
      member.release();
    }
  });

  test('members stored by our own hand are read by zlib, whatever their length', () => {
    const lengths = fc.oneof(
      fc.integer({ min: 0, max: 70_000 }),
      fc.constantFrom(65_535, 65_536, 131_070, MEMBER_BYTES),
    );
    fc.assert(
      fc.property(lengths, (length) => {
        const tar = randomBytes(length);
        assert.ok(gunzipSync(storedMember(tar)).equals(tar));
      }),
      { numRuns: 60 },
    );
  });
});
