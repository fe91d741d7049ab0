import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { execa } from 'execa';
import prettyBytes from 'pretty-bytes';
import { CLI, retina, retinaOk, start } from './support/cli.ts';
import { kubectl, namespace, onNode } from './support/cluster.ts';
import { downloads, ended, filesOf, forget, tarballsOf, untilNoDownloads } from './support/leavings.ts';
import {
  cuttingProxy,
  killInPod,
  type Planted,
  plant,
  plantBeside,
  resultOf,
  sha256,
  untilSize,
  uproot,
} from './support/planted.ts';

const NS = 'e2e-left-download';
const DIR = '/mnt/retina/captures';
const BIG = 200_000_000;
const SOME = 20_000_000;

const here = mkdtempSync(join(tmpdir(), 'retina-e2e-'));
const folder = (): string => mkdtempSync(join(here, 'to-'));
const args = (capture: string, output: string, ...flags: readonly string[]) => [
  ...['capture', 'download', capture, '-n', NS, '-o', output, ...flags],
];
const create = (name: string, ...flags: readonly string[]) =>
  retinaOk(['capture', 'create', '-n', NS, '--name', name, '--wait', '--duration', '1s', ...flags]);

let clean: () => Promise<void>;
let big: Planted;
const fetchBig = (output: string, ...flags: readonly string[]) =>
  args('big', output, '--node-names', 'node1', ...flags);
const bigIn = (output: string, suffix = ''): string => join(output, 'big', big.name + suffix);

before(async () => {
  clean = await namespace(NS);
  forget('own', 'damaged', 'gone', 'hostile', 'reference');
  big = plant('node1', 'big-node1-20261121101500UTC.tar.gz', BIG);
  plantBeside(big, JSON.stringify(resultOf('big', 'node1', big)));
});
after(async () => {
  await retina(['capture', 'delete', '--all', '-n', NS]);
  for (const capture of ['big', 'hostile', 'reference']) uproot('node1', capture);
  rmSync(here, { recursive: true });
  await clean();
});

