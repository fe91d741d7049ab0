import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { DestinationSpec } from '../../src/capture/workload-spec.ts';
import { UNBOUNDED } from '../../src/upload/tries.ts';
import { createUploader } from '../../src/upload/uploader.ts';
import { goBetween } from './support/faults.ts';
import { blobServer } from './support/stores.ts';

/** Writing by SAS URLs that allow little, by the uploader itself. */
describe('what a SAS allows', () => {
  const blob = blobServer(17493);
  const between = goBetween(17494, blob.url);
  const directory = mkdtempSync(join(tmpdir(), 'retina-e2e-'));
  const container: DestinationSpec = { kind: 'blob', container: null, access: { secret: 'test', directory } };
  before(async () => {
    await Promise.all([blob.start().then(() => blob.makeContainer('caps')), between.start()]);
  });
  after(async () => {
    between.end();
    await blob.end();
    rmSync(directory, { recursive: true });
  });

  /** Uploads a small tarball and its result by a SAS; the answer is what was logged. */
  async function upload(stem: string, sas: string): Promise<string[]> {
    const lines: string[] = [];
    writeFileSync(join(directory, 'blob-upload-url'), sas);
    const bounds = { ...UNBOUNDED, log: (line: string) => lines.push(line) };
    const open = await createUploader(container, stem, bounds).open();
    try {
      await open.write(Buffer.from('tarball'));
      await open.commit();
      await open.putResult('{}', 'the-hash');
      return lines;
    } catch (error) {
      await open.abort();
      throw error;
    }
  }

  for (const permissions of ['w', 'cw', 'rwl'])
    test(`sp=${permissions}: the tarball, its SHA-256 and the result beside it`, async () => {
      assert.deepEqual(await upload(`by-${permissions}`, await blob.sas('caps', { permissions })), []);
      assert.equal((await blob.read('caps', `by-${permissions}.tar.gz`)).toString(), 'tarball');
      assert.equal((await blob.metadata('caps', `by-${permissions}.tar.gz`)).sha256, 'the-hash');
      assert.equal((await blob.read('caps', `by-${permissions}.json`)).toString(), '{}');
    });

  test('metadata that are refused: said, and the tarball is delivered all the same', async () => {
    between.state.fate = ({ url = '' }) => (url.includes('comp=metadata') ? 403 : 'passes');
    const sas = (await blob.sas('caps')).replace(blob.url, between.url);
    const lines = await upload('bare', sas);
    assert.match(lines.join('\n'), /bare.tar.gz has no SHA-256 in its metadata: HTTP 403/);
    assert.doesNotMatch(lines.join('\n'), /sig=[^…]/);
    assert.equal((await blob.read('caps', 'bare.tar.gz')).toString(), 'tarball');
    assert.equal((await blob.read('caps', 'bare.json')).toString(), '{}');
  });

  test('a SAS that expired meanwhile is told to have, and blocks that were not committed are not seen', async () => {
    const why = /cannot write \S+caps\/late.tar.gz: AuthorizationFailure: .* \(the SAS expired at 20\S+Z\)$/;
    await assert.rejects(upload('late', await blob.sas('caps', { seconds: -60 })), why);
    await assert.rejects(
      upload('late', await blob.sas('caps', { permissions: 'c' })),
      /AuthorizationPermissionMismatch/,
    );
    assert.deepEqual(
      (await blob.names('caps')).filter((name) => name.startsWith('late')),
      [],
    );
  });
});
