import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { execa } from 'execa';
import { load } from 'js-yaml';
import * as z from 'zod';
import { CLI, retina, retinaOk, start } from './support/cli.ts';
import { kubectl, namespace, until } from './support/cluster.ts';
import { ended, forget, said } from './support/leavings.ts';
import { plantCaptures } from './support/many.ts';

const NS = 'e2e-outputs';
const MANY = 'e2e-outputs-many';
const schemaFile = join(import.meta.dirname, '../../docs/schema/capture-status.json');
const schema = z.fromJSONSchema(JSON.parse(readFileSync(schemaFile, 'utf8')));

const list = (...flags: readonly string[]) => ['capture', 'list', '-n', NS, ...flags];
const status = (...flags: readonly string[]) => ['capture', 'status', '-n', NS, ...flags];
const printed = async (args: readonly string[]): Promise<string> => (await retinaOk(args)).stdout;

/** What a command prints to a terminal of this width. */
async function onTerminal(columns: number, args: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const command = `stty cols ${columns} rows 30; exec '${CLI}' ${args.join(' ')}`;
  const terminal = { TERM: 'xterm-256color', NO_COLOR: undefined, CI: undefined, FORCE_COLOR: undefined, ...env };
  const ran = await execa('script', ['-qefc', command, '/dev/null'], {
    env: terminal,
    stdin: 'ignore',
    timeout: 60_000,
  });
  return ran.stdout;
}

let clean: () => Promise<void>;
before(async () => {
  clean = await namespace(NS);
  const create = (name: string, ...flags: readonly string[]) =>
    retinaOk(['capture', 'create', '-n', NS, '--name', name, '--duration', '1s', '--wait', ...flags]);
  await Promise.all([create('both'), create('one', '--node-names', 'node1')]);
});
after(async () => {
  await retina(['capture', 'delete', '--all', '-n', NS]);
  forget('both', 'one', 'seen', 'followed', 'long', 'runs', 'plain', 'told');
  await clean();
});

