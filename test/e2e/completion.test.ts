import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, test } from 'node:test';
import { execa } from 'execa';
import { CLI, retina, retinaOk } from './support/cli.ts';
import { apply, namespace } from './support/cluster.ts';

const NS = 'e2e-complete';
const clean = await namespace(NS);
const directory = mkdtempSync(join(tmpdir(), 'retina-complete-'));
after(async () => {
  rmSync(directory, { recursive: true });
  await clean();
});
const ENV = { PATH: `${dirname(CLI)}:${process.env.PATH}`, HOME: directory };
const labels = { 'retina.sh/app': 'capture', 'capture-name': 'slow-api' };
const never = {
  schedulingGates: [{ name: 'test/never' }],
  containers: [{ name: 'c', image: 'localhost/debian:test' }],
};
const template = { metadata: { labels }, spec: { restartPolicy: 'Never', containers: never.containers } };
await apply(
  ...['web-1', 'web-2'].map((name) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: NS },
    spec: never,
  })),
  {
    ...{ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'slow-api-node1', namespace: NS, labels } },
    spec: { suspend: true, template },
  },
  {
    ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', namespace: NS } },
    spec: {
      replicas: 0,
      selector: { matchLabels: { a: 'b' } },
      template: { metadata: { labels: { a: 'b' } }, spec: { containers: never.containers } },
    },
  },
);

/** What a line can go on with, and the directive; asked again when the cluster was slow, as a person presses TAB again. */
async function complete(
  line: string,
  env: Record<string, string> = {},
): Promise<{ found: string[]; directive: number }> {
  for (let attempt = 1; ; attempt += 1) {
    const ran = await retinaOk(['__complete', ...line.split(' ')], { env });
    assert.equal(ran.stderr, '', 'nothing disturbs the line that is typed');
    const lines = ran.stdout.split('\n');
    const found = lines.slice(0, -1).map((text) => text.split('\t')[0] ?? '');
    if (found.length > 0 || attempt === 8) return { found, directive: Number(lines.at(-1)?.slice(1)) };
  }
}

const NO_FILES = 4;
const NO_SPACE = 2;

/** A line, what it can go on with, and the directive. */
const rows: readonly (readonly [string, readonly string[], number?])[] = [
  ['', ['capture', 'version', 'completion']],
  ['capture st', ['status', 'stop']],
  ['help capture st', ['status', 'stop']],
  ['completion z', ['zsh']],
  ['capture create --pod-', ['--pod-selectors', '--pod-names']],
  ['capture --nam', ['--namespace']],
  ['capture create --dry-run s', ['server']],
  ['capture prune --dry-run ', ['client', 'server', 'none']],
  ['capture prune --ol', ['--older-than']],
  ['capture check --print-r', ['--print-rbac']],
  ['capture check -o ', ['json', 'yaml']],
  ['capture create --image-pull-policy=', ['Always', 'IfNotPresent', 'Never']],
  ['capture list -o js', ['json', 'jsonpath=']],
  ['capture create --wait=', ['true', 'false']],
  ['capture list --context ', ['testcluster']],
  ['capture list --user a', ['admin']],
  ['capture list --cluster=', ['testcluster']],
  ['--context test', ['testcluster']],
  [`capture list -n ${NS.slice(0, -1)}`, [NS]],
  ['capture create --node-names ', ['node1', 'node2'], NO_FILES | NO_SPACE],
  ['capture create --node-names node2,', ['node2,node1'], NO_FILES | NO_SPACE],
  [`capture create -n ${NS} --pod-names web-1,w`, ['web-1,web-2'], NO_FILES | NO_SPACE],
  [`-n ${NS} capture create --pod-names web-2`, ['web-2'], NO_FILES | NO_SPACE],
  [`capture status -n${NS} `, ['slow-api']],
  [`capture stop --namespace=${NS} --name sl`, ['slow-api']],
  [`capture delete -n ${NS} --kubeconfig KUBECONFIG s`, ['slow-api']],
  [`capture create -n ${NS} d`, ['deploy/', 'ds/'], NO_FILES | NO_SPACE],
  [`capture create -n ${NS} deploy/`, ['deploy/web']],
  [`capture create -n ${NS} pod/web-1 pod/`, ['pod/web-2']],
  [`capture create -n ${NS} pod w`, ['web-1', 'web-2']],
  ['capture create node/', ['node/node1', 'node/node2']],
  ['capture check node/', ['node/node1', 'node/node2']],
];

