import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { suite, test } from 'node:test';
import { CaptureError } from '../../../src/errors.ts';
import { readAhead } from '../../../src/upload/read-ahead.ts';
import type { Range, Store } from '../../../src/upload/store.ts';

const REQUEST = 8 << 20;
const whole = randomBytes(5 * REQUEST + 12_345);
const never = new AbortController().signal;

type Answer = (range: Range, tries: number) => Buffer | Error;

/** A store of one object; an answer may be shorter than what was asked for, or break off with an error after its half. */
function storeOf(answer: Answer, size = whole.length) {
  const tries = new Map<number, number>();
  const asked: Range[] = [];
  let [now, most] = [0, 0];
  async function* bytes(got: Buffer | Error, range: Range): AsyncGenerator<Uint8Array> {
    now += 1;
    most = Math.max(most, now);
    await new Promise(setImmediate);
    try {
      if (Buffer.isBuffer(got)) yield got;
      else yield whole.subarray(range.from, (range.from + range.to) >> 1);
      if (got instanceof Error) throw got;
    } finally {
      now -= 1;
    }
  }
  const store: Store = {
    ...{ kind: 's3', place: 's3://b', list: async () => [] },
    read: async (_name, range = { from: 0, to: whole.length }) => {
      asked.push(range);
      tries.set(range.to, (tries.get(range.to) ?? 0) + 1);
      return { size, bytes: bytes(answer(range, tries.get(range.to) ?? 0), range) };
    },
  };
  return { store, asked, most: () => most };
}

async function read(store: Store, offset = 0): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of readAhead(store, { name: 'x', bytes: whole.length }, offset, never)) pieces.push(piece);
  return Buffer.concat(pieces);
}

const asIs: Answer = ({ from, to }) => whole.subarray(from, to);

suite('readAhead', () => {
  test('yields the bytes in order, four requests in flight, from any offset on', async () => {
    const { store, asked, most } = storeOf(asIs);
    assert.ok((await read(store)).equals(whole));
    assert.deepEqual([asked.length, most()], [6, 4]);
    for (const offset of [1, REQUEST, whole.length - 1, whole.length]) {
      assert.ok((await read(store, offset)).equals(whole.subarray(offset)), String(offset));
    }
  });

  test('stops a stream that goes on for ever: a store could send more than was asked for', async () => {
    async function* endless({ from, to }: Range): AsyncGenerator<Uint8Array> {
      yield whole.subarray(from, to);
      for (;;) yield whole.subarray(0, 1000);
    }
    const { store } = storeOf(asIs);
    const generous = async (_name: string, range = { from: 0, to: whole.length }) => ({
      size: whole.length,
      bytes: endless(range),
    });
    assert.ok((await read({ ...store, read: generous })).equals(whole));
  });

  test('takes up a stream that ends too early, or breaks off, where it ended', async () => {
    const { store, asked } = storeOf((range, tries) => {
      if (tries > 2) return asIs(range, tries);
      return tries === 2 ? new Error('reset') : whole.subarray(range.from, range.from + 1000);
    });
    assert.ok((await read(store)).equals(whole));
    assert.equal(asked.length, 18);
    assert.ok(asked.some(({ from }) => from === REQUEST + 1000));
  });

  test('gives up where no byte comes, with the reason', async () => {
    const empty = storeOf(() => Buffer.of());
    await assert.rejects(read(empty.store), /s3:\/\/b\/x ends at byte 0 of \d+/);
    assert.ok(empty.asked.length <= 5 * 4, String(empty.asked.length));
  });

  test('an object of another size is refused before its bytes are taken', async () => {
    const { store } = storeOf(asIs, 7);
    await assert.rejects(
      read(store),
      (error: unknown) => error instanceof CaptureError && /x has 7 bytes, and had/.test(error.message),
    );
  });

  test('ends the other requests when whoever reads goes away', async () => {
    const signals: AbortSignal[] = [];
    const { store } = storeOf(asIs);
    const watched: Store = {
      ...store,
      read: (name, range, signal) => {
        signals.push(signal);
        return store.read(name, range, signal);
      },
    };
    for await (const _ of readAhead(watched, { name: 'x', bytes: whole.length }, 0, never)) break;
    assert.ok(signals.length >= 4 && signals.every(({ aborted }) => aborted));
  });
});