describe('what scripts read', () => {
  test('JSON of two captures fits the schema, and tells what the tarballs are', async () => {
    const document = JSON.parse(await printed(list('-o', 'json')));
    schema.parse(document);
    const [both, one] = document.items;
    assert.deepEqual([both.name, both.state, both.nodesTotal, both.nodesCompleted], ['both', 'Completed', 2, 2]);
    assert.deepEqual([one.name, one.nodes.length, one.nodes[0].node], ['one', 1, 'node1']);
    assert.equal(both.packets, both.nodes[0].packets + both.nodes[1].packets);
    assert.ok(Date.parse(both.startedAt) < Date.parse(both.endedAt));
    const { tarball, bytes, sha256, destinations } = one.nodes[0];
    assert.deepEqual(destinations[0], {
      ...{ kind: 'host-path', location: `/mnt/retina/captures/${tarball}`, ok: true, error: null },
    });
    const { stdout } = await execa('sha256sum', [
      join(process.env.RETINA_TESTCLUSTER ?? '/tmp/retina-testcluster', 'nodes/node1', destinations[0].location),
    ]);
    assert.equal(stdout.split(' ')[0], sha256);
    assert.ok(bytes > 1000);
  });

  test('YAML says the same as JSON; status the same as list', async () => {
    const document = JSON.parse(await printed(list('-o', 'json')));
    assert.deepEqual(load(await printed(list('-o', 'yaml'))), document);
    const { apiVersion, kind, ...capture } = JSON.parse(await printed(status('both', '-o', 'json')));
    schema.parse({ apiVersion, kind, ...capture });
    assert.deepEqual([kind, capture], ['CaptureStatus', document.items[0]]);
    assert.equal(await printed(status('both', '-o', 'jsonpath={.nodes[*].node}')), 'node1 node2');
  });

  test('names, columns and templates', async () => {
    assert.equal(await printed(list('-o', 'name')), 'both\none');
    const columns = 'custom-columns=NAME:.name,NODES:.nodes[*].node,APP:.labels.retina\\.sh/app,NONE:.labels.x';
    assert.deepEqual(
      (await printed(list('-o', columns))).split('\n').map((line) => line.split(/ {2,}/)),
      [
        ['NAME', 'NODES', 'APP', 'NONE'],
        ['both', 'node1,node2', 'capture', '<none>'],
        ['one', 'node1', 'capture', '<none>'],
      ],
    );
    const template = 'jsonpath={range .items[*]}{.name}={.nodesTotal}{"\\n"}{end}';
    assert.equal(await printed(list('-o', template)), 'both=2\none=1');
    // One node for each Job that kubectl shows.
    const jobs = await kubectl('-n', NS, 'get', 'jobs', '-o', 'jsonpath={.items[*].metadata.labels.capture-name}');
    const ours = await printed(list('-o', 'jsonpath={range .items[*]}{range .nodes[*]}{$.apiVersion} {end}{end}'));
    assert.equal(ours.trim().split(' ').length, jobs.split(' ').length);
  });

  test('without headings, with labels, in the order asked for, only the named', async () => {
    assert.deepEqual(
      (await printed(list('--no-headers'))).split('\n').map((line) => line.split(' ')[0]),
      ['both', 'one'],
    );
    const [head = '', first = ''] = (await printed(list('--show-labels'))).split('\n');
    assert.match(head, /AGE +LABELS$/);
    assert.match(first, /capture-name=both,retina\.sh\/app=capture$/);
    const names = async (...flags: readonly string[]) => (await printed(list('-o', 'name', ...flags))).split('\n');
    assert.deepEqual(await names('--sort-by', '.nodesTotal'), ['one', 'both']);
    assert.deepEqual(await names('--sort-by=name', 'one'), ['one']);
    const missing = await retina(list('bth', '-o', 'name'));
    assert.deepEqual([missing.code, missing.stdout], [1, '']);
    assert.match(missing.stderr, /^error: there is no capture bth in namespace e2e-outputs\n {2}Did you mean both\?$/);
    assert.equal(JSON.parse(await printed(['capture', 'list', '-n', 'kube-public', '-o', 'json'])).items.length, 0);
  });

  test('version', async () => {
    const document = JSON.parse(await printed(['version', '-o', 'json']));
    assert.match(document.server, /^v\d+\.\d+/);
    assert.deepEqual(load(await printed(['version', '-o', 'yaml'])), document);
  });
});

