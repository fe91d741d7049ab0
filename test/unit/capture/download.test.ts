import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { mock, suite, test } from 'node:test';
import {
  type ExpectedFile,
  fetchFile,
  findOnNode,
  type PartialFile,
  type Place,
} from '../../../src/capture/download.ts';
import { CaptureError } from '../../../src/errors.ts';
import { clusterPart } from '../support/cluster-part.ts';

const CHUNK = Buffer.alloc(65_536, 'x');
const CUT = { exitCode: null, stderr: '' };

/** A pod whose program answers so. As with the real one, a sink that is destroyed ends its connection. */
function answering(exec: (sink: Writable) => Promise<typeof CUT>): Place {
  const cluster = clusterPart({ namespace: 'shop', exec: (_: object, sink: Writable) => exec(sink) });
  return { cluster, pod: 'p', node: 'node1', signal: new AbortController().signal };
}

/** Sends for as long as somebody listens. */
async function endless(sink: Writable): Promise<typeof CUT> {
  const closed = once(sink, 'close');
  while (!sink.destroyed) if (!sink.write(CHUNK)) await Promise.race([once(sink, 'drain'), closed]);
  return CUT;
}

/** Says nothing, for as long as somebody listens. */
async function silent(sink: Writable): Promise<typeof CUT> {
  await new Promise((resolve) => sink.on('close', resolve));
  return CUT;
}

function memoryPart(): PartialFile & { bytes: () => Buffer } {
  let all = Buffer.alloc(0);
  return {
    size: () => all.length,
    write: async (chunk) => {
      all = Buffer.concat([all, chunk]);
    },
    restart: async () => {
      all = Buffer.alloc(0);
    },
    digest: () => createHash('sha256').update(all).digest('hex'),
    bytes: () => all,
  };
}

const whole = Buffer.alloc(200_001, 'x');
const file: ExpectedFile = {
  name: 'web-node1-20261121101500UTC.tar.gz',
  bytes: whole.length,
  sha256: createHash('sha256').update(whole).digest('hex'),
};

suite('what a download pod sends', () => {
  test('a file without an end: its bytes are taken, the stream is left', { timeout: 30_000 }, async () => {
    const part = memoryPart();
    await fetchFile(answering(endless), file, part, () => undefined);
    assert.deepEqual(part.bytes(), whole);
  });

  test('an answer without an end is left after 16 MiB, and cannot be read', { timeout: 30_000 }, async () => {
    await assert.rejects(
      findOnNode(answering(endless), 'web'),
      (error: CaptureError) =>
        /^the answer of the download pod on node node1 cannot be read$/.test(error.message) &&
        /Choose another with --image/.test(error.hint ?? ''),
    );
  });

  for (const [what, minutes, act] of [
    ['a file', 5, (place: Place) => fetchFile(place, file, memoryPart(), () => undefined)],
    ['an answer', 60, (place: Place) => findOnNode(place, 'web')],
  ] as const) {
    test(`${what} of which nothing comes is given up after ${minutes} minutes`, async () => {
      mock.timers.enable({ apis: ['setTimeout'] });
      try {
        const fetching = act(answering(silent));
        mock.timers.tick(minutes * 60_000 - 1);
        const early = await Promise.race([
          fetching.then(
            () => 'over',
            () => 'over',
          ),
          new Promise((go) => setImmediate(go, 'waits')),
        ]);
        assert.equal(early, 'waits');
        mock.timers.tick(1);
        const words = new RegExp(`^the download pod on node node1 has sent nothing for ${minutes} minutes$`);
        await assert.rejects(fetching, (error) => error instanceof CaptureError && words.test(error.message));
      } finally {
        mock.timers.reset();
      }
    });
  }
});
