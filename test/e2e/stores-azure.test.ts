import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { execa } from 'execa';
import { azureAuthority, changesPodsOfAzure, identityPolicy } from './support/azure-authority.ts';
import { type Ran, retina } from './support/cli.ts';
import { apply, filesOn, kubectl, namespace, objects, onNode, until } from './support/cluster.ts';
import { packetsIn, sha256 } from './support/judge.ts';
import { isTarball } from './support/leavings.ts';
import { blobServer, HOST } from './support/stores.ts';

const NS = 'e2e-azure';
const ACCOUNT = 'capturer';
/** Its pods have no identity but that of the machine. */
const MACHINE = 'machine';
const RESCUED = '/var/lib/retina/rescued';

/** Azure Blob without a SAS: who writes and reads is known by a token. */
describe('identities of Azure', () => {
  const directory = mkdtempSync(join(tmpdir(), 'retina-e2e-'));
  const tls = { certificate: join(directory, 'ca.crt'), key: join(directory, 'tls.key') };
  const file = join(directory, 'token');
  let clean: () => Promise<void>;
  let blob: ReturnType<typeof blobServer>;
  let authority: ReturnType<typeof azureAuthority>;

  before(async () => {
    const subject = ['-subj', '/CN=authority of a test', '-addext', `subjectAltName=IP:${HOST}`];
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', tls.key];
    await execa('openssl', ['req', '-x509', '-days', '2', '-out', tls.certificate, ...key, ...subject]);
    blob = blobServer(17490, tls);
    authority = azureAuthority(17491, tls);
    clean = await namespace(NS);
    await Promise.all([
      blob.start().then(() => blob.makeContainer('caps')),
      ...[ACCOUNT, MACHINE].map((account) => kubectl('create', 'serviceaccount', account, '-n', NS)),
      kubectl('create', 'configmap', 'authority', '-n', NS, `--from-file=ca.crt=${tls.certificate}`),
      apply(...identityPolicy(NS, ACCOUNT, authority.env('/azure/token/azure-identity-token'))),
      apply(...identityPolicy(NS, MACHINE, authority.machine)),
    ]);
    for (const account of [ACCOUNT, MACHINE]) await until('the policy holds', () => changesPodsOfAzure(NS, account));
    const audience = ['--audience', 'api://AzureADTokenExchange'];
    writeFileSync(file, await kubectl('create', 'token', ACCOUNT, '-n', NS, ...audience));
  });
  after(async () => {
    await retina(['capture', 'delete', '--all', '-n', NS]);
    await clean();
    const policies = 'mutatingadmissionpolicy,mutatingadmissionpolicybinding';
    await kubectl('delete', policies, `${NS}-${ACCOUNT}`, `${NS}-${MACHINE}`);
    authority.end();
    await blob.end();
    rmSync(directory, { recursive: true });
    for (const name of filesOn('node1', RESCUED).filter((each) => each.startsWith('azure-')))
      rmSync(onNode('node1', join(RESCUED, name)));
  });

  const run = (args: readonly string[], env: Record<string, string> = {}): Promise<Ran> =>
    retina(['capture', ...args], { env: { NODE_EXTRA_CA_CERTS: tls.certificate, ...env }, timeoutSeconds: 200 });
  const capture = (name: string, ...flags: string[]): Promise<Ran> =>
    run([
      'create',
      '-n',
      NS,
      '--name',
      name,
      '--duration',
      '1s',
      '--wait',
      '--blob-upload',
      `${blob.account}/caps`,
      ...flags,
    ]);
  const mine = async (name: string): Promise<string[]> =>
    (await blob.names('caps')).filter((each) => each.startsWith(`${name}-node`) && isTarball(each));
  const got = (to: string, name: string): string[] => readdirSync(join(directory, to, name));

  async function assertSame(to: string, name: string): Promise<void> {
    assert.deepEqual(got(to, name), await mine(name));
    for (const each of got(to, name))
      assert.equal(sha256(readFileSync(join(directory, to, name, each))), sha256(await blob.read('caps', each)));
  }

  test('no SAS: the workload identity of the service account, as the webhook gives it to the pods', async () => {
    const ran = await capture('azure-own', '--service-account', ACCOUNT);
    assert.equal(ran.code, 0, ran.stdout + ran.stderr);
    assert.match(ran.stderr, /caps has no SAS: the pods write to it by their own identity/);
    const names = await mine('azure-own');
    assert.equal(names.length, 2);
    const told = JSON.parse((await run(['status', 'azure-own', '-n', NS, '-o', 'json'])).stdout).nodes;
    const packets = await Promise.all(names.map(async (name) => packetsIn(await blob.read('caps', name))));
    assert.deepEqual(
      packets,
      told.map((node: { packets: number }) => node.packets),
    );
    const [first] = authority.asked;
    assert.equal(first?.subject, `system:serviceaccount:${NS}:${ACCOUNT}`);
    assert.equal(first?.form.get('scope')?.includes('https://storage.azure.com/.default'), true);
    const there = (await objects(NS)).filter((each) => each.startsWith('Secret'));
    assert.deepEqual(there, []);
    const pods = ['get', 'pods', '-n', NS, '-l', 'azure.workload.identity/use=true', '-o'];
    assert.equal((await kubectl(...pods, 'name')).split('\n').length, 2);
    assert.equal(await kubectl(...pods, 'jsonpath={.items[0].spec.automountServiceAccountToken}'), 'false');
  });

  test('download and list: by the identity of whoever asks', async () => {
    const asked = authority.asked.length;
    const store = ['--blob-url', `${blob.account}/caps`];
    // Its pods alone name this host, which is none of Azure's own.
    const strange = await run(['download', 'azure-own', '-n', NS, '-o', join(directory, 'own')], authority.env(file));
    assert.equal(strange.code, 1);
    assert.match(
      strange.stderr,
      /should be in https:\S+caps, where your identity is shown only if you type that place/,
    );
    assert.match(strange.stderr, /capture download azure-own --blob-url https:\S+caps\n/);
    assert.match(strange.stderr, /capture download azure-own --blob-url 'https:\S+caps\?<SAS>'/);
    assert.equal(authority.asked.length, asked);
    const typed = ['download', 'azure-own', '-o', join(directory, 'own'), ...store];
    const workload = await run(typed, authority.env(file));
    assert.equal(workload.code, 0, workload.stderr);
    assert.ok(authority.asked.length > asked);
    await assertSame('own', 'azure-own');
    const alone = { ...authority.machine, KUBECONFIG: '/nonexistent' };
    const machine = await run(['download', 'azure-own', '-o', join(directory, 'machine'), ...store], alone);
    assert.equal(machine.code, 0, machine.stderr);
    await assertSame('machine', 'azure-own');
    const listed = await run(['list', ...store], alone);
    assert.match(listed.stdout, /\nazure-own +Completed +2\/2 /, listed.stderr);
  });

  test('no SAS: the managed identity of the machine, asked for at its metadata service', async () => {
    const asked = authority.asked.length;
    const ran = await capture('azure-machine', '--service-account', MACHINE);
    assert.equal(ran.code, 0, ran.stdout + ran.stderr);
    assert.equal((await mine('azure-machine')).length, 2);
    assert.equal(authority.asked.length, asked);
  });

  test('an identity that the authority refuses: exit code 1, its words, the tarball on the node', async () => {
    authority.state.refuses = true;
    const ran = await capture('azure-refused', '--service-account', ACCOUNT, '--node-names', 'node1');
    authority.state.refuses = false;
    assert.equal(ran.code, 1);
    assert.match(
      ran.stderr,
      /not saved to https:\S+caps\/azure-refused-node1\S+: .*AADSTS700213: No matching federated/,
    );
    assert.match(ran.stderr, /kept on node1: \/var\/lib\/retina\/rescued\/azure-refused-node1/);
    assert.deepEqual(await mine('azure-refused'), []);
  });

  test('no identity at all: exit code 1, what was looked for, the tarball on the node', async () => {
    const ran = await capture('azure-nobody', '--node-names', 'node1');
    assert.equal(ran.code, 1);
    assert.match(ran.stderr, /no identity was found, and the URL has no SAS: EnvironmentCredential is unavailable; /);
    assert.match(ran.stderr, /kept on node1: \/var\/lib\/retina\/rescued\/azure-nobody-node1/);
    assert.ok(ran.seconds < 40, `${ran.seconds} s`);
    const store = ['--blob-url', `${blob.account}/caps`];
    const none = await run(['download', 'azure-own', '-o', join(directory, 'none'), ...store]);
    assert.equal(none.code, 1);
    assert.match(none.stderr, /no identity was found.*Azure CLI could not be found/);
  });
});
