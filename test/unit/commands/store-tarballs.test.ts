import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { encodeResult } from '../../../src/capture/workload-spec.ts';
import { readResult } from '../../../src/commands/store-tarballs.ts';
import type { Store } from '../../../src/upload/store.ts';
import { result } from '../support/builders.ts';

const { signal } = new AbortController();

/** A store whose one object has these bytes. */
function holding(pieces: () => Iterable<Uint8Array>): Store {
  const bytes = async function* () {
    yield* pieces();
  };
  return { kind: 's3', place: 's3://caps', list: async () => [], read: async () => ({ size: 1, bytes: bytes() }) };
}

suite('results in stores', () => {
  test('a result is read, in whatever pieces it comes', async () => {
    const text = Buffer.from(encodeResult(result()));
    const store = holding(() => [text.subarray(0, 10), text.subarray(10)]);
    assert.equal((await readResult(store, 'web-node1.json', signal))?.capture, 'web');
  });

  test('a result without an end is left after 1 MiB', { timeout: 30_000 }, async () => {
    const piece = Buffer.alloc(65_536, ' ');
    let sent = 0;
    const store = holding(function* () {
      for (;;) {
        sent += piece.length;
        yield piece;
      }
    });
    assert.equal(await readResult(store, 'web-node1.json', signal), undefined);
    assert.equal(sent, (1 << 20) + piece.length);
  });
});
