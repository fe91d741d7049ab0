import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DestinationSpec } from '../../src/capture/workload-spec.ts';
import { UNBOUNDED } from '../../src/upload/tries.ts';
import { createUploader, type Upload } from '../../src/upload/uploader.ts';
import { until } from './support/cluster.ts';
import { faultyLines, goBetween } from './support/faults.ts';
import { blobServer, S3_KEYS, s3Server } from './support/stores.ts';

const s3 = s3Server(17073);
const blob = blobServer(17103);
const lines = faultyLines();
const between = { s3: goBetween(17083, s3.url), blob: goBetween(17113, blob.url) };
const MiB = 2 ** 20;
type Kind = 's3' | 'blob';
/** What the stores of tests say of a body that is not the one that was summed. */
const CHANGED: Record<Kind, RegExp> = {
  s3: /cannot write s3:\S+: (BadDigest|XAmzContentSHA256Mismatch|XAmzContentChecksumMismatch)/,
  blob: /cannot write http:\S+: (Md5Mismatch|InvalidOperation)/,
};
const KINDS: readonly Kind[] = ['s3', 'blob'];

/** Faults on the way to a store, by the uploaders themselves. */
describe('faults in mid-upload', { concurrency: false }, () => {
  const root = mkdtempSync(join(tmpdir(), 'retina-e2e-'));
  const destinations: Record<'line' | 'between', Record<Kind, DestinationSpec>> = Object.create(null);

  async function destinationsAt(name: string, s3Url: string, blobUrl: string): Promise<Record<Kind, DestinationSpec>> {
    const directory = mkdtempSync(join(root, name));
    const access = { secret: 'test', directory };
    writeFileSync(join(directory, 's3-access-key-id'), S3_KEYS.accessKeyId);
    writeFileSync(join(directory, 's3-secret-access-key'), S3_KEYS.secretAccessKey);
    writeFileSync(join(directory, 'blob-upload-url'), (await blob.sas('caps')).replace(blob.url, blobUrl));
    const bucket = {
      bucket: 'evidence',
      region: 'us-east-1',
      endpoint: s3Url,
      prefix: '',
      ca: null,
      checksums: 'when_supported',
    } as const;
    return { s3: { kind: 's3', ...bucket, access }, blob: { kind: 'blob', container: null, access } };
  }

  before(async () => {
    await Promise.all([s3.start(), blob.start(), lines.start(), between.s3.start(), between.blob.start()]);
    await s3.makeBucket('evidence');
    await blob.makeContainer('caps');
    const [s3Line, blobLine] = [await lines.lay('s3', 17093, s3.url), await lines.lay('blob', 17123, blob.url)];
    destinations.line = await destinationsAt('line', s3Line, blobLine);
    destinations.between = await destinationsAt('between', between.s3.url, between.blob.url);
  });
  after(async () => {
    between.s3.end();
    between.blob.end();
    await Promise.all([s3.end(), blob.end(), lines.end()]);
    rmSync(root, { recursive: true });
  });

  /** An upload of which 10 MiB are sent, what it logs, and a way to say that its time is over. */
  async function begin(target: DestinationSpec, stem: string, limits: { maxParts?: number; idleLimit?: number } = {}) {
    const log: string[] = [];
    const late = new AbortController();
    const uploader = createUploader(target, stem, {
      ...{ ...UNBOUNDED, ...limits, late: late.signal },
      log: (line) => log.push(line),
    });
    const upload = await uploader.open();
    await write(upload, 10 * MiB);
    const lateIn = (seconds: number) =>
      void setTimeout(() => late.abort(new Error('not done in time')), seconds * 1000);
    return { upload, log, lateIn };
  }
  async function write(upload: Upload, bytes: number): Promise<void> {
    for (let done = 0; done < bytes; done += MiB) await upload.write(randomBytes(MiB));
  }
  const finish = (upload: Upload): Promise<void> => write(upload, 20 * MiB).then(() => upload.commit());
  const read = (kind: Kind, stem: string): Promise<Buffer> =>
    kind === 's3' ? s3.read('evidence', `${stem}.tar.gz`) : blob.read('caps', `${stem}.tar.gz`);
  const sizeOf = async (kind: Kind, stem: string): Promise<number> => (await read(kind, stem)).length;
  const nothingOf = async (stem: string): Promise<void> => {
    const there = [...(await s3.names('evidence')), ...(await blob.names('caps'))];
    assert.deepEqual([there.filter((name) => name.startsWith(stem)), await s3.unfinished('evidence')], [[], []]);
  };
  const secondsOf = async (work: Promise<unknown>): Promise<number> => {
    const start = performance.now();
    await work;
    return (performance.now() - start) / 1000;
  };

  for (const kind of KINDS) {
    test(`${kind}: a line that is cut, and back after 10 s: delivered, and each try that failed was told`, async () => {
      const { upload, log } = await begin(destinations.line[kind], `back-${kind}`);
      await lines.cut(kind);
      const back = sleep(10_000).then(lines.heal);
      await Promise.all([back, finish(upload)]);
      assert.equal(await sizeOf(kind, `back-${kind}`), 30 * MiB);
      assert.match(log.join('\n'), /back-\w+\.tar\.gz: attempt 2 failed: .*ECONNREFUSED/);
    });

    test(`${kind}: a line that does not come back in time: a failure with its reason; nothing stays`, async () => {
      const { upload, lateIn } = await begin(destinations.line[kind], `gone-${kind}`);
      await lines.cut(kind);
      lateIn(6);
      const seconds = await secondsOf(
        assert.rejects(
          finish(upload),
          /cannot write \S+gone-\w+.tar.gz: not done in time; the last try: .*ECONNREFUSED/,
        ),
      );
      assert.ok(seconds > 5 && seconds < 9, `${seconds} s`);
      const undone = upload.abort();
      await lines.heal();
      await undone;
      await nothingOf('gone');
    });

    test(`${kind}: a black hole ends with the time for it`, async () => {
      const { upload, lateIn } = await begin(destinations.line[kind], `hole-${kind}`);
      await lines.stopUp(kind);
      lateIn(5);
      const seconds = await secondsOf(assert.rejects(finish(upload), /cannot write \S+: not done in time/));
      assert.ok(seconds < 8, `${seconds} s`);
      await lines.heal();
      await upload.abort();
      await nothingOf('hole');
    });

    test(`${kind}: a slow server, 1 MB/s for 20 s: delivered, and no try is counted as failed`, async () => {
      const { upload, log } = await begin(destinations.line[kind], `slow-${kind}`);
      await lines.slow(kind, 1000);
      const seconds = await secondsOf(Promise.all([finish(upload), sleep(20_000).then(lines.heal)]));
      assert.ok(seconds > 15, `${seconds} s`);
      assert.equal(await sizeOf(kind, `slow-${kind}`), 30 * MiB);
      assert.deepEqual(log, []);
    });

    test(`${kind}: a try without a byte ends, is told, and the next one delivers`, async () => {
      const { upload, log } = await begin(destinations.line[kind], `silent-${kind}`, { idleLimit: 3000 });
      await lines.stopUp(kind);
      const told = until('the try has ended', async () => / attempt 1 failed: /.test(log.join('\n')), 60);
      await Promise.all([told.then(lines.heal), finish(upload)]);
      assert.equal(await sizeOf(kind, `silent-${kind}`), 30 * MiB);
    });

    test(`${kind}: an upload that is given up on a slow line leaves nothing`, async () => {
      const { upload } = await begin(destinations.line[kind], `dropped-${kind}`);
      await lines.slow(kind, 500);
      const writing = write(upload, 20 * MiB).catch(() => undefined);
      await sleep(2000);
      assert.equal(await upload.abort(), undefined);
      await writing;
      await lines.heal();
      await nothingOf(`dropped-${kind}`);
    });

    test(`${kind}: a byte that is changed on its way is seen by the store: refused at once, and nothing is there`, async () => {
      const { upload, log } = await begin(destinations.between[kind], `changed-${kind}`);
      const { state } = between[kind];
      const isLarge = ({ headers }: IncomingMessage): boolean => Number(headers['content-length']) === 5 * MiB;
      state.fate = (message) => (isLarge(message) ? 'byte changed' : 'passes');
      await assert.rejects(finish(upload), CHANGED[kind]);
      state.fate = () => 'passes';
      await upload.abort();
      await nothingOf(`changed-${kind}`);
      assert.doesNotMatch(log.join('\n'), /attempt 2/);
    });

    test(`${kind}: a storm of 503 for 5 s is ridden out`, async () => {
      const { upload, log } = await begin(destinations.between[kind], `storm-${kind}`);
      const { state } = between[kind];
      state.fate = () => 503;
      const over = sleep(5000).then(() => {
        state.fate = () => 'passes';
      });
      await Promise.all([over, finish(upload)]);
      assert.equal(await sizeOf(kind, `storm-${kind}`), 30 * MiB);
      assert.match(log.join('\n'), /attempt 2 failed: HTTP 503/);
    });

    test(`${kind}: a line that is cut in a part that has grown: the part is sent anew, from its beginning`, async () => {
      const { upload, log } = await begin(destinations.line[kind], `grown-${kind}`, { maxParts: 3 });
      await lines.slow(kind, 4000);
      const large = randomBytes(20 * MiB);
      const cut = sleep(2000).then(() => lines.cut(kind));
      const back = cut.then(() => sleep(500)).then(lines.heal);
      await Promise.all([back, upload.write(large).then(() => upload.commit())]);
      assert.ok((await read(kind, `grown-${kind}`)).subarray(10 * MiB).equals(large));
      assert.match(log.join('\n'), /grown-\w+\.tar\.gz: attempt 1 failed: /);
    });

    test(`${kind}: a storm of 503 while a part that has grown is sent is ridden out; a refusal is told`, async () => {
      for (const [status, stem] of [
        [503, `stormy-${kind}`],
        [403, `refused-${kind}`],
      ] as const) {
        const { upload, log } = await begin(destinations.between[kind], stem, { maxParts: 3 });
        const { state } = between[kind];
        let refused = 0;
        const isLarge = ({ headers }: IncomingMessage): boolean => Number(headers['content-length']) === 20 * MiB;
        state.fate = (message) => (isLarge(message) && (status === 403 || refused++ < 3) ? status : 'passes');
        const large = randomBytes(20 * MiB);
        const done = upload.write(large).then(() => upload.commit());
        if (status === 403) {
          await assert.rejects(done, /cannot write \S+refused-\w+\.tar\.gz: .*403/);
          await upload.abort();
          await nothingOf(stem);
        } else {
          await done;
          assert.ok((await read(kind, stem)).subarray(10 * MiB).equals(large));
          assert.match(log.join('\n'), /attempt 3 failed: HTTP 503/);
        }
        state.fate = () => 'passes';
      }
    });

    test(`${kind}: the answer to the commit is lost: delivered, for the object is there`, async () => {
      const { upload } = await begin(destinations.between[kind], `lost-${kind}`);
      const { state } = between[kind];
      let lost = 0;
      // AWS forgets a completed upload after a while: the next try finds none. Azure takes the same list again.
      const again = kind === 's3' ? 404 : 'passes';
      state.fate = (message) => (isCommit(message) ? (lost++ === 0 ? 'answer lost' : again) : 'passes');
      await finish(upload);
      state.fate = () => 'passes';
      assert.ok(lost > 0);
      assert.equal(await sizeOf(kind, `lost-${kind}`), 30 * MiB);
    });
  }

  test('s3: the answer to the commit is lost, and nobody may look: a failure, never "saved"', async () => {
    const { upload } = await begin(destinations.between.s3, 'unseen');
    let lost = 0;
    between.s3.state.fate = (message) =>
      message.method === 'HEAD' ? 403 : isCommit(message) ? (lost++ === 0 ? 'answer lost' : 404) : 'passes';
    await assert.rejects(finish(upload), /cannot write s3:\/\/evidence\/unseen.tar.gz: NotFound: HTTP 404 \(2 tries\)/);
    between.s3.state.fate = () => 'passes';
    await upload.abort();
    assert.deepEqual(await s3.unfinished('evidence'), []);
  });

  test('s3: the answer to the beginning is lost, so that there are two: delivered, and nothing unfinished stays', async () => {
    let lost = 0;
    between.s3.state.fate = ({ method, url = '' }) =>
      method === 'POST' && url.includes('uploads') && lost++ === 0 ? 'answer lost' : 'passes';
    const { upload } = await begin(destinations.between.s3, 'twice');
    await until('the first part is there', async () => (await s3.unfinished('evidence')).length === 2);
    await finish(upload);
    between.s3.state.fate = () => 'passes';
    assert.equal(await sizeOf('s3', 'twice'), 30 * MiB);
    assert.deepEqual(await s3.unfinished('evidence'), []);
  });

  test('s3: parts that cannot be taken back are told', { timeout: 60_000 }, async () => {
    const { upload, lateIn } = await begin(destinations.line.s3, 'left');
    await until('a part is there', async () => (await s3.unfinished('evidence')).length > 0);
    await lines.cut('s3');
    lateIn(2);
    await assert.rejects(finish(upload), /not done in time/);
    const left = await upload.abort();
    await lines.heal();
    assert.match(left ?? '', /^parts of s3:\/\/evidence\/left.tar.gz stay in the bucket, unfinished: .*ECONNREFUSED/);
    assert.deepEqual(await s3.unfinished('evidence'), ['left.tar.gz']);
  });
});

/** The request that makes what was sent an object. */
function isCommit({ method, url = '' }: IncomingMessage): boolean {
  return url.includes('comp=blocklist') || (method === 'POST' && url.includes('uploadId='));
}
