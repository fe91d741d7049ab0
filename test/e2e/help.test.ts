import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, test } from 'node:test';
import { execa } from 'execa';
import { EXAMPLES } from '../../src/commands/examples.ts';
import { CLI, IMAGE, retina, retinaOk } from './support/cli.ts';
import { apply, filesOn, kubectl, namespace, onNode } from './support/cluster.ts';
import { forget } from './support/leavings.ts';
import { S3_KEYS, s3Server } from './support/stores.ts';
import { makeSecrets, makeVolumes, removeVolumes } from './support/volumes.ts';

const NS = 'e2e-help';
const SHOP = 'e2e-help-shop';
const RESCUED = '/var/lib/retina/rescued';
const clean = [await namespace(NS), await namespace(SHOP)];
const directory = mkdtempSync(join(tmpdir(), 'retina-help-'));
const s3 = s3Server(17195);
let uploads = 0;
after(async () => {
  forget('slow-api');
  for (const name of filesOn('node1', RESCUED).filter((file) => file.startsWith('slow-api-')))
    rmSync(onNode('node1', `${RESCUED}/${name}`));
  await s3.end();
  await removeVolumes(SHOP);
  rmSync(directory, { recursive: true });
  await Promise.all(clean.map((remove) => remove()));
});

const COMMANDS = Object.keys(EXAMPLES).map((words) => words.replace('kubectl retina ', '').split(' '));

