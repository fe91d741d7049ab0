import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type LocalPath, openPart } from '../../../src/capture/part-file.ts';

const here = mkdtempSync(join(tmpdir(), 'retina-part-')) as LocalPath;
after(() => rmSync(here, { recursive: true }));

test('a part is one download’s at a time; what it has fetched stays for the next', async () => {
  const file = { name: 'web.tar.gz', bytes: 6, sha256: '' };
  const first = await openPart(here, file);
  await first.write(Buffer.from('abc'));
  await assert.rejects(openPart(here, file), /another download .* is fetching web\.tar\.gz into the same directory/);
  await first.close();
  assert.deepEqual(readdirSync(here), ['web.tar.gz.part']);
  const next = await openPart(here, file);
  assert.equal(next.size(), 3);
  await next.write(Buffer.from('def'));
  assert.equal(await next.finish(), join(here, 'web.tar.gz'));
  await next.close();
  assert.deepEqual(readdirSync(here), ['web.tar.gz']);
});

test('a download that was refused leaves an empty part of the other alone', async () => {
  const file = { name: 'empty.tar.gz', bytes: 6, sha256: '' };
  const first = await openPart(here, file);
  await assert.rejects(openPart(here, file), /another download/);
  assert.ok(readdirSync(here).includes('empty.tar.gz.part'));
  await first.close();
  assert.ok(!readdirSync(here).some((name) => name.startsWith('empty')));
});