describe('capture download of 200 MB', () => {
  /** Killed without a chance to clean up; what it left is looked for at the end. */
  let killedAt = 0;
  const elsewhere = `${NS}-killed`;
  let cleanElsewhere: () => Promise<void>;
  after(async () => cleanElsewhere());
  before(async () => {
    cleanElsewhere = await namespace(elsewhere);
    const output = folder();
    const killed = start(fetchBig(output, '-n', elsewhere));
    await untilSize(bigIn(output, '.part'), SOME);
    killed.kill('SIGKILL');
    killedAt = Date.now();
    await ended(killed);
    assert.equal((await downloads(elsewhere)).length, 2);
  });

  test('whole, verified, in little memory', async () => {
    const output = folder();
    const ran = await execa('/usr/bin/time', ['-f', 'peak %M KiB, %e s', CLI, ...fetchBig(output)]);
    assert.equal(sha256(bigIn(output)), big.sha256);
    const [, kib, seconds] = /peak (\d+) KiB, ([\d.]+) s/.exec(ran.stderr) ?? [];
    process.stdout.write(`download of 200 MB: ${seconds} s, ${Math.round(Number(kib) / 1024)} MiB at most\n`);
    assert.ok(Number(kib) < 200 * 1024, `${kib} KiB`);
    assert.deepEqual(readdirSync(join(output, 'big')), [big.name]);
  });

  for (const verb of ['read', 'hold'] as const) {
    test(`${verb === 'read' ? 'the reader' : 'the pod'} is killed in mid-stream: goes on, and the file is whole`, async () => {
      const output = folder();
      const fetching = start(fetchBig(output));
      await untilSize(bigIn(output, '.part'), SOME);
      await killInPod(NS, 'big', verb);
      const ran = await ended(fetching);
      assert.equal(ran.code, 0, ran.stderr);
      assert.match(ran.stderr, verb === 'read' ? /the stream was cut; going on from \d/ : /going on with another/);
      assert.equal(sha256(bigIn(output)), big.sha256);
      assert.deepEqual(await downloads(NS), []);
    });
  }

  test('the connection to the API server breaks in mid-stream: goes on, and the file is whole', async () => {
    const server = await kubectl('config', 'view', '-o', 'jsonpath={.clusters[0].cluster.server}');
    const proxy = await cuttingProxy(server, { bytes: 2 * SOME, times: 3 });
    const output = folder();
    const ran = await ended(start(fetchBig(output, ...proxy.flags)));
    proxy.close();
    assert.equal(ran.code, 0, ran.stderr);
    assert.equal(ran.stderr.match(/the stream was cut/g)?.length, 3, ran.stderr);
    assert.equal(sha256(bigIn(output)), big.sha256);
    assert.deepEqual(await downloads(NS), []);
  });

  test('Ctrl-C in mid-stream: the part stays, the pod goes, and the next run goes on from there', async () => {
    const output = folder();
    const fetching = start(fetchBig(output));
    await untilSize(bigIn(output, '.part'), SOME);
    fetching.kill('SIGINT');
    const ran = await ended(fetching);
    assert.equal(ran.code, 130);
    assert.match(ran.stderr, /download interrupted; its pods are removed\n {2}The same command goes on/);
    assert.deepEqual(await downloads(NS), []);
    assert.deepEqual(readdirSync(join(output, 'big')), [`${big.name}.part`]);
    const there = statSync(bigIn(output, '.part')).size;
    assert.ok(there >= SOME && there < BIG);
    const next = await retinaOk(fetchBig(output));
    assert.ok(next.stderr.includes(`going on from ${prettyBytes(there)}\n`), next.stderr);
    assert.equal(sha256(bigIn(output)), big.sha256);
  });

  test('a part of another file is not gone on from', async () => {
    const output = folder();
    mkdirSync(join(output, 'big'));
    writeFileSync(bigIn(output, '.part'), Buffer.alloc(1_000_000, 'x'));
    const ran = await retinaOk(fetchBig(output));
    assert.match(ran.stderr, /the part that was here is of another file; fetching it anew/);
    assert.equal(sha256(bigIn(output)), big.sha256);
  });

  test('two at once, into two folders', async () => {
    const outputs = [folder(), folder()];
    await Promise.all(outputs.map((output) => retinaOk(fetchBig(output))));
    for (const output of outputs) assert.equal(sha256(bigIn(output)), big.sha256);
  });

  test('the disk here is full, or becomes so: named, exit 1', async () => {
    const disk = folder();
    for (const [size, fill] of [
      [1, false],
      [250, true],
    ] as const) {
      await execa('mount', ['-t', 'tmpfs', '-o', `size=${size}m`, 'tmpfs', disk]);
      try {
        const fetching = start(fetchBig(disk));
        if (fill) {
          await untilSize(bigIn(disk, '.part'), SOME);
          await execa('dd', ['if=/dev/zero', `of=${disk}/filler`, 'bs=1M'], { reject: false });
        }
        const ran = await ended(fetching);
        assert.equal(ran.code, 1);
        assert.match(ran.stderr, /big-node1-.*\.part cannot be written on this machine: the disk is full/);
        assert.match(ran.stderr, /Choose another directory with -o/);
        assert.ok(!existsSync(bigIn(disk)));
        assert.deepEqual(await downloads(NS), []);
      } finally {
        await execa('umount', [disk]);
      }
    }
  });

  test('killed with -9: its pod ended by itself', async () => {
    await untilNoDownloads(elsewhere, Math.max(1, 95 - (Date.now() - killedAt) / 1000));
  });
});

