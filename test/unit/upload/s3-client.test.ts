import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { suite, test } from 'node:test';
import { connectS3, patientRetries } from '../../../src/upload/s3-client.ts';
import { FIRST_TRIES, MAX_TRIES, UNBOUNDED, watchTries } from '../../../src/upload/tries.ts';

/** The waits between tries that all fail, until there is no further one. */
async function waitsOf(strategy: ReturnType<typeof patientRetries>): Promise<number[]> {
  const waits: number[] = [];
  let token = await strategy.acquireInitialRetryToken('');
  for (;;) {
    try {
      token = await strategy.refreshRetryTokenForRetry(token, { errorType: 'TRANSIENT' });
    } catch {
      return waits;
    }
    waits.push(token.getRetryDelay());
  }
}

suite('tries of requests to S3', () => {
  test('a store that never answered gets 10 tries in 12 to 26 s; one that has, as many as there is time for', async () => {
    const answers = { answered: false };
    const strategy = patientRetries(answers);
    const silent = await waitsOf(strategy);
    assert.equal(silent.length, FIRST_TRIES - 1);
    const seconds = silent.reduce((total, wait) => total + wait, 0) / 1000;
    assert.ok(seconds > 12 && seconds < 26, `${seconds} s`);
    answers.answered = true;
    const longer = await waitsOf(strategy);
    assert.equal(longer.length, MAX_TRIES - 1);
    assert.ok(longer.every((wait) => wait > 0 && wait <= 20_000));
    assert.ok(new Set(longer).size > MAX_TRIES / 2, 'they are random');
  });

  test('a refusal is not tried again; that a store answers at all is known from then on', async (t) => {
    let requests = 0;
    const server = createServer((from, to) => {
      requests += 1;
      from.resume().on('end', () => to.writeHead(403).end());
    });
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    t.after(() => server.close());
    const tries = watchTries('here', UNBOUNDED);
    const { ListObjectsV2Command } = await import('@aws-sdk/client-s3');
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const address = { bucket: 'b', region: 'x', endpoint, prefix: '', ca: null, checksums: 'when_supported' } as const;
    const { client } = await connectS3(address, { accessKeyId: 'a', secretAccessKey: 'b' }, tries);
    await assert.rejects(client.send(new ListObjectsV2Command({ Bucket: 'b' })));
    client.destroy();
    assert.deepEqual([requests, tries.answered], [1, true]);
  });
});
