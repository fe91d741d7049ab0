import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { appendFile, mkdtemp, readFile, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { cutIntoParts, type Part } from '../../../src/upload/parts.ts';
import { createUploader, type Uploader } from '../../../src/upload/uploader.ts';
import { streamBundle } from '../../../src/workload/bundle.ts';
import { deliverEarly } from '../../../src/workload/early.ts';
import { cutPcap } from '../../../src/workload/pcap.ts';
import { bytesOf, spool } from '../support/parts.ts';

const MiB = 2 ** 20;
const ENDED = new Date('2026-11-21T10:16:00Z');
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

async function place(t?: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'retina-unit-'));
  t?.after(() => rm(directory, { recursive: true }));
  return directory;
}

/** A pcap of so many bytes at least: packets of any size, half of them of bytes that do not shrink. */
function pcap(bytes: number, sizes: readonly number[]): Buffer {
  const header = Buffer.alloc(24);
  header.write('d4c3b2a1', 'hex');
  const pieces = [header];
  for (let total = header.length, index = 0; total < bytes; index += 1) {
    const length = sizes[index % sizes.length] ?? 0;
    const record = Buffer.alloc(16 + length, index % 2 ? 'text ' : createHash('sha512').update(`${index}`).digest());
    record.fill(0, 0, 16).writeUInt32LE(length, 8);
    pieces.push(record);
    total += record.length;
  }
  return Buffer.concat(pieces);
}

type Stored = Uploader & { object(): Buffer | undefined; readonly aborted: () => boolean };

/** A store that takes parts in any order, as S3 and Azure Blob do; the part with the index `failing` is refused. */
function store(failing: number | undefined, delay: number): Stored {
  const parts: Buffer[] = [];
  let object: Buffer | undefined;
  let aborted = false;
  const send = async (part: Part, index: number): Promise<void> => {
    await sleep(delay);
    if (index === failing) throw new Error('the part was refused');
    assert.equal(parts[index], undefined, 'no part is sent twice');
    // What was taken is the sender's again.
    parts[index] = await bytesOf(part);
  };
  return {
    ...({ kind: 's3', location: 'store', object: () => object, aborted: () => aborted } as const),
    open: async (kept) => {
      const cut = cutIntoParts({ maxParts: 10_000, kept, spool }, send);
      return {
        write: cut.write,
        commit: async (head) => {
          await cut.finish(head);
          object = Buffer.concat(parts);
        },
        putResult: () => Promise.resolve(),
        confirm: () => Promise.resolve(),
        abort: async () => {
          await cut.settle();
          aborted = true;
        },
      };
    },
  };
}

async function grow(file: string, content: Buffer, steps: readonly number[], pause = 60): Promise<void> {
  for (let at = 0, step = 0; at < content.length; step += 1) {
    const next = at + (steps[step % steps.length] ?? 1);
    await appendFile(file, content.subarray(at, next));
    at = next;
    await sleep(pause);
  }
}

const bundleOf = async (file: string, others: readonly { name: string; content: Buffer }[]): Promise<Buffer> =>
  Buffer.concat(
    await Array.fromAsync(streamBundle([{ name: 'x.pcap', file }, ...others], ENDED), (piece) => Buffer.from(piece)),
  );

