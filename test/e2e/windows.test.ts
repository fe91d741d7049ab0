import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { execa } from 'execa';
import { aim } from './support/aim.ts';
import { retina } from './support/cli.ts';
import { apply, kubectl, namespace, objects } from './support/cluster.ts';
import { pod } from './support/traffic.ts';

const NS = 'e2e-windows';
const NODE = 'e2e-windows-1';

/** A Windows node and a pod on it, as far as the API server can tell: nothing runs there. */
async function addWindowsNode(): Promise<void> {
  const labels = { 'kubernetes.io/os': 'windows', 'e2e-windows': 'yes' };
  await apply({ apiVersion: 'v1', kind: 'Node', metadata: { name: NODE, labels }, spec: { unschedulable: true } });
  const ready = { type: 'Ready', status: 'True', reason: 'Test', message: '', lastHeartbeatTime: new Date() };
  await status('node', NODE, { nodeInfo: { operatingSystem: 'windows' }, conditions: [ready] });
  await apply(pod(NS, 'iis', NODE, { web: ['serve'] }, { os: { name: 'windows' } }));
  await status('pod', 'iis', { phase: 'Running', podIP: '10.244.9.7', podIPs: [{ ip: '10.244.9.7' }] });
}

async function status(kind: 'node' | 'pod', name: string, value: object): Promise<void> {
  const patch = ['--subresource=status', '--type=merge', '-p', JSON.stringify({ status: value })];
  await kubectl('-n', NS, 'patch', kind, name, ...patch);
}

describe('Windows nodes', () => {
  let clean: () => Promise<void>;
  before(async () => {
    clean = await namespace(NS);
    await addWindowsNode();
  });
  after(async () => {
    await kubectl('delete', 'node', NODE, '--ignore-not-found');
    await retina(['capture', 'delete', '--all', '-n', NS, '--timeout', '10s']);
    await kubectl('-n', NS, 'delete', 'pod', '--all', '--force', '--grace-period=0');
    await clean();
  });

  test('are no part of the default target', async () => {
    const { specs, stderr } = await aim(NS, []);
    assert.deepEqual([...specs.keys()].sort(), ['node1', 'node2']);
    assert.doesNotMatch(stderr, /Windows/);
  });

  for (const args of [
    ['node', NODE],
    ['--node-names', NODE],
    ['--node-selectors', 'e2e-windows'],
  ]) {
    test(`get a Windows workload when they are meant: ${args.join(' ')}`, async () => {
      const { jobs, specs, stderr } = await aim(NS, args);
      const { tool, filter, pktmon } = specs.get(NODE) ?? {};
      assert.deepEqual([jobs.length, tool, filter], [1, 'pktmon', '']);
      assert.deepEqual(pktmon, { pods: [], include: [], exclude: [], sources: [], destinations: [] });
      assert.match(
        stderr,
        /^warning: e2e-windows-1: captures on Windows nodes have been tried with an emulated pktmon/m,
      );
      assert.deepEqual(jobs[0]?.spec?.template?.spec?.os, { name: 'windows' });
    });
  }

  test('a pod there brings its address; the API server takes the Job, and the pod that it makes', async () => {
    const { jobs, specs } = await aim(NS, ['pod/iis']);
    assert.deepEqual(specs.get(NODE)?.pktmon?.pods, ['10.244.9.7']);
    const template = jobs[0]?.spec?.template;
    const made = { ...template, apiVersion: 'v1', kind: 'Pod' };
    const metadata = { ...template?.metadata, name: 'trial', namespace: NS };
    const command = ['create', '--dry-run=server', '-o', 'json', '-f', '-'];
    const dry = await execa('kubectl', command, { input: JSON.stringify({ ...made, metadata }) });
    // kubectl tells the server's warnings there.
    assert.equal(dry.stderr, '');
    const { spec } = JSON.parse(dry.stdout) as { spec: { securityContext: object } };
    const windowsOptions = { hostProcess: true, runAsUserName: 'NT AUTHORITY\\SYSTEM' };
    assert.deepEqual(spec.securityContext, { windowsOptions });
  });

  test('what pktmon cannot do is refused before anything is created, by the name of the node', async () => {
    const before = await objects(NS);
    const args = ['--node-selectors', 'kubernetes.io/os', '--pcap-filter', 'tcp', '--exclude-filter', '22'];
    const ran = await retina(['capture', 'create', '-n', NS, ...args]);
    assert.equal(ran.code, 2);
    assert.match(
      ran.stderr,
      /^error: 2 problems, nothing was created\n.*--pcap-filter cannot be used on Windows .*: e2e-windows-1\n.*--exclude-/m,
    );
    assert.deepEqual(await objects(NS), before);
  });
});
