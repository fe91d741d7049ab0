import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { suite, type TestContext, test } from 'node:test';
import { parseSasUrl } from '../../../src/capture/sas.ts';
import { connectContainer } from '../../../src/upload/azure-blob.ts';
import { type Bounds, FIRST_TRIES, UNBOUNDED, watchTries } from '../../../src/upload/tries.ts';

/** A client for a container of a server that does as told, and what is known of its tries. */
async function connect(t: TestContext, answer: RequestListener, bounds: Bounds = UNBOUNDED) {
  const server = createServer(answer);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const sas = parseSasUrl(`http://127.0.0.1:${(server.address() as AddressInfo).port}/account/caps?sp=w&sig=x`);
  if (sas instanceof Error) throw sas;
  const tries = watchTries('here', bounds);
  const { client } = await connectContainer({ kind: 'sas', sas }, tries);
  return { tries, look: (abortSignal: AbortSignal) => client.getProperties({ abortSignal }) };
}

/** The milliseconds between requests that are all cut off, until there is no further one. */
async function waitsOf(t: TestContext): Promise<number[]> {
  const times: number[] = [];
  const { look } = await connect(t, (from) => {
    times.push(performance.now());
    from.socket.destroy();
  });
  await assert.rejects(look(UNBOUNDED.late), /\(10 tries\)/);
  return times.slice(1).map((time, index) => time - (times[index] ?? 0));
}

suite('tries of requests to Azure Blob', { concurrency: true }, () => {
  test('a store that never answered gets 10 tries in about 20 s, at times of chance', async (t) => {
    const [one, other] = await Promise.all([waitsOf(t), waitsOf(t)]);
    assert.equal(one.length, FIRST_TRIES - 1);
    const seconds = one.reduce((total, wait) => total + wait, 0) / 1000;
    assert.ok(seconds > 12 && seconds < 40, `${seconds} s`);
    const apart = one.map((wait, index) => Math.abs(wait - (other[index] ?? 0)));
    assert.ok(Math.max(...apart) > 50, `${one} and ${other}`);
  });

  test('a refusal is not tried again; that a store answers at all is known from then on', async (t) => {
    let requests = 0;
    const { tries, look } = await connect(t, (from, to) => {
      requests += 1;
      from.resume().on('end', () => to.writeHead(403).end());
    });
    await assert.rejects(look(UNBOUNDED.late));
    assert.deepEqual([requests, tries.answered], [1, true]);
  });

  test('a try without a byte ends, is told, and the next one is answered', async (t) => {
    let requests = 0;
    const log: string[] = [];
    const answer: RequestListener = (from, to) => {
      requests += 1;
      if (requests > 1) from.resume().on('end', () => to.writeHead(200).end());
    };
    const bounds = { ...UNBOUNDED, idleLimit: 2000, log: (line: string) => log.push(line) };
    const { look } = await connect(t, answer, bounds);
    await look(UNBOUNDED.late);
    assert.match(log.join('\n'), /^held up: here: attempt 1 failed: ETIMEDOUT: not a byte within 2 s/);
    assert.equal(requests, log.length + 1);
  });

  test('a wait between tries ends with the time for them', async (t) => {
    const late = new AbortController();
    let requests = 0;
    let ended = 0;
    const end = (): void => {
      ended = performance.now();
      late.abort();
    };
    const { look } = await connect(t, (from, to) => {
      requests += 1;
      if (requests === 8) setTimeout(end, 100);
      from.resume().on('end', () => to.writeHead(503).end());
    });
    await assert.rejects(look(late.signal), /abort/i);
    assert.equal(requests, 8);
    // The eighth wait would be 3.2 s at least.
    assert.ok(performance.now() - ended < 2500);
  });
});