describe('--watch', () => {
  test('list prints each change, from Pending to Completed and Deleted, and ends by Ctrl-C', async () => {
    const table = start(list('--watch', 'seen'));
    const documents = start(list('--watch', '-o', 'json', 'seen'));
    let lines = '';
    table.stdout.on('data', (chunk: Buffer) => {
      lines += chunk.toString('utf8');
    });
    await Promise.all([said(table, 'yet.'), said(documents, 'yet.')]);
    const create = ['capture', 'create', '-n', NS, '--name', 'seen', '--duration', '2s', '--node-names', 'node1'];
    await retinaOk([...create, '--wait']);
    await retinaOk(['capture', 'delete', 'seen', '-n', NS]);
    await until('the table tells the end', () => lines.includes('Deleted'));
    for (const process of [table, documents]) process.kill('SIGINT');
    const [told, read] = [await ended(table), await ended(documents)];
    assert.deepEqual([told.code, read.code], [130, 130]);
    assert.match(told.stderr, /^There are no captures in namespace e2e-outputs yet\.$/);
    const [head, ...rows] = told.stdout.split('\n').map((line) => line.split(/ {2,}/));
    assert.equal(head?.[1], 'STATE');
    assert.deepEqual([...new Set(rows.map((row) => row[0]))], ['seen'], 'others are not watched');
    assert.deepEqual(
      rows.map((row) => row[1]),
      ['Pending', 'Capturing', 'Completed', 'Deleted'],
    );
    const states = JSON.parse(`[${read.stdout.replaceAll('\n}\n{', '\n},\n{')}]`).map((document: { state: string }) => {
      schema.parse(document);
      return document.state;
    });
    assert.deepEqual([...new Set(states)], ['Pending', 'Capturing', 'Completed', 'Deleted']);
  });

  test('status follows a capture to its end, and its exit code tells how that was', async () => {
    const create = ['capture', 'create', '-n', NS, '--duration', '3s', '--node-names', 'node1', '--name'];
    await retinaOk([...create, 'followed']);
    const [told, json] = await Promise.all([
      retinaOk(status('followed', '--watch')),
      retinaOk(status('followed', '--watch', '-o', 'jsonpath={.state} {.packets}')),
    ]);
    assert.match(told.stderr, /node1: saved [\d,]+ packets?, 0 lost/);
    assert.match(told.stdout, /^followed · Completed · 1 node/);
    assert.match(json.stdout, /^(Pending|Capturing) \n(.*\n)*Completed \d+$/);
    await retinaOk([...create, 'doomed', '--image', 'localhost/no/such:v1', '--image-pull-policy', 'Never']);
    const doomed = await retina(status('doomed', '--watch'));
    assert.equal(doomed.code, 1);
    assert.match(doomed.stdout, /^doomed · Failed/);
    await retinaOk([...create, 'long', '--duration', '0']);
    const watching = start(status('long', '--watch'));
    await until('it captures', async () => (await printed(status('long', '-o', 'jsonpath={.state}'))) === 'Capturing');
    watching.kill('SIGINT');
    const stopped = await ended(watching);
    assert.equal(stopped.code, 130);
    assert.match(stopped.stderr, /no longer watching; capture long goes on/);
    await retinaOk(['capture', 'delete', 'doomed', 'long', 'followed', '-n', NS]);
  });
});

describe('download --all', () => {
  test('fetches what is there, names what still runs, and then fails', async () => {
    const output = mkdtempSync(join(tmpdir(), 'retina-e2e-'));
    const all = ['capture', 'download', '--all', '-n', NS, '-o', output];
    try {
      assert.match((await retinaOk(all)).stderr, /✔ 2 of 2 captures downloaded whole$/);
      const files = (name: string): number => readdirSync(join(output, name)).length;
      assert.deepEqual([readdirSync(output).sort(), files('both'), files('one')], [['both', 'one'], 2, 1]);
      await retinaOk(['capture', 'create', '-n', NS, '--name', 'runs', '--duration', '0', '--node-names', 'node1']);
      await until('it captures', async () => (await retina(status('runs'))).stdout.includes(' capturing '));
      const partly = await retina(all);
      assert.equal(partly.code, 1);
      assert.match(partly.stderr, /✖ runs: 0 tarballs .*\n {2}node node1 still captures: .*\n✖ 2 of 3 captures/);
      assert.ok(!existsSync(join(output, 'runs')));
      await retinaOk(['capture', 'delete', 'runs', '-n', NS]);
    } finally {
      rmSync(output, { recursive: true });
    }
  });
});

