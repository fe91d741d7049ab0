import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { type Asked, type Fate, type Faults, startFaults } from './support/api-faults.ts';
import { type Ran, retina, retinaOk } from './support/cli.ts';
import { kubectl, namespace, onNode } from './support/cluster.ts';
import { packetsIn, sha256 } from './support/judge.ts';
import { DIR, downloads, forget, tarballsOf, untilNoDownloads } from './support/leavings.ts';
import { adminTokens, pluginOf } from './support/token-plugin.ts';
import { startTraffic } from './support/traffic.ts';

const NS = 'e2e-api-download';
const NAME = 'evidence';
/** Bytes after which a stream is cut: less than any tarball has, more than the handshake. */
const SOME = 12_000;

const here = mkdtempSync(join(tmpdir(), 'retina-e2e-'));
let front: Faults;
let clean: () => Promise<void>;

const isExec = ({ path }: Asked): boolean => path.endsWith('/exec');
const isJob = ({ method, path }: Asked): boolean => method === 'POST' && path.endsWith('/jobs');
const isDelete = ({ method }: Asked): boolean => method === 'DELETE';

/** The n-th of the requests that are meant gets the n-th fate; those beyond pass, as do all others. */
function inTurn(meant: (asked: Asked) => boolean, fates: readonly Fate[]): (asked: Asked) => Fate {
  let n = 0;
  return (asked) => (meant(asked) ? (fates[n++] ?? 'passes') : 'passes');
}

async function download(env: Record<string, string> = front.env, ...flags: readonly string[]) {
  const output = mkdtempSync(join(here, 'to-'));
  const ran = await retina(['capture', 'download', NAME, '-n', NS, '-o', output, ...flags], { env });
  return { ran, output: join(output, NAME) };
}

/** Fails unless both tarballs are here, byte for byte as on their nodes, with packets that capinfos counts. */
async function assertDownloaded({ ran, output }: { ran: Ran; output: string }): Promise<void> {
  assert.equal(ran.code, 0, ran.stderr);
  assert.match(ran.stderr, /✔ 2 tarballs downloaded and verified/);
  const tarballs = tarballsOf(NAME);
  assert.deepEqual(readdirSync(output).sort(), tarballs.map(({ name }) => name).sort());
  for (const { node, name } of tarballs) {
    const bytes = readFileSync(join(output, name));
    assert.equal(sha256(bytes), sha256(readFileSync(onNode(node, `${DIR}/${name}`))));
    assert.ok((await packetsIn(bytes)) > 0, name);
  }
}

before(async () => {
  front = await startFaults();
  clean = await namespace(NS);
  forget(NAME);
  await startTraffic(NS);
  await retinaOk(['capture', 'create', '-n', NS, '--name', NAME, '--duration', '3s', '--wait']);
});
afterEach(async () => {
  front.state.fate = () => 'passes';
  assert.deepEqual(await downloads(NS), [], 'no download pod is left');
});
after(async () => {
  await front.end();
  rmSync(here, { recursive: true });
  await retina(['capture', 'delete', '--all', '-n', NS]);
  forget(NAME);
  await clean();
});

