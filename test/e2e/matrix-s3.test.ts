import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe } from 'node:test';
import { retina } from './support/cli.ts';
import { namespace } from './support/cluster.ts';
import { faultyLines, goBetween } from './support/faults.ts';
import { assertNoScratch } from './support/leavings.ts';
import { type Fault, fails, faultRows, fine, goes, kept } from './support/matrix.ts';
import { certify, HOST, S3_KEYS, s3Server } from './support/stores.ts';

const NS = 'e2e-matrix-s3';
const KEYS = { AWS_ACCESS_KEY_ID: S3_KEYS.accessKeyId, AWS_SECRET_ACCESS_KEY: S3_KEYS.secretAccessKey };
const s3 = s3Server(17400);
const between = goBetween(17401, s3.url);
const lines = faultyLines(18477);
const WAY = `http://${HOST}:17402`;
const SECURE = `https://${HOST}:17403`;
/** So that a store that never answers well is given up soon. */
const SOON = ['--upload-timeout', '6s'];

const to = (url: string, bucket = 'evidence', ...flags: readonly string[]) => {
  return () => ['--s3-bucket', bucket, '--s3-endpoint', url, ...flags];
};

/** A capture that the store does not take: told by whoever waits, kept on the node, and fetched from there. */
function refused(words: RegExp): Pick<Fault, 'create' | 'wait' | 'stop' | 'download' | 'delete'> {
  const told = [words, /node1: not saved to s3:\/\//, /kept on node1: \/var\/lib\/retina\/rescued\//];
  return {
    create: fine(/s3:\/\/\S+\.tar\.gz/),
    wait: fails(/✖ 0 of 1 tarball saved/, ...told, /capture upload/),
    stop: fails(/0 of 1 tarball saved/, ...told),
    download: kept,
    delete: goes,
  };
}

const delivered: Pick<Fault, 'create' | 'wait' | 'stop' | 'download' | 'delete'> = {
  create: fine(/s3:\/\/evidence/),
  wait: fine(/✔ 1 of 1 tarball saved/),
  stop: fine(/1 of 1 tarball saved/),
  download: fine(),
  delete: goes,
};

const faults: readonly Fault[] = [
  {
    name: 'S3: wrong secret key',
    id: 'key',
    flags: to(s3.url),
    env: { ...KEYS, AWS_SECRET_ACCESS_KEY: 'wrong' },
    ...refused(/SignatureDoesNotMatch/),
  },
  {
    name: 'S3: unknown key',
    id: 'id',
    flags: to(s3.url),
    env: { ...KEYS, AWS_ACCESS_KEY_ID: 'AKIANOBODY' },
    ...refused(/InvalidAccessKeyId/),
  },
  { name: 'S3: no such bucket', id: 'bucket', flags: to(s3.url, 'nowhere'), env: KEYS, ...refused(/NoSuchBucket/) },
  {
    name: 'S3: certificate of an unknown authority',
    id: 'tls',
    flags: to(SECURE),
    env: KEYS,
    ...refused(/CERT.*--s3-ca-file/),
  },
  {
    name: 'S3: server down',
    id: 'down',
    flags: to(`http://${HOST}:17499`, 'evidence', ...SOON),
    env: KEYS,
    ...refused(/ECONNREFUSED/),
  },
  {
    name: 'S3: answers 503 to everything',
    id: 'storm',
    flags: to(between.url, 'evidence', ...SOON),
    env: KEYS,
    raise: async () => {
      between.state.fate = () => 503;
    },
    ...refused(/HTTP 503/),
  },
  {
    name: 'S3: never answers (black hole)',
    id: 'hole',
    flags: to(WAY, 'evidence', ...SOON),
    env: KEYS,
    raise: () => lines.stopUp('way'),
    heal: () => lines.heal(),
    ...refused(/not done 6 s after the capture's end/),
  },
  {
    name: 'S3: each connection is cut in mid-upload',
    id: 'cut',
    flags: to(WAY, 'evidence', ...SOON),
    env: KEYS,
    raise: () => lines.cutAfter('way', 5000),
    heal: () => lines.heal(),
    ...refused(/ECONNRESET|EPIPE|socket hang up|closed/),
  },
  {
    name: 'S3: slow, 50 kB a second',
    id: 'slow',
    flags: to(WAY),
    env: KEYS,
    raise: () => lines.slow('way', 50),
    heal: () => lines.heal(),
    ...delivered,
  },
  {
    name: 'S3: the answer is lost after the object was made',
    id: 'unheard',
    flags: to(between.url),
    env: KEYS,
    raise: async () => {
      const heard = new Set<string>();
      between.state.fate = ({ method, url = '' }) => {
        if (method !== 'PUT' || heard.has(url)) return 'passes';
        heard.add(url);
        return 'answer lost';
      };
    },
    ...delivered,
  },
];

describe('faults of S3', () => {
  const directory = mkdtempSync(join(tmpdir(), 'retina-e2e-'));
  let secure: ReturnType<typeof s3Server>;
  let clean: () => Promise<void>;
  before(async () => {
    secure = s3Server(17403, { tls: await certify(directory) });
    clean = await namespace(NS);
    await Promise.all([s3.start(), between.start(), lines.start(), secure.start()]);
    await Promise.all([s3.makeBucket('evidence'), secure.makeBucket('evidence')]);
    await lines.lay('way', 17402, s3.url);
  });
  after(async () => {
    await retina(['capture', 'delete', '--all', '-n', NS]);
    await clean();
    between.end();
    await Promise.all([s3.end(), lines.end(), secure.end()]);
    rmSync(directory, { recursive: true });
    assertNoScratch();
  });

  const whole = async (): Promise<void> => assert.deepEqual(await s3.unfinished('evidence'), []);
  faultRows(
    NS,
    faults.map((fault) => ({ left: whole, ...fault })),
  );
});
