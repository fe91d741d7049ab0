import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { scratchName } from '../../../src/capture/names.ts';
import { explainErrno } from '../../../src/upload/explain.ts';
import { createUploader } from '../../../src/upload/uploader.ts';

async function place(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'retina-unit-'));
  t.after(() => rm(directory, { recursive: true }));
  return directory;
}

const uploaderIn = (directory: string) => createUploader({ kind: 'host-path', path: '/on/node', directory }, 'stem');

suite('delivery to a host path', () => {
  test('the tarball has its name only when it is whole, and nothing else is left', async (t) => {
    const directory = join(await place(t), 'a', 'b');
    const uploader = uploaderIn(directory);
    assert.equal(uploader.location, '/on/node/stem.tar.gz');
    const upload = await uploader.open();
    await upload.write(Buffer.from('one'));
    await upload.write(Buffer.from('two'));
    assert.deepEqual(await readdir(directory), [scratchName('stem')]);
    await upload.commit();
    assert.deepEqual(await readdir(directory), ['stem.tar.gz']);
    assert.equal((await stat(join(directory, 'stem.tar.gz'))).mode & 0o777, 0o600);
    await upload.putResult('{}', '');
    assert.deepEqual((await readdir(directory)).sort(), ['stem.json', 'stem.tar.gz']);
    assert.equal(await readFile(join(directory, 'stem.tar.gz'), 'utf8'), 'onetwo');
  });

  test('an aborted upload leaves nothing; a shorter file is refused', async (t) => {
    const directory = await place(t);
    const aborted = await uploaderIn(directory).open();
    await aborted.write(Buffer.from('x'));
    await aborted.abort();
    await aborted.abort();
    assert.deepEqual(await readdir(directory), []);
    const tampered = await uploaderIn(directory).open();
    await tampered.write(Buffer.from('xyz'));
    await writeFile(join(directory, scratchName('stem'), 'tarball.part'), '');
    await assert.rejects(
      tampered.commit(),
      /cannot write \/on\/node\/stem.tar.gz: 3 bytes were written, but .* holds 0/,
    );
    await tampered.abort();
    assert.deepEqual(await readdir(directory), []);
  });

  test('a reason is told in plain words, with the path as the user knows it', async (t) => {
    const file = join(await place(t), 'file');
    await writeFile(file, '');
    await assert.rejects(uploaderIn(file).open(), {
      name: 'CaptureError',
      message: 'cannot write /on/node/stem.tar.gz: a part of the path is not a directory (ENOTDIR)',
    });
    assert.equal(
      explainErrno(Object.assign(new Error('x'), { code: 'ENOSPC' })),
      'no space is left on the device (ENOSPC)',
    );
    assert.equal(explainErrno(new Error('plain')), 'plain');
  });
});