describe('download', () => {
  test('its pods are created, asked and removed against refusals, cuts and lost answers', async () => {
    const rules = [
      inTurn(isJob, ['cut after', { status: 429, retryAfter: 1 }]),
      inTurn(isExec, [{ status: 503 }, 'cut before', { status: 500 }]),
      inTurn(isDelete, ['cut after', { status: 503 }, { status: 429, retryAfter: 1 }]),
    ];
    front.state.fate = (asked) => rules.map((rule) => rule(asked)).find((fate) => fate !== 'passes') ?? 'passes';
    await assertDownloaded(await download());
  });

  test('its streams are cut in the middle: it goes on from there', async () => {
    front.state.fate = inTurn(
      isExec,
      Array.from({ length: 4 }, () => ({ cutAfterBytes: SOME })),
    );
    const got = await download();
    await assertDownloaded(got);
    assert.match(got.ran.stderr, /the stream was cut; going on from/);
  });

  test('its Jobs, or its streams, are refused for good, or done and never confirmed: said so, nothing is fetched or left', async () => {
    const cases: readonly (readonly [meant: (asked: Asked) => boolean, fate: Fate, words: RegExp])[] = [
      [isJob, { status: 403 }, /✖ 0 tarballs downloaded.*\n +the front says 403/],
      [isExec, { status: 403 }, /you may not run commands in pods \(create and get pods\/exec\)/],
      [isJob, 'cut after', /the API server \S+ closed the connection \(tried \d+ times/],
    ];
    for (const [meant, fate, words] of cases) {
      front.state.fate = (asked) => (meant(asked) ? fate : 'passes');
      const { ran, output } = await download(front.env, '--node-names', 'node1', '--request-timeout', '3s');
      assert.equal(ran.code, 1, ran.stderr);
      assert.equal(ran.stdout, '');
      assert.match(ran.stderr, words);
      assert.deepEqual(existsSync(output) ? readdirSync(output) : [], []);
      assert.deepEqual(await downloads(NS), [], 'no download pod is left');
    }
  });

  test('the server goes away in the middle, for 30 s: told, and it goes on', async () => {
    let away = false;
    front.state.fate = (asked) => {
      if (!isExec(asked) || away) return 'passes';
      away = true;
      setTimeout(front.down, 500);
      setTimeout(front.up, 30_500);
      return { cutAfterBytes: SOME };
    };
    const got = await download();
    await assertDownloaded(got);
    assert.match(got.ran.stderr, /the API server does not answer \(for \d+ s\); it is asked again/);
    assert.match(got.ran.stderr, /the API server answers again, after (2\d|3\d) s/);
  });

  test('it goes away for good: nothing is called downloaded, the pods are named; the same command goes on', async () => {
    let streams = 0;
    front.state.fate = (asked) => {
      if (!isExec(asked)) return 'passes';
      streams += 1;
      if (streams === 1) setTimeout(front.down, 1000);
      return { cutAfterBytes: SOME };
    };
    const flags = ['--node-names', 'node1', '--request-timeout', '4s'];
    const { ran, output } = await download(front.env, ...flags);
    await front.up();
    assert.equal(ran.code, 1, ran.stderr);
    assert.equal(ran.stdout, '');
    assert.doesNotMatch(ran.stderr, /✔|verified\n/);
    assert.match(ran.stderr, /the download pod on node node1 could not be removed: .*refused the connection/);
    assert.match(
      ran.stderr,
      /It ends by itself after a minute, or: kubectl delete job\/evidence-download-\S+ -n e2e-api-download/,
    );
    const command = /kubectl (delete job\/\S+ -n \S+)/.exec(ran.stderr)?.[1] ?? '';
    await kubectl(...command.split(' '));
    await untilNoDownloads(NS);
    front.state.fate = () => 'passes';
    await retinaOk(['capture', 'download', NAME, '-n', NS, '-o', join(output, '..')], { env: front.env });
    await assertDownloaded({ ran: { ...ran, code: 0, stderr: '✔ 2 tarballs downloaded and verified' }, output });
  });

  test('the token is no longer accepted in the middle: the plugin is called once more', async () => {
    const tokens = await adminTokens(NS);
    const plugin = pluginOf(here, tokens);
    let streams = 0;
    front.state.fate = (asked) => {
      if (isExec(asked)) streams += 1;
      if (asked.token === tokens[0] && streams > 1) return { status: 401 };
      return isExec(asked) && streams === 1 ? { cutAfterBytes: SOME } : 'passes';
    };
    const env = { KUBECONFIG: front.kubeconfig(plugin.user) };
    await assertDownloaded(await download(env));
    assert.equal(plugin.calls(), 2);
    assert.ok(
      front.state.seen.some(({ fate, token }) => typeof fate === 'object' && 'status' in fate && token === tokens[0]),
    );
  });

  test('a token that stays refused: the plugin is called once more, and it is said what to do', async () => {
    const tokens = await adminTokens(NS);
    const plugin = pluginOf(here, [tokens[0] ?? '', tokens[0] ?? '']);
    front.state.fate = () => ({ status: 401 });
    const { ran } = await download({ KUBECONFIG: front.kubeconfig(plugin.user) });
    assert.equal(ran.code, 1);
    assert.match(ran.stderr, /error: the API server does not accept your token\n.*Log in again/);
    assert.ok(plugin.calls() <= 3, `called ${plugin.calls()} times`);
  });
});
