import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { UNBOUNDED } from '../../../src/upload/tries.ts';
import { createUploader } from '../../../src/upload/uploader.ts';
import { streamBundle, streamGrowing } from '../../../src/workload/bundle.ts';
import { deliver } from '../../../src/workload/deliver.ts';
import { type Fate, memoryS3, type Operation } from '../support/s3-memory.ts';

const MiB = 2 ** 20;
const ENDED = new Date('2026-11-21T10:16:00Z');
/** Milliseconds that no upload here takes. */
const PLENTY = 60_000;
/** Bytes that do not shrink, to cut captures from. */
const POOL = randomBytes(26 * MiB);

type Fault = { operation: Operation; from: number; times: number; fate: Exclude<Fate, 'passes'> };

/** A few requests in a row that fail for now, or all from one on that are refused. */
const FAULT = fc
  .tuple(
    fc.constantFrom<Operation>('create', 'part', 'part', 'complete', 'complete', 'put', 'abort', 'list', 'head'),
    fc.nat(3),
    fc.integer({ min: 1, max: 3 }),
    fc.constantFrom<Fault['fate']>('busy', 'cut', 'unheard', 'refused'),
  )
  .map(([operation, part, times, fate]): Fault => {
    const from = operation === 'part' ? part : 0;
    return { operation, from, fate, times: fate === 'refused' ? Number.POSITIVE_INFINITY : times };
  });

function fateOf(faults: readonly Fault[]): (operation: Operation) => Fate {
  const counts = new Map<Operation, number>();
  return (operation) => {
    const count = counts.get(operation) ?? 0;
    counts.set(operation, count + 1);
    const hit = faults.find(
      ({ operation: at, from, times }) => at === operation && count >= from && count < from + times,
    );
    return hit?.fate ?? 'passes';
  };
}

/** The packets of a capture as they come in, in pieces of any size; `fails` in mid-way, or not. */
async function* growing(packets: Buffer, steps: readonly number[], fails: boolean): AsyncGenerator<Buffer> {
  for (let at = 0, step = 0; at < packets.length; step += 1) {
    if (fails && at > packets.length / 2) throw new Error('the disk is gone');
    const next = at + (steps[step % steps.length] ?? 1);
    yield packets.subarray(at, next);
    at = next;
    if (step % 8 === 0) await sleep(1);
  }
}

suite('an upload to S3 whose requests fail', () => {
  const directory = mkdtempSync(join(tmpdir(), 'retina-unit-'));
  writeFileSync(join(directory, 's3-access-key-id'), 'id');
  writeFileSync(join(directory, 's3-secret-access-key'), 'secret');
  after(() => rmSync(directory, { recursive: true }));

  test('the object is the tarball, or absent; what is told of it is so; nothing unfinished stays', async () => {
    const outcomes = { ok: 0, failed: 0 };
    const cases = fc.record({
      bytes: fc.oneof(fc.integer({ min: 24, max: 8 * MiB }), fc.integer({ min: 14 * MiB, max: 26 * MiB })),
      steps: fc.array(fc.integer({ min: 100_000, max: 2 * MiB }), { minLength: 1, maxLength: 5 }),
      other: fc.uint8Array({ maxLength: 3000 }),
      faults: fc.array(FAULT, { maxLength: 3 }),
      late: fc.option(fc.integer({ min: 0, max: 400 }), { nil: PLENTY, freq: 4 }),
      fails: fc.nat(9).map((odds) => odds === 0),
      // With two, the second part is a file of up to 20 MiB.
      maxParts: fc.constantFrom(10_000, 2),
      checksums: fc.constantFrom('when_supported', 'when_required'),
    });
    const property = fc.asyncProperty(
      cases,
      async ({ bytes, steps, other, faults, late, fails, maxParts, checksums }) => {
        const store = await memoryS3(fateOf(faults));
        const packets = POOL.subarray(0, bytes);
        const entries = [
          { name: 'x.pcap', content: packets },
          { name: 'x.txt', content: Buffer.from(other) },
        ];
        const target = { bucket: 'b', region: 'r', endpoint: store.url, prefix: '', ca: null } as const;
        const access = { secret: 'test', directory };
        const bounds = { ...UNBOUNDED, late: AbortSignal.timeout(late), maxParts };
        const uploader = createUploader({ kind: 's3', ...target, checksums, access }, 'x', bounds);
        const contents = Promise.resolve({ entries, now: ENDED });
        const source = streamGrowing('x.pcap', growing(packets, steps, fails), contents);
        const { sent, deliveries } = await deliver(source.bytes, [uploader], {
          ...source.late,
          leftBehind: () => undefined,
        });
        await sleep(5);
        store.end();
        const object = store.objects.get('x.tar.gz')?.body;
        // What is under way when the time is over may still arrive: twice kept is better than wrongly told.
        const inTime = late === PLENTY;
        const ok = deliveries[0]?.ok ?? false;
        outcomes[ok ? 'ok' : 'failed'] += 1;
        assert.equal(sent === null, !ok);
        if (ok) assert.ok(object, 'what is told to be saved is there');
        else if (inTime)
          assert.ok(object === undefined || store.unheard.has('x.tar.gz'), 'what is told to be lost is not there');
        if (object !== undefined) assertTarball(object, packets);
        if (ok)
          assert.deepEqual(sent, {
            bytes: object?.length,
            sha256: createHash('sha256')
              .update(object ?? '')
              .digest('hex'),
          });
        const hindered = faults.some(({ operation, fate }) => /abort|list/.test(operation) && fate === 'refused');
        if (inTime && !hindered) assert.deepEqual([...store.uploads.keys()], []);
        const whole = Buffer.concat(await Array.fromAsync(streamBundle(entries, ENDED), (piece) => Buffer.from(piece)));
        if (object !== undefined) assert.ok(object.equals(whole));
      },
    );
    await fc.assert(property, { numRuns: 30, endOnFailure: true });
    assert.ok(outcomes.ok > 3 && outcomes.failed > 3, JSON.stringify(outcomes));
  });
});

/** As any gunzip and any tar would read it: the first file is the packets. */
function assertTarball(object: Buffer, packets: Buffer): void {
  const tar = gunzipSync(object);
  assert.match(tar.toString('latin1', 0, 100), /^x\.pcap\0/);
  assert.equal(Number.parseInt(tar.toString('latin1', 124, 135), 8), packets.length);
  assert.ok(tar.subarray(512, 512 + packets.length).equals(packets));
}