describe('capture download', { concurrency: 3 }, () => {
  test("runs the capture's own image", async () => {
    await create('own', '--node-names', 'node1');
    const ran = await retinaOk(args('own', folder()), { env: { RETINA_AGENT_IMAGE: 'localhost/nothing:none' } });
    assert.match(ran.stderr, /✔ 1 tarball downloaded and verified/);
  });

  test('of a tarball that was changed or cut on its node: exit 1, named, nothing kept', async () => {
    await create('damaged');
    for (const { node, name } of tarballsOf('damaged')) {
      const path = onNode(node, `${DIR}/${name}`);
      if (node === 'node2') truncateSync(path, statSync(path).size - 1);
      else await execa('dd', ['if=/dev/zero', `of=${path}`, 'bs=1', 'count=4', 'seek=5000', 'conv=notrunc']);
    }
    const output = folder();
    const ran = await retina(args('damaged', output));
    assert.equal(ran.code, 1);
    assert.match(ran.stderr, /✖ 0 tarballs downloaded and verified, 2 not/);
    assert.match(ran.stderr, /damaged-node1-.*\.tar\.gz is damaged on node node1: its SHA-256 is not [0-9a-f]{64}\n/);
    assert.match(ran.stderr, /damaged-node2-.*\.tar\.gz is damaged on node node2: it has \d+ bytes, and had \d+/);
    assert.deepEqual(readdirSync(join(output, 'damaged')), []);
  });

  test('after delete: by name, everywhere or on named nodes, and from another directory', async () => {
    await create('gone');
    await create('moved', '--node-names', 'node2', '--host-path', '/mnt/retina/left');
    await retinaOk(['capture', 'delete', 'gone', 'moved', '-n', NS]);
    const everywhere = await retinaOk(args('gone', folder()));
    assert.match(everywhere.stderr, /There is no capture gone in namespace e2e-left-download; looking for its files/);
    assert.equal(everywhere.stdout.trim().split('\n').length, 2);
    assert.match(
      (await retinaOk(args('gone', folder(), '--node-names', 'node2'))).stdout,
      /^node2 .*gone-node2-[^\n]*$/,
    );
    const lost = await retina(args('moved', folder()));
    assert.equal(lost.code, 1);
    assert.match(
      lost.stderr,
      /no file of a capture moved was found in \/mnt\/retina\/captures on any node\n(.*\n)*.*--host-path/,
    );
    assert.match((await retinaOk(args('moved', folder(), '--host-path', '/mnt/retina/left'))).stdout, /^node2 /);
    uproot('node2', 'moved', '/mnt/retina/left');
    const nowhere = await retina(args('gone', folder(), '--node-names', 'node9'));
    assert.equal(nowhere.code, 1);
    assert.ok(nowhere.seconds < 20, `took ${nowhere.seconds} s`);
    assert.match(nowhere.stderr, /there is no node node9/);
    assert.deepEqual(
      (await downloads(NS)).filter((object) => /(gone|moved)-download/.test(object)),
      [],
    );
  });

  test('a capture of the reference CLI is listed, shown, downloaded and deleted', async () => {
    const stem = 'reference-node1-20261121101600UTC';
    const planted = plant('node1', `${stem}.tar.gz`, 100_000);
    const labels = { 'retina.sh/app': 'capture', 'capture-name': 'reference' };
    const annotations = { 'retina-capture-filename': stem, 'retina-capture-hostpath': DIR };
    const containers = [{ name: 'capture', image: 'localhost/debian:test', command: ['true'] }];
    const template = {
      metadata: { labels, annotations },
      spec: { nodeName: 'node1', restartPolicy: 'Never', containers },
    };
    const metadata = { generateName: 'reference-', namespace: NS, labels };
    const input = JSON.stringify({
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata,
      spec: { backoffLimit: 0, template },
    });
    const { stdout: job } = await execa('kubectl', ['create', '-f', '-', '-o', 'name'], { input });
    await kubectl('-n', NS, 'wait', '--for=condition=Complete', job, '--timeout=30s');
    assert.match((await retinaOk(['capture', 'list', '-n', NS])).stdout, /reference +Completed +1\/1/);
    assert.match((await retinaOk(['capture', 'status', 'reference', '-n', NS])).stdout, new RegExp(`node1.*${stem}`));
    const output = folder();
    await retinaOk(args('reference', output));
    assert.equal(sha256(join(output, 'reference', planted.name)), planted.sha256);
    assert.match(
      (await retinaOk(['capture', 'delete', 'reference', '-n', NS])).stdout,
      /job\.batch\/reference-\w+ deleted/,
    );
    assert.deepEqual(filesOf('reference'), [`node1/${stem}.tar.gz`]);
  });

  test('a hostile result beside a tarball leads nowhere', async () => {
    const name = (second: number): string => `hostile-node1-2026112110150${second}UTC.tar.gz`;
    const tarballs = [1, 2, 3, 4, 5].map((second) => plant('node1', name(second), 1000 * second));
    const odd = plant('node1', 'hostile-odd $(touch x).tar.gz', 10);
    const [outside, huge, words, digest, other] = tarballs.map((planted) => resultOf('hostile', 'node1', planted));
    const texts = [
      JSON.stringify({
        ...outside,
        tarball: { name: '../../../../tmp/evil.tar.gz', bytes: 1, sha256: '0'.repeat(64) },
      }),
      JSON.stringify({ ...huge, errors: ['x'.repeat(10_000_000)] }),
      `not JSON ${JSON.stringify(words)}`,
      JSON.stringify({ ...digest, tarball: { name: name(4), bytes: 4000, sha256: '../../etc/passwd' } }),
      JSON.stringify({ ...other, tarball: { name: name(5), bytes: 5000, sha256: '0'.repeat(64) } }),
    ];
    for (const [index, planted] of tarballs.entries()) plantBeside(planted, texts[index] ?? '');
    plantBeside(odd, JSON.stringify(resultOf('hostile', 'node1', odd)));
    const output = folder();
    const ran = await retina(args('hostile', output, '--node-names', 'node1'));
    assert.equal(ran.code, 1, 'one does not have the SHA-256 that is told');
    assert.match(ran.stderr, /hostile-node1-20261121101505UTC\.tar\.gz is damaged/);
    assert.deepEqual(readdirSync(output), ['hostile']);
    assert.deepEqual(
      readdirSync(join(output, 'hostile')).sort(),
      tarballs.slice(0, 4).map((planted) => basename(planted.path)),
    );
    for (const planted of tarballs.slice(0, 4)) {
      assert.equal(sha256(join(output, 'hostile', planted.name)), planted.sha256);
    }
    assert.ok(!existsSync('/tmp/evil.tar.gz'));
  });
});
