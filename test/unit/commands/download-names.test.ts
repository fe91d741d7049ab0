import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { downloadNames, wantedCaptures } from '../../../src/commands/download-names.ts';
import { UsageError } from '../../../src/errors.ts';
import type { Cluster, Job, Selection } from '../../../src/kube/cluster.ts';
import { jobOf, START } from '../support/builders.ts';
import { clusterPart } from '../support/cluster-part.ts';

/** Of a cluster, only what finds captures. */
function clusterOf(namespace: string, jobs: readonly Job[]): Cluster {
  const list = async (kind: string, { namespace: where }: Selection) => {
    if (kind === 'nodes') return [{ metadata: { name: 'node1' } }, { metadata: { name: 'node2' } }];
    return kind === 'jobs' ? jobs.filter((job) => where === undefined || job.metadata?.namespace === where) : [];
  };
  return clusterPart({ namespace, now: () => START, list, withNamespace: (other: string) => clusterOf(other, jobs) });
}

function inNamespace(namespace: string, node: string): Job {
  const job = jobOf(node);
  return { ...job, metadata: { ...job.metadata, namespace, uid: `${namespace}/${node}` } };
}

const cluster = clusterOf('shop', [
  inNamespace('shop', 'node1'),
  inNamespace('shop', 'node2'),
  inNamespace('zoo', 'node1'),
]);
const everything = { names: undefined, output: 'out', nodes: undefined };

suite('what download fetches', () => {
  test('named captures go into a directory each', async () => {
    const names = downloadNames(['a', 'b'], { name: 'a' });
    const wanted = await wantedCaptures(cluster, {}, { ...everything, ...(names && { names }) });
    assert.deepEqual(
      wanted.map(({ directory }) => directory),
      ['out/a', 'out/b'],
    );
  });

  test('--all is the captures of the namespace', async () => {
    assert.equal(downloadNames([], { all: true }), undefined);
    const wanted = await wantedCaptures(cluster, { all: true }, everything);
    assert.deepEqual(
      wanted.map(({ label, directory }) => [label, directory]),
      [['web', 'out/web']],
    );
  });

  test('captures of one name in two namespaces go into directories of their own, each from its namespace', async () => {
    const wanted = await wantedCaptures(cluster, { all: true, allNamespaces: true }, everything);
    assert.deepEqual(
      wanted.map((one) => [one.label, one.directory, one.cluster.namespace]),
      [
        ['shop/web', 'out/shop/web', 'shop'],
        ['zoo/web', 'out/zoo/web', 'zoo'],
      ],
    );
  });

  test('a name that leads elsewhere is refused: labels of Kubernetes have no slash', async () => {
    for (const capture of ['../x', '..', '/etc', 'a/b', '.ssh']) {
      const lying = clusterOf('shop', [jobOf('node1', { capture })]);
      await assert.rejects(wantedCaptures(lying, { all: true }, everything), /tells of a capture whose place would be/);
    }
  });

  test('--node-names takes of each capture what it has there, and leaves out those that have nothing', async () => {
    const all = { all: true, allNamespaces: true };
    const on = (nodes: readonly string[]) => wantedCaptures(cluster, all, { ...everything, nodes });
    assert.deepEqual(
      (await on(['node2'])).map(({ label, nodes }) => [label, nodes]),
      [['shop/web', ['node2']]],
    );
    assert.deepEqual(
      (await on(['node1', 'node2'])).map(({ nodes }) => nodes),
      [['node1', 'node2'], ['node1']],
    );
    await assert.rejects(on(['node9']), /no node node9/);
  });

  test('--all takes no names, -A only goes with --all', () => {
    const wrong = [
      { args: ['a'], flags: { all: true } },
      { args: [], flags: { all: true, name: 'a' } },
      { args: ['a'], flags: { allNamespaces: true } },
      { args: [], flags: {} },
    ];
    for (const { args, flags } of wrong) assert.throws(() => downloadNames(args, flags), UsageError);
  });
});
