import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { CLI, type Ran, retina, retinaOk, start } from './support/cli.ts';
import { namespace, objects, until } from './support/cluster.ts';
import { downloads, ended, filesOf, forget, interrupt, leavings, said, tarballsOf } from './support/leavings.ts';

const NS = 'e2e-left-sigint';
const LONG = ['--duration', '10m'];
/** Milliseconds from the start of `create`. */
const MOMENTS = [60, 80, 90, 100, 110, 120, 140, 170];

const create = (name: string, ...flags: readonly string[]) =>
  retinaOk(['capture', 'create', '-n', NS, '--name', name, ...flags]);

async function state(name: string): Promise<string> {
  return (await retina(['capture', 'status', name, '-n', NS])).stdout;
}

function capturing(name: string): Promise<void> {
  return until(`${name} captures`, async () => (await state(name)).match(/ capturing /g)?.length === 2);
}

/** An interrupted command says so with 130; one that was faster has done its work. */
function assertInterrupted(ran: Ran, what: string): boolean {
  assert.ok(ran.code === 130 || ran.code === 0, `${what}: exit code ${ran.code}\n${ran.stderr}`);
  assert.doesNotMatch(ran.stderr, /fault of kubectl-retina|error:/, what);
  // Whoever had told the next step was done: the signal came while the process was ending.
  return ran.code === 130 && !/^Next: /m.test(ran.stderr);
}

