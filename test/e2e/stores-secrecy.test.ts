import assert from 'node:assert/strict';
import { globSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { retina, start } from './support/cli.ts';
import { filesOn, items, kubectl, namespace, onNode, STATE, until } from './support/cluster.ts';
import { unpack } from './support/judge.ts';
import { ended, isTarball } from './support/leavings.ts';
import { type Process, processes } from './support/processes.ts';
import { blobServer, S3_KEYS, s3Server } from './support/stores.ts';

const NS = 'e2e-stores-secrecy';
const RESCUED = '/var/lib/retina/rescued';
const s3 = s3Server(17080);
const blob = blobServer(17110);
/** Of keys that the store does not take, so that what was captured is kept and its refusal told. */
const SECRET = 'wrong-and-secret/+=%42';
const TOKEN = 'a-token-that-nobody-gave';

describe('credentials of stores', () => {
  const output = mkdtempSync(join(tmpdir(), 'retina-e2e-'));
  let clean: () => Promise<void>;
  let sas = '';
  before(async () => {
    clean = await namespace(NS);
    await Promise.all([s3.start(), blob.start()]);
    await s3.makeBucket('evidence');
    sas = (await blob.sas('caps')).replace('/caps', '/nowhere');
  });
  after(async () => {
    await clean();
    await Promise.all([s3.end(), blob.end()]);
    rmSync(output, { recursive: true });
    for (const name of rescued()) rmSync(onNode('node1', join(RESCUED, name)));
  });

  const rescued = (): string[] => filesOn('node1', RESCUED).filter((name) => name.startsWith('hidden-node1-'));
  const stores = ['--s3-bucket', 'evidence', '--s3-endpoint', s3.url, '--blob-upload'];
  const env = { AWS_ACCESS_KEY_ID: S3_KEYS.accessKeyId, AWS_SECRET_ACCESS_KEY: SECRET, AWS_SESSION_TOKEN: TOKEN };

  /** In every spelling that a URL, a manifest or a Secret has. */
  function spellings(): string[] {
    const sig = new URL(sas).searchParams.get('sig') ?? '';
    return [sig, SECRET, TOKEN].flatMap((text) => [
      ...[text, encodeURIComponent(text), JSON.stringify(text).slice(1, -1)],
      Buffer.from(text).toString('base64').replace(/=+$/, ''),
    ]);
  }
  function assertNoneIn(places: Record<string, string>): void {
    for (const [place, text] of Object.entries(places)) {
      assert.ok(text.length > 60, `${place} is there: ${text}`);
      for (const credential of spellings()) assert.ok(!text.includes(credential), `a credential in ${place}`);
    }
  }
  const textOf = ({ stdout, stderr }: { stdout: string; stderr: string }): string => stdout + stderr;
  const run = async (verb: string, ...more: string[]): Promise<string> =>
    textOf(await retina(['capture', verb, '-v', '-n', NS, ...more], { env }));

  test('are nowhere but in their Secret: not in objects, logs, processes, outputs, files or tarballs', async () => {
    const bounds = ['--node-names', 'node1', '--duration', '4s', '--wait', '--timeout', '2m'];
    const client = start(['capture', 'create', '-v', '--name', 'hidden', '-n', NS, ...bounds, ...stores, sas], { env });
    const isOfPod = await podOf('hidden');
    let seen: Process[] = [];
    await until('its tcpdump runs', () => {
      seen = processes().filter(({ pid }) => pid !== client.pid);
      return seen.some((process) => isOfPod(process) && process.command.startsWith('tcpdump\0'));
    });
    const secrets = await kubectl('get', 'secrets', '-n', NS, '-l', 'capture-name=hidden', '-o', 'json');
    const ran = await ended(client);
    assert.equal(ran.code, 1, ran.stderr);
    assertNoneIn({
      output: textOf(ran),
      'what runs in the pod': JSON.stringify(seen.filter(isOfPod)),
      'what runs on the machine': JSON.stringify(seen.map(({ command, environment }) => [command, environment])),
      status: await run('status', 'hidden'),
      document: await run('status', 'hidden', '-o', 'json'),
      list: await run('list', '-o', 'wide'),
      download: await run('download', 'hidden', '-o', output),
      objects: await kubectl('get', 'jobs,pods,events,configmaps', '-n', NS, '-o', 'json'),
      described: await kubectl('describe', 'jobs,pods', '-n', NS),
      log: await kubectl('logs', '-n', NS, '-l', 'capture-name=hidden', '--tail=-1'),
      'logs of the cluster': logsOf(),
      beside: readFileSync(onNode('node1', join(RESCUED, rescued().find((name) => !isTarball(name)) ?? '')), 'latin1'),
      ...(await contents()),
      delete: await run('delete', 'hidden'),
    });
    // What is looked for is spelt as it would be found.
    for (const text of [SECRET, TOKEN, sas]) assert.ok(secrets.includes(Buffer.from(text).toString('base64')));
    assert.ok(spellings().every((text) => text.length > 20));
  });

  test('are in no refusal and no dry run', async () => {
    const create = (...more: string[]): Promise<string> => run('create', '--name', 'not', ...stores, ...more);
    assertNoneIn({
      client: await create(sas, '--dry-run=client', '-o', 'yaml'),
      server: await create(sas, '--dry-run=server', '-o', 'json'),
      'two places': await create(sas, '--blob-secret', 'x', '--s3-secret', 'y'),
      'no SAS': await create(sas.replace('https', 'ftp').replace('http', 'ftp')),
      'an unknown namespace': await create(sas, '-n', 'e2e-nowhere'),
      'a Secret in its place': await create(sas, '--pvc', 'none'),
      'store that refuses a list': await run('list', '--blob-url', sas),
      'store that refuses a read': await run('download', 'not', '--blob-url', sas, '-o', output),
      'store that refuses keys': await run('list', ...stores.slice(0, 4)),
    });
  });

  /** Tells the processes of a capture's one pod. */
  async function podOf(capture: string): Promise<(process: Process) => boolean> {
    let uid = '';
    await until('its pod is there', async () => {
      type Pod = { metadata: { uid: string } };
      [uid = ''] = (await items<Pod>('pods', '-n', NS, '-l', `capture-name=${capture}`)).map((pod) => pod.metadata.uid);
      return uid !== '';
    });
    return ({ cgroup }) => cgroup.includes(uid);
  }

  /** The kept tarball's files; packets apart: a store without TLS shows the SAS to whoever captures its line. */
  async function contents(): Promise<Record<string, string>> {
    const directory = await unpack(onNode('node1', join(RESCUED, rescued().find(isTarball) ?? '')));
    const files = readdirSync(directory, { recursive: true, encoding: 'utf8' })
      .map((name) => join(directory, name))
      .filter((path) => statSync(path).isFile());
    const read = (wanted: (path: string) => boolean): string =>
      files
        .filter(wanted)
        .map((path) => readFileSync(path, 'latin1'))
        .join();
    const [packets, rest] = [read((path) => path.endsWith('.pcap')), read((path) => !path.endsWith('.pcap'))];
    rmSync(directory, { recursive: true });
    assert.ok(packets.length > 1000 && !packets.includes(SECRET), 'keys of S3 are not sent');
    return { tarball: rest };
  }
});

/** Logs of the control plane, the kubelets and what they run. */
function logsOf(): string {
  const files = globSync([
    `${STATE}/log/*.log`,
    `${STATE}/nodes/*/var/log/*.log`,
    `${STATE}/nodes/*/var/log/pods/${NS}_*/**/*.log`,
  ]);
  return files.map((path) => readFileSync(path, 'latin1')).join();
}
