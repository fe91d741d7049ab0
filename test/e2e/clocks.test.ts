import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { execa } from 'execa';
import { CLI, retina, retinaOk } from './support/cli.ts';
import { namespace, SCRIPTS } from './support/cluster.ts';
import { packetCount, pcaps, unpack } from './support/judge.ts';
import { forget, leavings, tarballsOf } from './support/leavings.ts';
import { S3_KEYS, s3Server } from './support/stores.ts';

const NS = 'e2e-clocks';
const LIBRARY = '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1';
/** Node is linked with it, and the test images lack it. */
const ATOMIC = '/usr/lib/x86_64-linux-gnu/libatomic.so.1';
const IN_IMAGE = '/usr/local/lib/libfaketime.so.1';
const PROGRAM = '/usr/local/bin/kubectl-retina';
const s3 = s3Server(17391);
const env = { AWS_ACCESS_KEY_ID: S3_KEYS.accessKeyId, AWS_SECRET_ACCESS_KEY: S3_KEYS.secretAccessKey };

/** Whose clock is off, and by how much. */
const CLOCKS = [
  { name: 'ahead', offset: '+1h', words: /the clock of node node1 is about 60 min ahead of the control plane's/ },
  { name: 'behind', offset: '-1h', words: /the clock of node node1 is about 60 min behind the control plane's/ },
] as const;

/** The settings of a process whose clock is off; time itself goes on as ever. */
const shifted = (library: string, offset: string): Record<string, string> => ({
  ...{ LD_PRELOAD: library, FAKETIME: offset, FAKETIME_DONT_FAKE_MONOTONIC: '1' },
});

/** Makes the image of a node whose clock is off, as far as a capture can tell, and loads it. */
async function makeImage(name: string, offset: string): Promise<void> {
  const settings = Object.entries(shifted(IN_IMAGE, offset)).map(([key, value]) => `${key}=${value}`);
  const entry = ['/usr/bin/env', ...settings, PROGRAM].flatMap((word) => ['--entrypoint', word]);
  const files = [`${CLI}:${PROGRAM}`, `${ATOMIC}:${ATOMIC}`, `${LIBRARY}:${IN_IMAGE}`];
  await execa(join(SCRIPTS, 'image/add-layer'), [...entry, `clock-${name}`, ...files]);
  await execa(join(SCRIPTS, 'image/load'), [`clock-${name}`]);
}

describe('clocks that are off', () => {
  const output = mkdtempSync(join(tmpdir(), 'retina-e2e-'));
  let clean: () => Promise<void>;
  before(async () => {
    clean = await namespace(NS);
    await s3.start();
    await s3.makeBucket('evidence');
    forget('ahead', 'behind', 'right', 'client-ahead', 'client-behind');
    for (const { name, offset } of CLOCKS) await makeImage(name, offset);
  });
  after(async () => {
    await retina(['capture', 'delete', '--all', '-n', NS]);
    rmSync(output, { recursive: true });
    await clean();
    await s3.end();
  });

  /** Fails unless the capture lasted as long as it was to, and its tarball is whole and full. */
  async function assertSound(name: string): Promise<void> {
    const json = await retinaOk(['capture', 'status', name, '-n', NS, '-o', 'json']);
    const [node] = JSON.parse(json.stdout).nodes;
    const seconds = (Date.parse(node.endedAt) - Date.parse(node.startedAt)) / 1000;
    assert.ok(seconds > 2.5 && seconds < 20, `captured for ${seconds} s`);
    assert.equal(node.stopReason, 'duration');
    assert.deepEqual(
      node.destinations.map(({ kind, ok }: { kind: string; ok: boolean }) => `${kind} ${ok}`),
      ['host-path true', 's3 true'],
    );
    const got = await retinaOk(['capture', 'download', name, '-n', NS, '-o', output]);
    assert.match(got.stderr, /1 tarball downloaded and verified/);
    const [pcap = ''] = pcaps(await unpack(got.stdout.trim().split(/\s+/)[1] ?? ''));
    assert.equal(await packetCount(pcap), node.packets);
    await retinaOk(['capture', 'delete', name, '-n', NS]);
    assert.deepEqual(
      (await leavings(NS, name)).filter((file) => !file.startsWith('node1/')),
      [],
    );
  }

  const to = ['--host-path', '/mnt/retina/captures', '--s3-bucket', 'evidence', '--s3-endpoint', s3.url];
  const flags = ['--node-names', 'node1', '--duration', '3s', '--wait', ...to];

  for (const { name, offset, words } of CLOCKS) {
    test(`a node's, ${offset}: --wait and status warn, with node and offset; all else is as ever`, async () => {
      const image = ['--image', `localhost/clock-${name}:test`];
      const ran = await retinaOk(['capture', 'create', '-n', NS, '--name', name, ...flags, ...image], { env });
      assert.match(ran.stderr, words);
      assert.ok(ran.seconds < 30, `took ${ran.seconds} s`);
      const status = await retinaOk(['capture', 'status', name, '-n', NS]);
      assert.match(status.stderr, words);
      const json = await retinaOk(['capture', 'list', name, '-n', NS, '-o', 'json']);
      const seconds = JSON.parse(json.stdout).items[0].nodes[0].clockOffset;
      assert.ok(Math.abs(Math.abs(seconds) - 3600) < 30 && seconds > 0 === (name === 'ahead'), `told ${seconds} s`);
      assert.equal(tarballsOf(name).length, 1);
      await assertSound(name);
    });
  }

  test('that agree: no warning', async () => {
    const ran = await retinaOk(['capture', 'create', '-n', NS, '--name', 'right', ...flags], { env });
    assert.doesNotMatch(ran.stderr, /the clock of/);
    await assertSound('right');
  });

  for (const { name, offset } of CLOCKS) {
    test(`the client's own, ${offset}: no warning, ages and durations as ever`, async () => {
      const capture = `client-${name}`;
      const own = { env: { ...env, ...shifted(LIBRARY, offset) } };
      // The certificates of a test cluster are younger than an hour.
      const lax = ['-n', NS, '--insecure-skip-tls-verify'];
      const before = Date.now();
      const ran = await retinaOk(['capture', 'create', ...lax, '--name', capture, ...flags], own);
      assert.doesNotMatch(ran.stderr, /the clock of/);
      const told = Number(/1 of 1 tarball saved in ([\d.]+) s/.exec(ran.stderr)?.[1]);
      assert.ok(told >= 3 && told <= ran.seconds, `told ${told} s, took ${ran.seconds} s`);
      const [, stamp = ''] = /-(\d{14})UTC\.tar\.gz/.exec(ran.stdout) ?? [];
      const named = Date.parse(stamp.replace(/(....)(..)(..)(..)(..)(..)/, '$1-$2-$3T$4:$5:$6Z'));
      assert.ok(Math.abs(named - before) < 60_000, `its file is named ${stamp}`);
      const list = await retinaOk(['capture', 'list', capture, ...lax], own);
      assert.match(list.stdout, new RegExp(`${capture} +Completed .* \\d{1,2}s *$`, 'm'));
      const status = await retinaOk(['capture', 'status', capture, ...lax], own);
      assert.match(status.stdout, /\(\d{1,2}s ago\)/);
      assert.doesNotMatch(status.stderr, /the clock of/);
      const late = await retina(
        ['capture', 'create', ...lax, '--name', 'late', ...flags, '--duration', '1h', '--timeout', '2s'],
        own,
      );
      assert.equal(late.code, 1);
      assert.match(late.stderr, /after 2 s, 1 of 1 nodes of capture late/);
      assert.ok(late.seconds < 15, `took ${late.seconds} s`);
      await retinaOk(['capture', 'delete', 'late', ...lax], own);
      await assertSound(capture);
    });
  }
});