describe('Ctrl-C', () => {
  let clean: () => Promise<void>;
  before(async () => {
    clean = await namespace(NS);
    forget('done', 'waited', ...[120, 300].map((ms) => `gone-${ms}`), ...MOMENTS.map((ms) => `at-${ms}`));
    await create('done', '--duration', '1s', '--wait');
  });
  after(async () => {
    await retina(['capture', 'delete', '--all', '-n', NS]);
    await clean();
  });

  test('create, at many moments: either nothing is left, or the capture is there in full', async () => {
    let interrupted = 0;
    for (const milliseconds of MOMENTS) {
      const name = `at-${milliseconds}`;
      const ran = await interrupt(['capture', 'create', '-n', NS, '--name', name, ...LONG], milliseconds);
      const left = await leavings(NS, name);
      if (assertInterrupted(ran, name)) {
        interrupted += 1;
        assert.deepEqual(left, [], `${name}: ${ran.stderr}`);
      } else {
        assert.equal(left.filter((object) => object.startsWith('Job/')).length, 2, name);
      }
    }
    process.stdout.write(`create: interrupted ${interrupted} of ${MOMENTS.length} times\n`);
    assert.ok(interrupted > 0);
  });

  test('create --wait, while it waits: the capture goes on, and the message says how', async () => {
    const waiting = start(['capture', 'create', '-n', NS, '--name', 'waited', '--wait', ...LONG]);
    await capturing('waited');
    waiting.kill('SIGINT');
    const ran = await ended(waiting);
    assert.equal(ran.code, 130);
    assert.match(ran.stderr, /no longer waiting; capture waited goes on/);
    assert.match(ran.stderr, /kubectl retina capture stop waited -n e2e-left-sigint/);
    assert.match(ran.stderr, /kubectl retina capture delete waited -n e2e-left-sigint/);
    assert.equal((await state('waited')).match(/ capturing /g)?.length, 2);
  });

  test('stop, while it waits: the nodes end as they were told', async () => {
    const stopping = start(['capture', 'stop', 'waited', '-n', NS]);
    await sleep(700);
    stopping.kill('SIGINT');
    const ran = await ended(stopping);
    assert.equal(ran.code, 130);
    assert.match(ran.stderr, /The nodes that were told to stop do so: kubectl retina capture status waited/);
    await until('it is stopped', async () => /Completed/.test(await state('waited')));
    assert.equal(tarballsOf('waited').length, 2);
    assert.equal(filesOf('waited').length, 4);
  });

  test('list, status and stop, early: nothing has changed', async () => {
    const there = await objects(NS);
    for (const command of [['list'], ['list', '-A'], ['status', 'done'], ['stop', 'done']]) {
      for (const milliseconds of [40, 120, 160]) {
        const ran = await interrupt(['capture', ...command, '-n', NS], milliseconds);
        if (!assertInterrupted(ran, command.join(' '))) continue;
        assert.ok(ran.seconds < 1.5, `${command.join(' ')} ended ${ran.seconds} s after the signal`);
      }
    }
    assert.deepEqual(await objects(NS), there);
  });

  test('download, while its pods start: no pod is left', async () => {
    for (const milliseconds of [120, 400, 900]) {
      const output = mkdtempSync(join(tmpdir(), 'retina-e2e-'));
      const ran = await interrupt(['capture', 'download', 'done', '-n', NS, '-o', output], milliseconds);
      assertInterrupted(ran, `after ${milliseconds} ms`);
      assert.deepEqual(await downloads(NS), [], `after ${milliseconds} ms`);
    }
  });

  test('delete, at several moments: a second one ends what was begun', async () => {
    for (const milliseconds of [120, 300]) {
      const name = `gone-${milliseconds}`;
      await create(name, ...LONG);
      await capturing(name);
      const ran = await interrupt(['capture', 'delete', name, '-n', NS], milliseconds);
      if (assertInterrupted(ran, name)) assert.match(ran.stderr, /kubectl retina capture delete gone-/);
      const again = await retina(['capture', 'delete', name, '-n', NS]);
      assert.ok(again.code === 0 || /there is no capture/.test(again.stderr), again.stderr);
      const tarballs = tarballsOf(name);
      assert.equal(tarballs.length, 2);
      assert.deepEqual(await leavings(NS, name), filesOf(name));
      assert.equal(filesOf(name).length, 4);
    }
  });

  test('local: ends it and keeps the tarball', async () => {
    const output = mkdtempSync(join(tmpdir(), 'retina-e2e-'));
    const capture = start(['capture', 'local', '--name', 'here', '-o', output, ...LONG]);
    await said(capture, 'capturing on any');
    await sleep(500);
    capture.kill('SIGINT');
    const ran = await ended(capture);
    assert.equal(ran.code, 0, ran.stderr);
    const [json = '', tarball = '', ...more] = readdirSync(output).sort();
    assert.deepEqual(more, []);
    assert.equal(ran.stdout.trim(), join(output, tarball));
    assert.match(json, /^here-.*\.json$/);
    await execa('tar', ['-tzf', join(output, tarball)]);
  });

  test('local, into a pipe whose reader has gone: goes on, and saves', async () => {
    const output = mkdtempSync(join(tmpdir(), 'retina-e2e-'));
    const command = `'${CLI}' capture local --name piped --duration 1s -o '${output}' 2>&1 | true; exit \${PIPESTATUS[0]}`;
    await execa('bash', ['-c', command]);
    const files = readdirSync(output).map((name) => name.replace(/-.*UTC/, ''));
    assert.deepEqual(files.sort(), ['piped.json', 'piped.tar.gz']);
  });

  test('local, twice: quits at once, and no tcpdump runs on', async () => {
    const output = mkdtempSync(join(tmpdir(), 'retina-e2e-'));
    const capture = start(['capture', 'local', '--name', 'twice', '-o', output, ...LONG]);
    await said(capture, 'capturing on any');
    capture.kill('SIGINT');
    await sleep(50);
    capture.kill('SIGINT');
    const ran = await ended(capture);
    assert.equal(ran.code, 130);
    assert.ok(ran.seconds < 1);
    await sleep(500);
    const { stdout } = await execa('pgrep', ['-f', `^tcpdump.*${output}/`], { reject: false });
    for (const pid of stdout.split('\n').filter((line) => line !== '')) process.kill(Number(pid));
    assert.equal(stdout, '');
  });
});
