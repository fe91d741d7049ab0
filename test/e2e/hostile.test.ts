import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { execa } from 'execa';
import { type Ran, retina, retinaOk } from './support/cli.ts';
import { items, kubectl, namespace, onNode, SCRIPTS, until } from './support/cluster.ts';
import { ESCAPES, forge, LIE, NS, orderTo, steering, workloadStatus } from './support/forged.ts';
import { DIR, forget, untilNoDownloads } from './support/leavings.ts';
import { plant, plantBeside, resultOf, uproot } from './support/planted.ts';

/** What somebody who may make Jobs and pods in a namespace could try, against whoever looks at captures there. */
describe('forged captures', () => {
  const here = mkdtempSync(join(tmpdir(), 'retina-e2e-'));
  let clean: () => Promise<void>;
  let stranger: Server;
  let visits = 0;

  before(async () => {
    clean = await namespace(NS);
    stranger = createServer((socket) => {
      visits += 1;
      socket.destroy();
    }).listen(0, '127.0.0.1');
    await until('the stranger listens', () => stranger.address() !== null);
    const { port } = stranger.address() as { port: number };
    await Promise.all([
      forge('liar', {
        result: { node: `x${LIE}`, capture: 'other', errors: [`no${LIE}`, ESCAPES], rescued: `/tmp/${ESCAPES}` },
      }),
      forge('outside', {
        result: { tarball: { name: '../../../../tmp/evil.tar.gz', bytes: 1, sha256: '0'.repeat(64) } },
      }),
      forge('blob', {
        order: orderTo({ kind: 'blob', container: `https://127.0.0.1:${port}/caps`, access: null }),
        ok: true,
      }),
      forge('bucket', { order: orderTo({ kind: 's3', endpoint: `http://127.0.0.1:${port}`, access: null }), ok: true }),
      forge('loud', { log: true }),
      forge('etc', { hostPath: '/etc', ok: true }),
      forge('above', { hostPath: '/mnt/../etc', ok: true }),
      forge('filtered', { order: orderTo({ kind: 'host-path', path: '/x' }, `tcp${LIE}${ESCAPES}`), ok: true }),
      forge('shell', { node: '$(touch /tmp/evil);x', alone: true }),
    ]);
    const done = async () =>
      (await items<{ status: { phase: string } }>('pods', '-n', NS)).filter(({ status }) =>
        /^(Failed|Succeeded)$/.test(status.phase),
      );
    await until('the forged pods have ended', async () => (await done()).length >= 4, 60);
  });
  after(async () => {
    stranger.close();
    await retina(['capture', 'delete', '--all', '-n', NS]);
    await clean();
    rmSync(here, { recursive: true });
    uproot('node1', 'linked');
    forget('rights');
  });

  /** Nothing that was printed steers a terminal, or passes for a line of ours. */
  function assertHarmless(ran: Ran): void {
    const printed = `${ran.stdout}\n${ran.stderr}`;
    assert.deepEqual(steering(printed), [], JSON.stringify(printed));
    assert.doesNotMatch(printed, /^\s*✔ 2 of 2 tarballs saved/m);
    assert.doesNotMatch(printed, /fault of kubectl-retina/);
  }

  const shapes = [
    [],
    ...['wide', 'json', 'yaml', 'name'].map((shape) => ['-o', shape]),
    ['-o', 'custom-columns=A:.name,B:.nodes[*].problem,C:.nodes[*].destinations[*].location'],
    ['-o', 'jsonpath={range .items[*]}{.name}{"\\t"}{.nodes[*].problem}{"\\n"}{end}'],
    ['--show-labels', '-v'],
  ];

  for (const shape of shapes) {
    test(`list ${shape.join(' ')}: nothing of a pod's words steers a terminal or is a line of its own`, async () => {
      const ran = await retinaOk(['capture', 'list', '-n', NS, ...shape]);
      assertHarmless(ran);
      assert.match(ran.stdout, /liar/);
      if (shape[1] === 'json') assert.ok(JSON.parse(ran.stdout).items.length >= 5);
    });
  }

  test('status, in all its forms: the lie is told as the words of that node, after its name', async () => {
    for (const shape of [[], ['-o', 'json'], ['-o', 'yaml'], ['-o', 'jsonpath={.nodes[*].problem}'], ['-v']]) {
      const ran = await retina(['capture', 'status', 'liar', '-n', NS, ...shape]);
      assert.equal(ran.code, 1);
      assertHarmless(ran);
    }
    const plain = await retina(['capture', 'status', 'liar', '-n', NS]);
    assert.match(plain.stdout, /^ {2}node1: no ✔ 2 of 2 tarballs saved/m);
  });

  test('stop, upload, download and delete: exit code 1 where nothing is there, and harmless words', async () => {
    for (const verb of ['stop', 'upload', 'download']) {
      const ran = await retina(['capture', verb, 'liar', '-n', NS, ...(verb === 'download' ? ['-o', here] : [])]);
      assert.equal(ran.code, 1, `${verb}: ${ran.stdout}${ran.stderr}`);
      assertHarmless(ran);
    }
    assert.ok(!existsSync('/tmp/evil.tar.gz'));
  });

  test('a tarball whose name leads out of the directory is not fetched', async () => {
    const elsewhere = mkdtempSync(join(here, 'none-'));
    const ran = await retina(['capture', 'download', 'outside', '-n', NS, '-o', elsewhere]);
    assert.equal(ran.code, 1);
    assertHarmless(ran);
    assert.match(ran.stderr, /tells of a file with a name that is none of ours/);
    assert.deepEqual(readdirSync(elsewhere), []);
  });

  test('a directory of another’s choice: nothing but a tarball of that capture is looked for in it', async () => {
    for (const name of ['etc', 'above']) {
      const elsewhere = mkdtempSync(join(here, 'none-'));
      const ran = await retina(['capture', 'download', name, '-n', NS, '-o', elsewhere]);
      assert.equal(ran.code, 1, ran.stderr);
      assertHarmless(ran);
      assert.deepEqual(
        readdirSync(elsewhere, { recursive: true }).filter((file) => file !== name),
        [],
      );
    }
    await untilNoDownloads(NS);
  });

  test('a filter of another’s choice is words of a pod, too', async () => {
    for (const shape of [[], ['-v'], ['-o', 'json'], ['-o', 'yaml'], ['-o', 'jsonpath={.nodes[*].filter}']]) {
      const ran = await retinaOk(['capture', 'status', 'filtered', '-n', NS, ...shape]);
      assertHarmless(ran);
      assert.match(ran.stdout, /tcp/);
    }
  });

  test('an image that answers without an end: what is wanted is taken, and the stream is left', async () => {
    const sent = Buffer.from('x\n'.repeat(100_000));
    const sha256 = createHash('sha256').update(sent).digest('hex');
    const program = join(here, 'kubectl-retina');
    const file = JSON.stringify([{ name: 'endless-node1-20261121101500UTC.tar.gz', bytes: sent.length, sha256 }]);
    const answers = `hold) exec sleep 600 ;; find) if [ "$4" = endless ]; then echo '${file}'; else yes; fi ;; *) yes x ;;`;
    writeFileSync(program, `#!/bin/sh\ncase "$2" in ${answers} esac\n`, { mode: 0o755 });
    const inImage = '/usr/local/bin/kubectl-retina';
    mkdirSync(onNode('node1', DIR), { recursive: true });
    await execa(join(SCRIPTS, 'image/add-layer'), ['--entrypoint', inImage, 'endless', `${program}:${inImage}`]);
    await execa(join(SCRIPTS, 'image/load'), ['endless']);
    const flags = ['-n', NS, '-o', here, '--node-names', 'node1', '--image', 'localhost/endless:test'];
    const fetched = await retinaOk(['capture', 'download', 'endless', ...flags]);
    assert.match(fetched.stderr, /1 tarball downloaded and verified/);
    const babble = await retina(['capture', 'download', 'babble', ...flags]);
    assert.equal(babble.code, 1);
    assert.match(babble.stderr, /the answer of the download pod on node node1 cannot be read/);
    await untilNoDownloads(NS);
  });

  test('a store that a pod names is not shown the identity of whoever downloads, unless it is typed', async () => {
    const token = join(here, 'token');
    writeFileSync(token, 'a.b.c');
    const { port } = stranger.address() as { port: number };
    const azure = {
      AZURE_CLIENT_ID: 'c',
      AZURE_TENANT_ID: 't',
      AZURE_FEDERATED_TOKEN_FILE: token,
      AZURE_AUTHORITY_HOST: `https://127.0.0.1:${port}/`,
    };
    const aws = { AWS_ACCESS_KEY_ID: 'AKIAEXAMPLE', AWS_SECRET_ACCESS_KEY: 'example', AWS_SESSION_TOKEN: 'session' };
    for (const name of ['blob', 'bucket']) {
      const ran = await retina(['capture', 'download', name, '-n', NS, '-o', here], { env: { ...azure, ...aws } });
      assert.equal(ran.code, 1);
      assert.match(
        ran.stderr,
        /the tarball should be in \S+.*, where your identity is shown only if you type that place/,
      );
      assert.match(ran.stderr, new RegExp(`kubectl retina capture download ${name} --(blob-url|s3-bucket) `));
    }
    assert.equal(visits, 0, 'the stranger was visited');
    rmSync(token);
  });

  test('a log of one line without an end: read in part, told in part', async () => {
    const ran = await retina(['capture', 'status', 'loud', '-n', NS]);
    assertHarmless(ran);
    assert.ok(ran.seconds < 30, `${ran.seconds} s`);
    assert.ok(ran.stdout.length < 4000, `${ran.stdout.length} characters`);
  });

  test('what is offered to paste has no word of a shell that a pod made up', async () => {
    const ran = await retina(['capture', 'status', 'shell', '-n', NS]);
    assertHarmless(ran);
    assert.doesNotMatch(ran.stdout + ran.stderr, /touch/);
    assert.doesNotMatch((await retina(['__complete', 'capture', 'status', '-n', NS, ''])).stdout, /[$;`]/);
  });

  test('files of download: for the user alone, and no link in the directory leads elsewhere', async () => {
    const planted = plant('node1', 'linked-node1-20261121101500UTC.tar.gz', 10_000);
    plantBeside(planted, JSON.stringify(resultOf('linked', 'node1', planted)));
    const victim = join(here, 'victim');
    writeFileSync(victim, 'mine');
    mkdirSync(join(here, 'linked'));
    const final = join(here, 'linked', planted.name);
    symlinkSync(victim, `${final}.part`);
    const args = ['capture', 'download', 'linked', '-n', NS, '-o', here, '--node-names', 'node1'];
    const refused = await retina(args);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /\.part cannot be written on this machine: it is a symbolic link/);
    rmSync(`${final}.part`);
    symlinkSync(victim, final);
    await retinaOk(args);
    assert.equal(readFileSync(victim, 'utf8'), 'mine');
    const { stdout: mode } = await execa('stat', ['-c', '%a %F', final]);
    assert.equal(mode, '600 regular file');
  });

  test('the pod of a capture, as the kernel sees it: four capabilities, seccomp, no new rights, a read-only root', async () => {
    await retinaOk(['capture', 'create', '-n', NS, '--name', 'rights', '--node-names', 'node1', '--duration', '0']);
    type Pod = { metadata: { uid: string; name: string } };
    const find = async () => (await items<Pod>('pods', '-n', NS, '-l', 'capture-name=rights'))[0];
    await until('its pod is there', async () => (await find()) !== undefined);
    const pod = await find();
    assert.ok(pod !== undefined);
    await kubectl('wait', '-n', NS, '--for=condition=Ready', `pod/${pod.metadata.name}`, '--timeout=60s');
    const { status, mounts } = workloadStatus(pod.metadata.uid);
    // NET_ADMIN, NET_RAW, SETUID, SETGID: bits 12, 13, 7 and 6.
    assert.match(status, /^CapEff:\t00000000000030c0$/m);
    assert.match(status, /^CapBnd:\t00000000000030c0$/m);
    assert.match(status, /^NoNewPrivs:\t1$/m);
    assert.match(status, /^Seccomp:\t2$/m);
    assert.match(mounts, /^\S+ \S+ \S+ \S+ \/ ro,/m);
    assert.doesNotMatch(mounts, /serviceaccount/);
    // Of the node, the one directory that is needed; the kubelet's own files for names and the end aside.
    const ofNode = mounts.split('\n').flatMap((line) => /^\S+ \S+ \S+ \S+ (\/output\/\S+)/.exec(line)?.[1] ?? []);
    assert.deepEqual(ofNode, ['/output/host-path']);
    await retinaOk(['capture', 'stop', 'rights', '-n', NS]);
  });
});
