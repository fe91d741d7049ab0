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
import { blobServer, certify, HOST } from './support/stores.ts';
import { makeSecrets } from './support/volumes.ts';

const NS = 'e2e-matrix-blob';
const blob = blobServer(17410);
const between = goBetween(17411, blob.url);
const lines = faultyLines(18478);
const WAY = `http://${HOST}:17412`;
const SOON = ['--upload-timeout', '6s'];

/** The flags of a capture to a container that is reached at another address. */
const by = (url: string, container = 'caps') => {
  return async () => ['--blob-upload', (await blob.sas(container)).replace(blob.url, url), ...SOON];
};

const refused = (words: RegExp): Pick<Fault, 'create' | 'wait' | 'stop' | 'download' | 'delete'> => {
  const told = [words, /node1: not saved to (blob|http)/, /kept on node1: \/var\/lib\/retina\/rescued\//];
  return {
    create: fine(/\.tar\.gz/),
    wait: fails(/✖ 0 of 1 tarball saved/, ...told),
    stop: fails(/0 of 1 tarball saved/, ...told),
    download: kept,
    delete: goes,
  };
};

const faults: readonly Fault[] = [
  {
    name: 'Azure Blob: the SAS in a Secret has expired',
    id: 'expired',
    flags: () => ['--blob-secret', 'expired'],
    ...refused(/the SAS expired|AuthorizationFailure|AuthenticationFailed/),
  },
  {
    name: 'Azure Blob: the SAS may only read',
    id: 'reading',
    flags: () => ['--blob-secret', 'reading'],
    ...refused(/AuthorizationPermissionMismatch/),
  },
  {
    name: 'Azure Blob: the SAS is forged',
    id: 'forged',
    flags: () => ['--blob-secret', 'forged'],
    ...refused(/AuthorizationFailure/),
  },
  {
    name: 'Azure Blob: no such container',
    id: 'nowhere',
    flags: by(blob.url, 'nowhere'),
    ...refused(/ContainerNotFound/),
  },
  { name: 'Azure Blob: server down', id: 'down', flags: by(`http://${HOST}:17499`), ...refused(/ECONNREFUSED/) },
  {
    name: 'Azure Blob: certificate of an unknown authority',
    id: 'tls',
    flags: by(`https://${HOST}:17413`),
    ...refused(/CERT/),
  },
  {
    name: 'Azure Blob: answers 503 to everything',
    id: 'storm',
    flags: by(between.url),
    raise: async () => {
      between.state.fate = () => 503;
    },
    heal: async () => {
      between.state.fate = () => 'passes';
    },
    ...refused(/HTTP 503/),
  },
  {
    name: 'Azure Blob: each connection is cut in mid-upload',
    id: 'cut',
    flags: by(WAY),
    raise: () => lines.cutAfter('way', 5000),
    heal: () => lines.heal(),
    ...refused(/ECONNRESET|EPIPE|socket hang up|closed/),
  },
  {
    name: 'Azure Blob: never answers (black hole)',
    id: 'hole',
    flags: by(WAY),
    raise: () => lines.stopUp('way'),
    heal: () => lines.heal(),
    ...refused(/not done 6 s after the capture's end/),
  },
];

describe('faults of Azure Blob', () => {
  const directory = mkdtempSync(join(tmpdir(), 'retina-e2e-'));
  let secure: ReturnType<typeof blobServer>;
  let clean: () => Promise<void>;
  before(async () => {
    secure = blobServer(17413, await certify(directory));
    clean = await namespace(NS);
    await Promise.all([blob.start(), between.start(), lines.start(), secure.start()]);
    await Promise.all([blob.makeContainer('caps'), secure.makeContainer('caps')]);
    await lines.lay('way', 17412, blob.url);
    const policy = (name: string, permissions: string, seconds: number) =>
      blob.policySas('caps', name, { permissions, seconds });
    await makeSecrets(NS, {
      expired: { 'blob-upload-url': await policy('expired', 'w', -60) },
      reading: { 'blob-upload-url': await policy('reading', 'rl', 3600) },
      forged: { 'blob-upload-url': (await blob.sas('caps')).replace(/sig=[^&]+/, `sig=${'A'.repeat(43)}%3D`) },
    });
  });
  after(async () => {
    await retina(['capture', 'delete', '--all', '-n', NS]);
    await clean();
    between.end();
    await Promise.all([blob.end(), lines.end(), secure.end()]);
    rmSync(directory, { recursive: true });
    assertNoScratch();
  });

  // Blocks that were not committed are not seen: whatever was cut is nowhere.
  const nothing = async (): Promise<void> => assert.deepEqual(await blob.names('caps'), []);
  faultRows(
    NS,
    faults.map((fault) => ({ left: nothing, ...fault })),
  );
});
