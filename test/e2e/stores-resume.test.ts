import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { encodeResult } from '../../src/capture/workload-spec.ts';
import { result } from '../unit/support/builders.ts';
import { type Ran, retina, start } from './support/cli.ts';
import { until } from './support/cluster.ts';
import { sha256 } from './support/judge.ts';
import { openLine } from './support/line.ts';
import { blobServer, S3_KEYS, s3Server } from './support/stores.ts';

const s3 = s3Server(17182);
const blob = blobServer(17183);
const LINE = 17184;
const NAME = 'long-node1-20261121101500UTC.tar.gz';
const tarball = randomBytes(45_000_001);
const env = {
  ...{ AWS_ACCESS_KEY_ID: S3_KEYS.accessKeyId, AWS_SECRET_ACCESS_KEY: S3_KEYS.secretAccessKey },
  KUBECONFIG: '/nonexistent',
};

/** A tarball of several requests, as a capture would have left it: no capture of a test is so long. */
describe('downloads of several requests', () => {
  const output = mkdtempSync(join(tmpdir(), 'retina-e2e-'));
  const path = (to: string, name = NAME): string => join(output, to, 'long', name);
  const bucket = (port: number): string[] => ['--s3-bucket', 'evidence', '--s3-endpoint', `http://10.240.0.1:${port}`];
  const args = (to: string, flags: readonly string[]): string[] => {
    return ['capture', 'download', 'long', '-o', join(output, to), ...flags];
  };
  let container = '';
  const download = (to: string, flags: readonly string[]): Promise<Ran> => retina(args(to, flags), { env });

  before(async () => {
    await Promise.all([s3.start(), blob.start()]);
    await s3.makeBucket('evidence');
    await blob.makeContainer('caps');
    container = await blob.sas('caps', { permissions: 'rlw' });
    const told = result({ capture: 'long', tarball: { name: NAME, bytes: tarball.length, sha256: sha256(tarball) } });
    for (const [name, bytes] of [
      [NAME, tarball],
      [NAME.replace('.tar.gz', '.json'), Buffer.from(encodeResult(told))],
    ] as const) {
      await s3.write('evidence', `retina/captures/${name}`, bytes);
      const url = container.replace('/caps?', `/caps/${name}?`);
      const put = await fetch(url, { method: 'PUT', body: bytes, headers: { 'x-ms-blob-type': 'BlockBlob' } });
      assert.equal(put.status, 201);
    }
  });
  after(async () => {
    await Promise.all([s3.end(), blob.end()]);
    rmSync(output, { recursive: true });
  });

  const assertWhole = (ran: Ran, to: string): void => {
    assert.equal(ran.code, 0, ran.stderr);
    assert.equal(sha256(readFileSync(path(to))), sha256(tarball));
    assert.deepEqual(readdirSync(join(output, to, 'long')), [NAME]);
  };

  for (const [what, flags, port] of [
    ['S3', () => bucket(17182), 17182],
    ['Blob', () => ['--blob-url', container], 17183],
  ] as const) {
    test(`${what}: goes on from the part that is here; a part of another file is fetched anew`, async () => {
      mkdirSync(join(output, what, 'long'), { recursive: true });
      writeFileSync(path(what, `${NAME}.part`), tarball.subarray(0, 20_000_000));
      const ran = await download(what, flags());
      assert.match(ran.stderr, /, going on from 20 MB\n/);
      assertWhole(ran, what);
      rmSync(path(what));
      writeFileSync(path(what, `${NAME}.part`), randomBytes(1000));
      const anew = await download(what, flags());
      assert.match(anew.stderr, /the part that was here is of another file; fetching it anew/);
      assertWhole(anew, what);
    });

    test(`${what}: a line that breaks every 3 MB is taken up again`, async () => {
      const line = await openLine(LINE, port, { bytes: 3_000_000 });
      const through = flags().map((flag) => flag.replace(`:${port}`, `:${LINE}`));
      const ran = await download(`${what}-cut`, through);
      line.close();
      assertWhole(ran, `${what}-cut`);
    });

    test(`${what}: Ctrl-C ends it at once with 130, and the same command goes on`, async () => {
      const line = await openLine(LINE, port, { downRate: 4_000_000 });
      const through = flags().map((flag) => flag.replace(`:${port}`, `:${LINE}`));
      const part = path(`${what}-late`, `${NAME}.part`);
      const running = start(args(`${what}-late`, through), { env });
      const there = (): number => statSync(part, { throwIfNoEntry: false })?.size ?? 0;
      await until('some of it is here', () => there() > 0);
      const pressed = performance.now();
      running.kill('SIGINT');
      const ran = await running;
      line.close();
      assert.equal(ran.exitCode, 130, ran.stderr);
      assert.ok(performance.now() - pressed < 3000);
      assert.match(ran.stderr, /interrupted/);
      assert.ok(there() > 0 && there() < tarball.length);
      const again = await download(`${what}-late`, flags());
      assert.match(again.stderr, /going on from/);
      assertWhole(again, `${what}-late`);
    });
  }
});