describe('terminals', () => {
  test('at 60 and 80 columns no line wraps; name, state and what failed are always whole', async () => {
    for (const columns of [60, 80]) {
      for (const args of [list(), list('-A'), list('-o', 'wide', '--show-labels'), status('both')]) {
        const lines = (await onTerminal(columns, args, { NO_COLOR: '1' })).replaceAll('\r', '').split('\n');
        const rows = lines.filter((line) => !/^(both · |Next: )/.test(line));
        for (const line of rows) assert.ok([...line].length <= columns, `${columns}: ${line}`);
        assert.ok(
          rows.some((line) => /(both|node1) .*[Cc]ompleted/.test(line)),
          lines.join('\n'),
        );
      }
    }
    assert.match(await printed(status('both')), /SHA-256 +DELIVERED TO\n.*\.tar\.gz ✔/, 'a pipe gets everything');
  });

  test('colours: on a terminal, unless NO_COLOR or --no-color says otherwise; in a pipe when FORCE_COLOR does', async () => {
    const green = '\x1b[32mCompleted';
    assert.ok((await onTerminal(100, list())).includes(green));
    assert.ok(!(await onTerminal(100, list(), { NO_COLOR: '1' })).includes('\x1b['));
    assert.ok(!(await onTerminal(100, list('--no-color'))).includes('\x1b['));
    assert.ok(!(await onTerminal(100, list('--no-color'), { FORCE_COLOR: '1' })).includes('\x1b['));
    const forced = (extra: Record<string, string>) => retina(list(), { env: { FORCE_COLOR: '1', ...extra } });
    assert.ok((await forced({ NO_COLOR: '' })).stdout.includes(green));
    assert.ok(!(await forced({ NO_COLOR: '1' })).stdout.includes('\x1b['));
    const waited = [
      'capture',
      'create',
      '-n',
      NS,
      '--name',
      'plain',
      '--duration',
      '1s',
      '--node-names',
      'node1',
      '--wait',
    ];
    const plain = await onTerminal(60, [...waited, '--no-color']);
    assert.ok(
      plain.includes('capturing') && !plain.includes('\x1b[3') && !plain.includes('\x1b[2m'),
      JSON.stringify(plain),
    );
    await retinaOk(['capture', 'delete', 'plain', '-n', NS]);
  });

  test('--verbose and --debug show the requests, and no credential', async () => {
    const config = JSON.parse(await kubectl('config', 'view', '--raw', '-o', 'json'));
    const token: string = config.users[0].user.token ?? '';
    assert.ok(token.length > 5, 'the user of the test cluster has a token');
    for (const flag of ['-v', '--verbose', '--debug']) {
      const { stderr } = await retinaOk(list(flag));
      assert.match(stderr, /^GET \/apis\/batch\/v1\/namespaces\/e2e-outputs\/jobs\?labelSelector=\S+ 200 in \d+ ms$/m);
      assert.ok(!stderr.includes(token));
    }
    assert.equal((await retinaOk(list())).stderr, '');
    const created = await retinaOk([
      'capture',
      'create',
      '-v',
      '-n',
      NS,
      '--name',
      'told',
      '--duration',
      '1s',
      '--wait',
    ]);
    assert.match(created.stderr, /^POST \/apis\/batch\/v1\/namespaces\/e2e-outputs\/jobs 201 in \d+ ms$/m);
    assert.match(created.stderr, /\/pods\?labelSelector=\S+&watch=true 200 in \d+ ms$/m);
    // Whether the name is free is asked; what was created since is known.
    assert.equal(created.stderr.match(/^GET \S+\/jobs\?(?!\S*watch=true)/gm)?.length, 1, created.stderr);
    await retinaOk(['capture', 'delete', 'told', '-n', NS]);
    const refused = await retina(['capture', 'list', '-v', '-s', 'https://127.0.0.1:1', '--token', 'sesame']);
    assert.match(refused.stderr, /jobs\?\S+ failed in \d+ ms$/m);
    assert.ok(!refused.stderr.includes('sesame'));
  });
});

describe('600 captures', () => {
  test('are more than a page, and listed within a few seconds, each once', async () => {
    const gone = await namespace(MANY);
    try {
      await plantCaptures(MANY, 600);
      const { stdout, seconds } = await retinaOk(['capture', 'list', '-n', MANY, '-o', 'name']);
      assert.deepEqual(stdout.split('\n'), [...new Set(stdout.split('\n'))].sort());
      assert.equal(stdout.split('\n').length, 600);
      assert.ok(seconds < 5, `${seconds} s`);
      assert.equal((await printed(['capture', 'list', '-n', MANY])).split('\n').length, 601);
    } finally {
      await kubectl('-n', MANY, 'delete', 'jobs', '--all', '--wait=false');
      await gone();
    }
  });
});
