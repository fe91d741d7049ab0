import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { suite, type TestContext, test } from 'node:test';
import { connectS3, patientRetries } from '../../../src/upload/s3-client.ts';
import { type Bounds, FIRST_TRIES, MAX_TRIES, UNBOUNDED, watchTries } from '../../../src/upload/tries.ts';

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

/** A client of a server that does as told, and what is known of its tries. */
async function connect(t: TestContext, answer: RequestListener, bounds: Bounds = UNBOUNDED) {
  const server = createServer(answer);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const tries = watchTries('here', bounds);
  const { HeadBucketCommand } = await import('@aws-sdk/client-s3');
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const address = { bucket: 'b', region: 'x', endpoint, prefix: '', ca: null, checksums: 'when_supported' } as const;
  const { client } = await connectS3(address, { accessKeyId: 'AKIATEST', secretAccessKey: 'test-secret' }, tries);
  t.after(() => {
    client.destroy();
    server.closeAllConnections();
    server.close();
  });
  return { tries, look: () => client.send(new HeadBucketCommand({ Bucket: 'b' })) };
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
    const { tries, look } = await connect(t, (from, to) => {
      requests += 1;
      from.resume().on('end', () => to.writeHead(403).end());
    });
    await assert.rejects(look());
    assert.deepEqual([requests, tries.answered], [1, true]);
  });

  test('a try without a byte ends, is told, and the next one is answered', async (t) => {
    let requests = 0;
    const log: string[] = [];
    const answer: RequestListener = (from, to) => {
      requests += 1;
      if (requests > 1) from.resume().on('end', () => to.writeHead(200).end());
    };
    const { look } = await connect(t, answer, { ...UNBOUNDED, idleLimit: 2000, log: (line) => log.push(line) });
    await look();
    assert.match(log.join('\n'), /^held up: here: attempt 1 failed: TimeoutError: .*timed out after 2000 ms /);
    assert.equal(requests, log.length + 1);
  });
});