describe('completion from the live cluster', () => {
  for (const [line, found, directive = NO_FILES] of rows) {
    test(`${line}▁ → ${found.join(' ')}`, async () => {
      const typed = line.replace('KUBECONFIG', process.env.KUBECONFIG ?? '');
      assert.deepEqual(await complete(typed), { found, directive });
    });
  }

  test('files and directories are left to the shell; what is free text gets nothing', async () => {
    const directiveOf = async (line: string) => (await retinaOk(['__complete', ...line.split(' ')])).stdout;
    assert.equal(await directiveOf('capture list --kubeconfig '), ':0');
    assert.equal(await directiveOf('capture download -o '), ':16');
    assert.equal(await directiveOf('capture create --duration '), ':4');
    assert.equal(await directiveOf(`capture status -n ${NS} slow-api `), ':4');
  });

  test('flags have descriptions, and those that are given are not offered again', async () => {
    const { stdout } = await retinaOk(['__complete', 'capture', 'create', '--wait', '--']);
    assert.match(stdout, /^--duration\tsuch as 30s/m);
    assert.doesNotMatch(stdout, /^--wait\t/m);
    assert.match(stdout, /^--no-wait\t/m);
  });

  test('a cluster that does not answer gives nothing, soon; nor does one that refuses', async () => {
    const silent = net.createServer(() => undefined);
    await new Promise<void>((done) => silent.listen(0, '127.0.0.1', done));
    const { port } = silent.address() as net.AddressInfo;
    const plugin = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:1' } }],
    };
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: 'sleep', args: ['20'] };
    const config = join(directory, 'hanging-plugin');
    const context = { name: 'c', context: { cluster: 'c', user: 'u' } };
    writeFileSync(
      config,
      JSON.stringify({
        ...plugin,
        users: [{ name: 'u', user: { exec } }],
        contexts: [context],
        'current-context': 'c',
      }),
    );
    const flags = [
      ['-s', `https://127.0.0.1:${port}`],
      ['-s', 'https://127.0.0.1:1'],
      ['--token', 'wrong'],
      ['--context', 'none'],
      ['--kubeconfig', '/no/such'],
      ['--kubeconfig', config],
    ];
    for (const more of flags) {
      const ran = await retina(['__complete', 'capture', 'status', ...more, '']);
      assert.deepEqual([ran.code, ran.stdout, ran.stderr], [0, ':4', ''], more.join(' '));
      assert.ok(ran.seconds < 3, `${more.join(' ')}: ${ran.seconds} s`);
    }
    silent.close();
  });

  test('how long it takes', async (t) => {
    const times: number[] = [];
    for (let round = 0; round < 9; round += 1) {
      times.push((await retinaOk(['__complete', 'capture', 'status', '-n', NS, ''])).seconds * 1000);
    }
    times.sort((a, b) => a - b);
    t.diagnostic(
      `captures from the live cluster: ${times[4]?.toFixed(0)} ms (median of 9), ${times[8]?.toFixed(0)} ms at most`,
    );
    assert.ok((times[0] ?? 0) < 300, `the fastest took ${times[0]} ms`);
  });
});

describe('shells', () => {
  const run = async (command: string, args: readonly string[]) =>
    (await execa(command, args, { env: ENV, reject: false, timeout: 30_000, stdin: 'ignore' })).stdout;

  test('kubectl completes the plugin by kubectl_complete-retina', async () => {
    assert.match(await run('kubectl', ['__complete', 'retina', 'capture', 'st']), /^status\t.*\nstop\t.*\n:4/);
    assert.match(
      await run('kubectl', ['__complete', 'retina', 'capture', 'list', '--context', '']),
      /^testcluster\n:4/,
    );
  });

  test('kubectl finds the plugin in PATH: it lists what is in the cluster, and writes its own completer', async () => {
    const listed = await run('kubectl', ['retina', 'capture', 'list', '-n', NS, '-o', 'name']);
    assert.match(listed, /(^|\/)slow-api$/m);
    const completer = join(directory, 'kubectl_complete-retina');
    writeFileSync(completer, `${await run('kubectl', ['retina', 'completion', 'kubectl'])}\n`, { mode: 0o755 });
    // Alone in its directory, as a user of Krew has it: it finds the program in PATH.
    const ran = await execa(completer, ['capture', 'st'], { env: ENV });
    assert.match(ran.stdout, /^status\t.*\nstop\t.*\n:4/);
  });

  test('bash', async () => {
    const script = [
      'source <(kubectl-retina completion bash) || exit 1',
      `try() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _kubectl_retina 2>/dev/null; echo "\${COMPREPLY[*]}"; }`,
      'try kubectl-retina capture st',
      'try kubectl-retina capture create --dry-run = c',
      'try kubectl-retina capture list --context ""',
      'complete -p kubectl-retina',
    ].join('\n');
    const lines = (await run('bash', ['--norc', '-c', script])).split('\n');
    assert.deepEqual(lines.slice(0, 3), ['status stop', 'client', 'testcluster']);
    assert.match(lines[3] ?? '', /-F _kubectl_retina kubectl-retina/);
  });

  test('fish', async () => {
    const script = [
      'kubectl-retina completion fish | source',
      "complete -C 'kubectl-retina capture st'",
      "complete -C 'kubectl-retina capture create --dry-run=c'",
      "complete -C 'kubectl-retina '",
    ].join('\n');
    const lines = (await run('fish', ['--no-config', '-c', script])).split('\n').map((line) => line.split('\t')[0]);
    assert.deepEqual(lines, ['status', 'stop', '--dry-run=client', 'capture', 'completion', 'version']);
  });

  test('zsh, at a terminal of its own', async () => {
    const type = (line: string) => `zpty -w -n z $'${line}\\t'; sleep 2; zpty -w z $'\\x01print -r -- '; sleep 1`;
    const script = [
      'zmodload zsh/zpty; zpty z zsh -f -i',
      `zpty -w z "PROMPT= ; autoload -Uz compinit; compinit -u -D; source <(kubectl-retina completion zsh)"; sleep 1`,
      ...[
        'kubectl-retina capture stat',
        'kubectl-retina capture create --dry-run=c',
        'kubectl-retina version --cont',
      ].map(type),
      'zpty -w z exit; while zpty -r z line; do print -rn -- $line; done',
    ].join('\n');
    const said = await run('zsh', ['-f', '-c', script]);
    assert.match(said, /^kubectl-retina capture status\s*$/m);
    assert.match(said, /^kubectl-retina capture create --dry-run=client\s*$/m);
    assert.match(said, /^kubectl-retina version --context\s*$/m);
  });

  test('a shell that there is no script for', async () => {
    const ran = await retina(['completion', 'tcsh']);
    assert.equal(ran.code, 2);
    assert.match(ran.stderr, /no completion for "tcsh"\n {2}There is for bash, zsh, fish, powershell/);
  });
});