describe('the help of every command', () => {
  for (const words of COMMANDS) {
    test(words.join(' '), async () => {
      const { stdout, stderr } = await retinaOk([...words, '--help']);
      assert.equal(stderr, '');
      assert.equal((await retinaOk(['help', ...words])).stdout, stdout);
      assert.match(stdout, new RegExp(`^Usage: kubectl retina ${words.join(' ')} (\\S+ )?\\[flags\\]$`, 'm'));
      const headings = stdout.split('\n').filter((line) => /^[A-Z].*:$/.test(line));
      assert.equal(new Set(headings).size, headings.length, 'each heading once');
      assert.equal(headings.at(-1), 'Examples:');
      const examples = stdout.split('Examples:\n')[1]?.trimEnd().split('\n') ?? [];
      assert.equal(examples.filter((line) => /^ {2}(?!#).*kubectl retina /.test(line)).length, 3);
      assert.equal(examples.filter((line) => line.startsWith('  # ')).length, 3);
      assert.doesNotMatch(stdout, /\[bool\]/);
      if (words.includes('create')) assert.match(stdout, /default:\s+1m/);
    });
  }

  test('no line is wider than the terminal', async () => {
    for (const columns of [60, 80, 120]) {
      const line = `stty cols ${columns}; ${CLI} capture create --help`;
      const { stdout } = await execa('script', ['-qec', line, '/dev/null'], { stdin: 'ignore' });
      const shown = stdout.split('\r\n');
      // Examples are not broken: they are there to be pasted. Headings and single words cannot be.
      const wide = shown
        .slice(0, shown.indexOf('Examples:'))
        .filter((text) => text.length > columns && /^ .*\S \S/.test(text));
      assert.deepEqual(wide, [], `${columns} columns`);
      assert.ok(
        shown.some((text) => text.length > columns - 15),
        `${columns} columns are used`,
      );
    }
  });

  test('a group, and the program, alone', async () => {
    assert.match((await retinaOk([])).stdout, /^Usage: kubectl retina COMMAND \[flags\]$[\s\S]*^ {2}capture /m);
    const { stdout } = await retinaOk(['capture']);
    const names = ['create', 'check', 'list', 'status', 'stop', 'download', 'upload', 'delete', 'prune', 'local'];
    for (const name of names) {
      assert.match(stdout, new RegExp(`^  ${name} `, 'm'));
    }
  });
});

/** Runs what a user would paste, in a namespace where the names of the examples exist. */
async function paste(line: string): Promise<void> {
  const env = {
    RETINA_AGENT_IMAGE: IMAGE,
    NO_COLOR: '1',
    PATH: `${dirname(CLI)}:${process.env.PATH}`,
    KUBECONFIG: join(directory, 'config'),
  };
  const result = await execa('bash', ['-c', line], {
    env,
    cwd: directory,
    reject: false,
    timeout: 120_000,
    stdin: 'ignore',
  });
  assert.equal(result.exitCode, 0, `${line}\n${result.stdout}\n${result.stderr}`);
}

async function makeNamed(): Promise<void> {
  const pod = {
    restartPolicy: 'Never',
    terminationGracePeriodSeconds: 0,
    containers: [{ name: 'c', image: 'localhost/debian:test', command: ['sleep', '600'] }],
  };
  await apply({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: NS, labels: { app: 'web' } },
    spec: pod,
  });
  await kubectl('wait', '--for=condition=Ready', 'pod/web', '-n', NS, '--timeout=60s');
  const config = join(directory, 'config');
  await execa('cp', [process.env.KUBECONFIG ?? '', config]);
  const set = (...args: string[]) => kubectl('config', '--kubeconfig', config, ...args);
  await set('set-context', 'testcluster', `--namespace=${NS}`);
  await set('set-context', 'staging', '--cluster=testcluster', '--user=admin');
}

/** A capture whose bucket appears too late, and what the examples send it to. */
async function prepareUpload(ns: string): Promise<void> {
  uploads += 1;
  if (uploads === 1) await s3.start();
  const keys = { 's3-access-key-id': S3_KEYS.accessKeyId, 's3-secret-access-key': S3_KEYS.secretAccessKey };
  if (uploads === 1) {
    await makeSecrets(NS, { writer: keys });
    await makeVolumes(SHOP, { evidence: {} });
  }
  await retinaOk(['capture', 'delete', '--all', '-n', ns]);
  const bucket = ['--s3-bucket', `late-${uploads}`, '--s3-endpoint', s3.url, '--node-names', 'node1'];
  const env = { AWS_ACCESS_KEY_ID: S3_KEYS.accessKeyId, AWS_SECRET_ACCESS_KEY: S3_KEYS.secretAccessKey };
  const create = ['capture', 'create', '-n', ns, '--name', 'slow-api', '--duration', '1s', '--wait', ...bucket];
  assert.equal((await retina(create, { env })).code, 1);
  await s3.makeBucket(`late-${uploads}`);
}

/** Before an example: the captures that it names, as far as they must be there, and none that it makes. */
async function prepare(line: string): Promise<void> {
  if (/capture upload/.test(line)) return prepareUpload(line.includes('-n shop') ? SHOP : NS);
  if (!/capture (create|status|stop|delete|download)/.test(line)) return;
  const ns = line.includes('-n shop') ? SHOP : NS;
  const there = await kubectl('get', 'jobs', '-n', ns, '-l', 'capture-name=slow-api', '-o', 'name');
  // Both namespaces write to one directory of the node: a file may be gone with the other's capture.
  if (there !== '' && line.includes('status')) return;
  await retinaOk(['capture', 'delete', '--all', '-n', ns]);
  if (line.includes('create')) return;
  const ends = line.includes('stop') ? ['--duration', '0'] : ['--duration', '1s', '--wait'];
  forget('slow-api');
  await retinaOk([
    'capture',
    'create',
    '--name',
    'slow-api',
    '--node-names',
    'node1',
    '-n',
    ns,
    '--image',
    IMAGE,
    ...ends,
  ]);
}

describe('every example of the help works when it is pasted', async () => {
  await makeNamed();
  for (const [words, examples] of Object.entries(EXAMPLES)) {
    for (const { line } of examples) {
      test(line, async () => {
        // Made shorter, and nothing is written outside of the test's folder.
        const here = line
          .replace('-n shop', `-n ${SHOP}`)
          .replace('--duration 30s', '--duration 2s')
          .replace(/ (\/usr\S*)\/_kube/, ` ${directory}/_kube`);
        const shell = line.includes('| source') ? `fish --no-config -c '${here}'` : here;
        await prepare(words.includes('capture') ? line : '');
        await paste(shell.replace('-o /tmp', `-o ${directory}`));
      });
    }
  }
  after(async () => {
    await retinaOk(['capture', 'delete', '--all', '-n', NS]);
  });
});

describe('version', () => {
  test('client, image, server', async () => {
    const server = JSON.parse(await kubectl('version', '-o', 'json')).serverVersion.gitVersion;
    const { stdout } = await retinaOk(['version', '--image', 'registry.example/x:1']);
    assert.match(stdout, /^Client: +v\d+\.\d+\.\d+\nCapture image: registry\.example\/x:1\nServer: +v/);
    assert.ok(stdout.endsWith(server));
  });

  test('what needs no server is told although the server is unreachable: exit code 1', async () => {
    for (const flags of [
      ['-s', 'https://127.0.0.1:1'],
      ['--kubeconfig', CLI],
      ['--context', 'none'],
    ]) {
      const ran = await retina(['version', ...flags]);
      assert.match(ran.stdout, /^Client: +v.*\nCapture image: .*$/);
      assert.equal(ran.code, flags.includes('none') ? 2 : 1, ran.stderr);
      assert.match(ran.stderr, /^error: /);
    }
  });

  test('a server that is none tells no version', async () => {
    const server = http.createServer((_request, response) => void response.end('{}'));
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const ran = await retina(['version', '-s', `http://127.0.0.1:${(server.address() as AddressInfo).port}`]);
    server.close();
    assert.match(ran.stderr, /tells no version: is it an API server\?/);
    assert.equal(ran.code, 1);
    assert.doesNotMatch(ran.stdout, /Server|undefined/);
  });

  test('--client asks nobody', async () => {
    const ran = await retinaOk(['version', '--client'], { env: { KUBECONFIG: '/nonexistent' } });
    assert.doesNotMatch(ran.stdout, /Server/);
  });
});
