import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { lockPart } from '../../../src/capture/part-lock.ts';

const here = mkdtempSync(join(tmpdir(), 'retina-lock-'));
after(() => rmSync(here, { recursive: true }));

/** A lock file as another program left it. */
function leave(name: string, holder: object | string, secondsAgo = 0): string {
  const path = join(here, `${name}.tar.gz.part`);
  writeFileSync(`${path}.lock`, typeof holder === 'string' ? holder : JSON.stringify(holder));
  const at = Date.now() / 1000 - secondsAgo;
  utimesSync(`${path}.lock`, at, at);
  return path;
}

suite('the lock of a part', () => {
  test('is for one only, who is named, and is gone when it is given back', async () => {
    const path = join(here, 'a.tar.gz.part');
    const unlock = await lockPart(path);
    await assert.rejects(lockPart(path), (error: Error) => {
      assert.match(
        error.message,
        new RegExp(`^another download \\(process ${process.pid} on .*\\) is fetching a.tar.gz `),
      );
      return true;
    });
    await unlock();
    await (await lockPart(path))();
    assert.deepEqual(readdirSync(here), []);
  });

  test('of many at once, one gets it', async () => {
    const path = join(here, 'many.tar.gz.part');
    const got = await Promise.allSettled(Array.from({ length: 20 }, () => lockPart(path)));
    const won = got.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    assert.equal(won.length, 1);
    await won[0]?.();
  });

  test('of a program that was killed on this machine, is taken over at once', async () => {
    const { pid } = spawnSync('true');
    const path = leave('dead', { pid, host: hostname(), id: 'x' });
    await (await lockPart(path))();
  });

  test('of one on another machine, holds while it shows signs of life', async () => {
    const other = { pid: 1, host: 'elsewhere', id: 'x' };
    await assert.rejects(lockPart(leave('far', other, 5)), /process 1 on elsewhere/);
    await (await lockPart(leave('far', other, 20)))();
  });

  test('of a process number that another program has by now, is no obstacle for long', async () => {
    await (await lockPart(leave('reused', { pid: process.pid, host: hostname(), id: 'x' }, 20)))();
  });

  test('that is just being written is held; rubbish is taken over in time', async () => {
    await assert.rejects(lockPart(leave('new', '')), /another download is fetching/);
    await (await lockPart(leave('rubbish', '{', 20)))();
  });

  test('that was taken over meanwhile is left alone', async () => {
    const path = join(here, 'slept.tar.gz.part');
    const unlock = await lockPart(path);
    leave('slept', { pid: process.pid, host: hostname(), id: 'another' });
    await unlock();
    await assert.rejects(lockPart(path), /another download/);
  });
});