suite('delivery while packets come in', () => {
  test('whatever grows, is cut off or refused: the object is the tarball, or absent', async () => {
    const cases = fc.record({
      bytes: fc.integer({ min: 0, max: 20 * MiB }),
      sizes: fc.array(fc.oneof(fc.nat(1500), fc.nat(70_000), fc.nat(262_144)), { minLength: 1, maxLength: 20 }),
      steps: fc.array(fc.integer({ min: 300_000, max: 3 * MiB }), { minLength: 1, maxLength: 5 }),
      limit: fc.option(fc.integer({ min: 24, max: 30 * MiB })),
      torn: fc.nat(300),
      failing: fc.option(fc.nat(4), { nil: undefined }),
      delay: fc.nat(20),
      pause: fc.integer({ min: 20, max: 60 }),
      given: fc.nat(3).map((odds) => odds > 0),
      others: fc.array(fc.uint8Array({ maxLength: 5000 }), { maxLength: 3 }),
    });
    let begun = 0;
    const property = fc.asyncProperty(
      cases,
      async ({ bytes, sizes, steps, limit, torn, failing, delay, pause, given, others }) => {
        const directory = await place();
        const file = join(directory, 'x.pcap');
        const [steady, shaky] = [store(undefined, delay), store(failing, delay)];
        const early = deliverEarly({ file, maxBytes: limit, uploaders: [steady, shaky], log: () => undefined });
        const content = pcap(bytes, sizes);
        await grow(file, content.subarray(0, content.length - Math.min(torn, content.length - 24)), steps, pause);
        if (!given) {
          await early.abandon();
          assert.deepEqual([steady.object(), shaky.object()], [undefined, undefined]);
          return rm(directory, { recursive: true });
        }
        const found = await cutPcap(file, limit ?? undefined, early.scanned());
        assert.deepEqual(
          found,
          await cutPcap(file, limit ?? undefined),
          'what was looked through need not be read again',
        );
        const texts = others.map((text, index) => ({ name: `${index}.txt`, content: Buffer.from(text) }));
        const ended = { files: [{ name: 'x.pcap', file }, ...texts], pcapBytes: found?.end ?? 0, endedAt: ENDED };
        const delivered = await early.finish(ended);
        const whole = await bundleOf(file, texts);
        await rm(directory, { recursive: true });
        if (delivered === null) return assert.deepEqual([steady.object(), steady.aborted()], [undefined, false]);
        begun += 1;
        assert.ok(steady.object()?.equals(whole));
        assert.deepEqual(delivered.sent, { bytes: whole.length, sha256: sha256(whole) });
        const [, { ok } = { ok: false }] = delivered.deliveries;
        assert.deepEqual([ok, shaky.aborted()], [shaky.object() !== undefined, !ok]);
        if (ok) assert.ok(shaky.object()?.equals(whole));
      },
    );
    await fc.assert(property, { numRuns: 12, endOnFailure: true });
    assert.ok(begun > 0, `only ${begun} were sent while they grew`);
  });

  test('a directory gets the header in its place, and the hash is of what lies there', async (t) => {
    const directory = await place(t);
    const file = join(directory, 'x.pcap');
    const uploader = createUploader({ kind: 'host-path', path: directory, directory }, 'stem');
    const early = deliverEarly({ file, maxBytes: null, uploaders: [uploader], log: () => undefined });
    const content = pcap(3 * MiB, [1400]);
    await grow(file, content, [MiB]);
    const ended = { files: [{ name: 'x.pcap', file }], pcapBytes: content.length, endedAt: ENDED };
    const delivered = await early.finish(ended);
    const whole = await bundleOf(file, []);
    assert.deepEqual(delivered?.sent, { bytes: whole.length, sha256: sha256(whole) });
    assert.ok((await readFile(join(directory, 'stem.tar.gz'))).equals(whole));
  });

  test('packets that became fewer are told, and nothing is delivered', async (t) => {
    const file = join(await place(t), 'x.pcap');
    const target = store(undefined, 0);
    const said: string[] = [];
    const early = deliverEarly({ file, maxBytes: null, uploaders: [target], log: (line) => said.push(line) });
    await grow(file, pcap(3 * MiB, [1400]), [MiB]);
    while (said.length === 0) await sleep(5);
    await truncate(file, 1000);
    const delivered = await early.finish({ files: [{ name: 'x.pcap', file }], pcapBytes: 1000, endedAt: ENDED });
    assert.match(delivered?.errors.join() ?? '', /the tarball could not be built: the capture/);
    assert.deepEqual([delivered?.sent, target.object(), target.aborted()], [null, undefined, true]);
  });
});
