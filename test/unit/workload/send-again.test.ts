import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import type { UploadSpec } from '../../../src/capture/upload-spec.ts';
import { decodeResult, encodeResult, WORKLOAD_VERSION } from '../../../src/capture/workload-spec.ts';
import { sendAgain } from '../../../src/workload/send-again.ts';
import { result } from '../support/builders.ts';

const NAME = 'web-node1-20261121101500UTC.tar.gz';
const BESIDE = NAME.replace('.tar.gz', '.json');
const RESCUED = `/var/lib/retina/rescued/${NAME}`;
const FAILED = { kind: 'pvc', location: `pvc/wide/${NAME}`, ok: false, error: 'no space' } as const;

suite('a tarball that is sent again', () => {
  const root = mkdtempSync(join(tmpdir(), 'retina-again-'));
  after(() => rmSync(root, { recursive: true }));
  let rooms = 0;

  /** A node with a tarball, a volume, and the order to send the one to the other. */
  function room(extra: Partial<UploadSpec> = {}) {
    const place = join(root, String(++rooms));
    const [node, volume] = [join(place, 'node'), join(place, 'volume')];
    mkdirSync(node, { recursive: true });
    const bytes = randomBytes(3_000_000);
    writeFileSync(join(node, NAME), bytes);
    const tarball = { name: NAME, bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
    const told = result({ tarball, destinations: [FAILED], rescued: RESCUED });
    writeFileSync(join(node, BESIDE), encodeResult(told));
    const spec: UploadSpec = {
      ...{ version: WORKLOAD_VERSION, result: told, timeoutMs: 60_000, removeCopy: false },
      place: { path: '/var/lib/retina/rescued', directory: node },
      destinations: [{ kind: 'pvc', claim: 'wide', directory: volume }],
      ...extra,
    };
    const send = (signal = new AbortController().signal) => sendAgain(spec, { signal, log: () => undefined });
    const there = (): string[] => (readdirSync(place).includes('volume') ? readdirSync(volume).sort() : []);
    return { node, volume, bytes, spec, send, there };
  }

  test('arrives as it is, with a result that tells where it is now; the copy stays', async () => {
    const { node, volume, bytes, send } = room();
    const sent = await send();
    assert.deepEqual(sent.destinations, [{ kind: 'pvc', location: `pvc/wide/${NAME}`, ok: true }]);
    assert.deepEqual([sent.removed, sent.errors], [false, []]);
    assert.deepEqual(readFileSync(join(volume, NAME)), bytes);
    const { destinations, rescued } = decodeResult(readFileSync(join(volume, BESIDE), 'utf8'));
    assert.deepEqual([destinations, rescued], [sent.destinations, RESCUED]);
    assert.deepEqual(readdirSync(node).sort(), [BESIDE, NAME]);
  });

  test('the copy goes when the destination has confirmed its own', async () => {
    const { node, volume, send, there } = room({ removeCopy: true });
    const sent = await send();
    assert.deepEqual([sent.removed, sent.errors], [true, []]);
    assert.deepEqual([readdirSync(node), there()], [[], [BESIDE, NAME]]);
    assert.equal(decodeResult(readFileSync(join(volume, BESIDE), 'utf8')).rescued, undefined);
  });

  const damages: readonly (readonly [what: string, change: (bytes: Buffer) => Buffer, error: RegExp])[] = [
    ['shorter', (bytes) => bytes.subarray(1), /rescued\/web-\S+: it has 2999999 bytes, and had 3000000 when/],
    ['of other bytes', (bytes) => Buffer.concat([bytes.subarray(1), Buffer.alloc(1)]), /its SHA-256 is not \w{64}/],
  ];
  for (const [what, change, error] of damages) {
    test(`one that has become ${what} is not sent, and stays`, async () => {
      const { node, bytes, send, there } = room({ removeCopy: true });
      writeFileSync(join(node, NAME), change(bytes));
      const sent = await send();
      assert.match(sent.errors.join(), error);
      assert.deepEqual([sent.removed, sent.destinations[0]?.ok, there()], [false, false, []]);
      assert.equal(readdirSync(node).length, 2);
    });
  }

  test('one that is not there any more is told', async () => {
    const { node, send, there } = room();
    rmSync(join(node, NAME));
    assert.match((await send()).errors.join(), /no such file or directory \(ENOENT\)/);
    assert.deepEqual(there(), []);
  });

  test('an end by a signal, or by the time for it, leaves nothing at the destination', async () => {
    const { send, there } = room({ removeCopy: true });
    const sent = await send(AbortSignal.abort(new Error('interrupted')));
    assert.match(sent.destinations[0]?.error ?? '', /interrupted/);
    assert.deepEqual([sent.removed, there()], [false, []]);
  });

  test('one destination that fails keeps the copy, though another took it and it was to go', async () => {
    const { node, volume, spec, send, there } = room({ removeCopy: true });
    const blocked = join(volume, '..', 'blocked');
    writeFileSync(blocked, 'a file where a volume should be');
    spec.destinations.push({ kind: 'pvc', claim: 'blocked', directory: blocked });
    const sent = await send();
    assert.match(sent.destinations[1]?.error ?? '', /ENOTDIR|EEXIST/);
    assert.deepEqual([sent.removed, sent.destinations[0]?.ok, there()], [false, true, [BESIDE, NAME]]);
    assert.equal(readdirSync(node).length, 2);
  });
});
