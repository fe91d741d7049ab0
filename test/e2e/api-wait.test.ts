import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { type Asked, type Fate, type Faults, startFaults } from './support/api-faults.ts';
import { CLI, type Ran, retina, retinaOk, start } from './support/cli.ts';
import { kubectl, namespace, until } from './support/cluster.ts';
import { assertBothSaved, ended, forget, said } from './support/leavings.ts';
import { startTraffic } from './support/traffic.ts';

const NS = 'e2e-api-wait';
const fronts: Faults[] = [];
let clean: () => Promise<void>;

const isWatch = ({ watch }: Asked): boolean => watch;
const create = (name: string, seconds: number, env: Record<string, string>, ...flags: readonly string[]) => {
  forget(name);
  const args = ['capture', 'create', '-n', NS, '--name', name, '--duration', `${seconds}s`, '--wait', ...flags];
  return start(args, { env, timeoutSeconds: 180 });
};

async function front(): Promise<Faults> {
  const made = await startFaults();
  fronts.push(made);
  return made;
}

/** Fails unless a wait ended with "saved", and both tarballs are on their nodes, with packets that capinfos counts. */
async function assertSaved(name: string, ran: Ran): Promise<void> {
  assert.equal(ran.code, 0, ran.stderr);
  assert.match(ran.stderr, /✔ 2 of 2 tarballs saved/);
  await assertBothSaved(name);
}

function assertTold(stderr: string, seconds: RegExp): void {
  assert.equal(stderr.match(/the API server does not answer \(for \d+ s\); it is asked again\n/g)?.length, 1, stderr);
  assert.match(stderr, new RegExp(`the API server answers again, after ${seconds.source} s`));
}

before(async () => {
  clean = await namespace(NS);
  await startTraffic(NS);
});
after(async () => {
  for (const one of fronts) await one.end();
  await retina(['capture', 'delete', '--all', '-n', NS]);
  forget('rough', 'away', 'hole', 'token');
  await clean();
});

describe('waiting', { concurrency: true }, () => {
  test('watches that end, are too old, are refused for a while, cut or broken: the outcome is true', async () => {
    const { state, env } = await front();
    const fates: readonly Fate[] = [
      ...(['watch ends', 'watch is too old', { status: 410 }, 'cut before', { status: 429, retryAfter: 1 }] as const),
      ...[{ status: 500 }, { status: 503 }, { cutAfterBytes: 100 }, { cutAfterBytes: 5000 }],
    ];
    const turns = new Map<string, number>();
    state.fate = ({ watch, path }) => {
      if (!watch) return 'passes';
      const turn = turns.get(path) ?? 0;
      turns.set(path, turn + 1);
      return fates[turn] ?? 'passes';
    };
    const ran = await ended(create('rough', 8, env, '-v'));
    await assertSaved('rough', ran);
    assert.match(ran.stderr, /the watch of \S+\/pods ended; listing anew/);
    assert.match(ran.stderr, /the watch of \S+\/pods broke off and is renewed/);
    assert.match(ran.stderr, /GET \S+\/pods: try \d failed, another follows: the API server has too many requests/);
  });

  test('the server is away for 30 s: create --wait, status --watch and list --watch tell it, and go on', async () => {
    const { state, env, down, up } = await front();
    const waiting = create('away', 600, env);
    await said(waiting, 'node2: capturing', 90);
    const status = start(['capture', 'status', 'away', '-n', NS, '--watch'], { env, timeoutSeconds: 180 });
    const list = start(['capture', 'list', 'away', '-n', NS, '--watch'], { env, timeoutSeconds: 180 });
    const command = `stty cols 120 rows 30; exec '${CLI}' capture status away -n ${NS} --watch`;
    const terminal = execa('script', ['-qefc', command, '/dev/null'], {
      env: { TERM: 'xterm-256color', CI: undefined, ...env },
      stdin: 'ignore',
      timeout: 180_000,
    });
    await until('all four watch', () => state.seen.filter(isWatch).length >= 12, 60);
    await sleep(1000);
    down();
    await sleep(30_000);
    await up();
    await retinaOk(['capture', 'stop', 'away', '-n', NS]);
    const [waited, shown] = await Promise.all([ended(waiting), ended(status)]);
    await assertSaved('away', waited);
    assertTold(waited.stderr, /(2[5-9]|3\d)/);
    assert.equal(shown.code, 0, shown.stderr);
    assert.match(shown.stdout, /away · Completed/);
    assertTold(shown.stderr, /(2[5-9]|3\d)/);
    const { stdout: drawn } = await terminal;
    assert.match(
      drawn,
      /the API server does not answer \(for 1\d s\)[\s\S]*the API server does not answer \(for 2\d s\)/,
    );
    assert.doesNotMatch(drawn, /it is asked again/);
    await sleep(3000);
    list.kill('SIGINT');
    const listed = await ended(list);
    assert.equal(listed.code, 130, listed.stderr);
    assertTold(listed.stderr, /(2[5-9]|3\d)/);
    assert.match(listed.stdout, /away +Capturing[\s\S]*away +Completed +2\/2/);
  });

  test('packets to the server vanish for 40 s: it is noticed, told, and the wait goes on', async () => {
    const { env, swallow, unswallow } = await front();
    const waiting = create('hole', 20, env);
    await said(waiting, 'node2: capturing', 90);
    await swallow();
    await sleep(40_000);
    await unswallow();
    const ran = await ended(waiting);
    await assertSaved('hole', ran);
    // Packets that were held back may take their time once more after that, which is told again.
    assert.match(ran.stderr, /the API server does not answer \(for \d+ s\); it is asked again\n/);
    assert.match(ran.stderr, /the API server answers again, after [2-6]\d s/);
  });

  test('the token is no longer accepted when a watch is renewed: the plugin is called once more', async () => {
    const { state, env, kubeconfig, directory } = await front();
    const admin = /"token":"(\w+)"/.exec(readFileSync(env.KUBECONFIG, 'utf8'))?.[1] ?? '';
    const log = join(directory, 'calls');
    const answer = `{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"TOKEN"}}`;
    await kubectl('create', 'serviceaccount', 'admin', '-n', NS);
    await kubectl(
      'create',
      'rolebinding',
      'admin',
      '-n',
      NS,
      '--clusterrole=cluster-admin',
      `--serviceaccount=${NS}:admin`,
    );
    await kubectl('create', 'clusterrolebinding', NS, '--clusterrole=cluster-admin', `--serviceaccount=${NS}:admin`);
    const first = await kubectl('create', 'token', 'admin', '-n', NS);
    const script = `echo call >>'${log}'; if [ "$(wc -l <'${log}')" = 1 ]; then echo '${answer.replace('TOKEN', first)}'; else echo '${answer.replace('TOKEN', admin)}'; fi`;
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: 'sh', args: ['-c', script] };
    let watches = 0;
    state.fate = ({ watch, token }) => {
      if (watch) watches += 1;
      // Each of the three watches has begun once, and ends at once.
      if (watch && watches <= 3) return 'watch ends';
      return token === first && watches > 3 ? { status: 401 } : 'passes';
    };
    const ran = await ended(
      create('token', 6, { KUBECONFIG: kubeconfig({ exec: { ...exec, interactiveMode: 'Never' } }) }),
    );
    await kubectl('delete', 'clusterrolebinding', NS);
    await assertSaved('token', ran);
    assert.equal(readFileSync(log, 'utf8'), 'call\ncall\n');
    assert.ok(state.seen.some(({ fate }) => typeof fate === 'object' && 'status' in fate && fate.status === 401));
  });
});
