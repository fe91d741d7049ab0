import assert from 'node:assert/strict';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { after, before, suite, test } from 'node:test';
import { captureStem } from '../../../src/capture/names.ts';
import { encodeResult, WORKLOAD_VERSION, type WorkloadResult } from '../../../src/capture/workload-spec.ts';
import { copyRange, findTarballs, sha256OfFile } from '../../../src/workload/files.ts';

const STEM = captureStem('web', 'node-1', new Date('2026-11-21T10:15:00Z'));
const QUERY = { capture: 'web', node: 'node-1' };

function result(changes: Partial<WorkloadResult> = {}): WorkloadResult {
  return {
    version: WORKLOAD_VERSION,
    capture: 'web',
    node: 'node-1',
    stopReason: 'duration',
    startedAt: '2026-11-21T10:15:00.000Z',
    endedAt: '2026-11-21T10:16:00.000Z',
    packets: 1,
    droppedByKernel: 0,
    droppedByInterface: 0,
    pcapBytes: 100,
    tarball: { name: `${STEM}.tar.gz`, bytes: 4, sha256: 'abc' },
    destinations: [],
    errors: [],
    ...changes,
  };
}

suite('tarballs in a directory', () => {
  let directory = '';
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'retina-unit-'));
    for (const name of [`${STEM}.tar.gz`, 'other-node-1-20261121101500UTC.tar.gz', 'web.tar.gz', `.${STEM}.tar.gz`]) {
      await writeFile(join(directory, name), 'data');
    }
  });
  after(() => rm(directory, { recursive: true }));
  const sidecar = (content: string): Promise<void> => writeFile(join(directory, `${STEM}.json`), content);

  test('are found by name, and by the result beside them', async () => {
    const plain = { name: `${STEM}.tar.gz`, bytes: 4, sha256: null, capture: null, node: null, result: null };
    assert.deepEqual(await findTarballs(directory, QUERY), [plain]);
    await sidecar(encodeResult(result()));
    const [found] = await findTarballs(directory, QUERY);
    assert.deepEqual(found, { ...plain, sha256: 'abc', capture: 'web', node: 'node-1', result: result() });
    await sidecar(encodeResult(result({ capture: 'web-node', node: '1' })));
    assert.deepEqual(await findTarballs(directory, QUERY), [], 'the result beside it says whose it is');
  });

  test('a hostile result counts as absent', async () => {
    for (const content of ['', '{', 'null', '[]', '{"version":1}', '"x"', encodeResult(result({ tarball: null }))]) {
      await sidecar(content);
      assert.equal((await findTarballs(directory, QUERY))[0]?.sha256, null, content);
    }
    await sidecar(encodeResult(result()));
    await truncate(join(directory, `${STEM}.json`), 2 ** 33);
    assert.equal((await findTarballs(directory, QUERY))[0]?.sha256, null, 'too large');
    await rm(join(directory, `${STEM}.json`));
  });

  test('a directory that does not exist holds none', async () => {
    assert.deepEqual(await findTarballs(join(directory, 'none'), QUERY), []);
  });

  test('a copy starts at its offset, and a hash covers the whole', async () => {
    const path = join(directory, 'copy');
    await writeFile(path, 'hello world');
    const out = new PassThrough();
    const read = text(out);
    await copyRange(path, 6, out);
    await copyRange(path, 11, out);
    out.end();
    assert.equal(await read, 'world');
    const sha256 = 'b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9';
    assert.deepEqual(await sha256OfFile(path), { bytes: 11, sha256 });
  });
});
