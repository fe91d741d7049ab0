import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { execa } from 'execa';
import { retina, retinaOk } from './support/cli.ts';
import {
  apply,
  filesOn,
  items,
  kubectl,
  NODES,
  namespace,
  objects,
  onNode,
  SCRIPTS,
  until,
} from './support/cluster.ts';
import { sha256 } from './support/planted.ts';

const NS = 'e2e-reference';
const NAME = 'ref';
const NODE = 'node1';
const GOLDEN = join(import.meta.dirname, '../golden');
/** What its download pods run on Linux. */
const DOWNLOAD_IMAGE = 'mcr.microsoft.com/azurelinux/busybox:1.36';
/** The reference CLI, built from its sources; tests of it are skipped without it. */
const REFERENCE = process.env.REFERENCE_CLI;
const skip = REFERENCE === undefined ? 'REFERENCE_CLI names no binary of the reference CLI' : false;

type Container = { image: string; command: string[] };
type ReferenceJob = {
  metadata: { namespace?: string };
  spec: { template: { metadata: { annotations: Record<string, string> }; spec: { containers: Container[] } } };
};

function golden<T>(name: string): T {
  return JSON.parse(readFileSync(join(GOLDEN, name), 'utf8')) as T;
}

/** The Job that the reference CLI made, with a container that only writes the tarball: its own image is not here. */
async function referenceJob(): Promise<ReferenceJob> {
  const [node] = await items<{ metadata: { labels: Record<string, string> } }>(
    'nodes',
    '--field-selector',
    `metadata.name=${NODE}`,
  );
  // It finds a node by this label, which is the node's name wherever the reference works.
  const hostname = node?.metadata.labels['kubernetes.io/hostname'] ?? '';
  const job = JSON.parse(
    JSON.stringify(golden('reference-job.json')).replace(`"${NODE}"]`, `"${hostname}"]`),
  ) as ReferenceJob;
  const { annotations } = job.spec.template.metadata;
  const tarball = `${annotations['retina-capture-hostpath']}/${annotations['retina-capture-filename']}.tar.gz`;
  const [container] = job.spec.template.spec.containers;
  assert.ok(container);
  container.image = 'localhost/debian:test';
  container.command = ['sh', '-c', `cd /etc && tar -czf ${tarball} passwd hostname`];
  job.metadata.namespace = NS;
  return job;
}

describe('captures of the reference CLI', () => {
  const directory = mkdtempSync(join(tmpdir(), 'retina-reference-'));
  const { annotations } = golden<ReferenceJob>('reference-job.json').spec.template.metadata;
  const host = annotations['retina-capture-hostpath'] ?? '';
  const tarball = `${annotations['retina-capture-filename']}.tar.gz`;
  let clean: () => Promise<void>;
  before(async () => {
    clean = await namespace(NS);
    const secrets = golden<{ metadata: object }[]>('reference-secrets.json').map((secret) => {
      const { ownerReferences: _, ...metadata } = secret.metadata as { ownerReferences?: unknown };
      return { ...secret, metadata: { ...metadata, namespace: NS } };
    });
    await apply(...secrets, await referenceJob());
    await until('the reference capture has ended', () => filesOn(NODE, host).includes(tarball));
    await kubectl('-n', NS, 'wait', '--for=condition=Complete', 'job', '-l', `capture-name=${NAME}`, '--timeout=60s');
  });
  after(async () => {
    await clean();
    rmSync(directory, { recursive: true });
    for (const node of NODES) {
      rmSync(onNode(node, host), { recursive: true, force: true });
      await execa(join(SCRIPTS, 'node'), ['exec', node, 'ctr', '-n', 'k8s.io', 'images', 'rm', DOWNLOAD_IMAGE]);
    }
  });

  test('are listed', async () => {
    const { stdout } = await retinaOk(['capture', 'list', '-n', NS]);
    assert.match(stdout, /\nref +Completed +1\/1 .* host path/);
  });

  test('are shown, with the node and the tarball', async () => {
    const { stdout } = await retinaOk(['capture', 'status', NAME, '-n', NS]);
    assert.match(stdout, /^ref · Completed · 1 node/);
    assert.match(stdout, new RegExp(`\\nnode1 +completed .*${host}/${tarball}`));
  });

  test('are downloaded whole', async () => {
    await retinaOk(['capture', 'download', NAME, '-n', NS, '-o', directory]);
    assert.equal(sha256(join(directory, NAME, tarball)), sha256(onNode(NODE, `${host}/${tarball}`)));
  });

  test('are deleted, their Secrets too, and their files stay', async () => {
    const had = await objects(NS);
    assert.deepEqual(
      had.map((object) => object.split('/')[0]),
      ['Job', 'Pod', 'Secret', 'Secret'],
    );
    await retinaOk(['capture', 'delete', NAME, '-n', NS]);
    assert.deepEqual(await objects(NS), []);
    assert.ok(filesOn(NODE, host).includes(tarball));
  });

  test('ours are listed, downloaded and deleted by it', { skip }, async () => {
    const theirs = (verb: string, ...flags: readonly string[]) =>
      execa(REFERENCE ?? '', ['capture', verb, '-n', NS, ...flags]);
    const flags = ['-n', NS, '--name', 'ours', '--host-path', host, '--duration', '1s', '--wait', '-o', 'name'];
    const jobs = (await retinaOk(['capture', 'create', ...flags])).stdout.trim().split('\n');
    assert.equal(jobs.length, 2);
    const listed = (await theirs('list')).stdout;
    for (const job of jobs) assert.match(listed, new RegExp(`${NS} +ours +${job.replace('job.batch/', '')} `));
    // Its pods run this image; any with a shell will do.
    await execa(join(SCRIPTS, 'image/load'), ['debian', DOWNLOAD_IMAGE]);
    await kubectl('-n', NS, 'wait', '--for=jsonpath={.status.phase}=Succeeded', 'pod', '-l', 'capture-name=ours');
    await theirs('download', '--name', 'ours', '-o', directory);
    for (const node of NODES) {
      const [name = ''] = filesOn(node, host).filter((file) => /^ours-.*\.tar\.gz$/.test(file));
      assert.equal(sha256(join(directory, 'ours', name)), sha256(onNode(node, `${host}/${name}`)));
    }
    await theirs('delete', '--name', 'ours');
    await until('nothing is left of ours', async () =>
      (await objects(NS)).every((each) => each.includes('-download-')),
    );
    assert.match((await retina(['capture', 'status', 'ours', '-n', NS])).stderr, /there is no capture ours/);
  });
});
