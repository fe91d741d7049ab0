import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { FoundObject } from '../../../src/capture/read-objects.ts';
import { readObjects } from '../../../src/capture/read-objects.ts';
import type { Snapshot } from '../../../src/capture/snapshot.ts';
import type { TargetKind } from '../../../src/capture/target-kinds.ts';
import { resolveTargets } from '../../../src/capture/targets.ts';
import { ClusterError } from '../../../src/errors.ts';
import { node, pod, snapshot } from '../support/builders.ts';
import { clusterPart } from '../support/cluster-part.ts';

function found(kind: TargetKind, name: string, extra: Partial<FoundObject> = {}): FoundObject {
  return { object: { kind, name }, instead: null, pods: [], strangers: [], ...extra };
}

function resolve(objects: readonly FoundObject[], extra: Partial<Snapshot> = {}) {
  const target = { kind: 'objects', objects: objects.map(({ object }) => object) } as const;
  return resolveTargets(target, snapshot({ searched: ['shop'], objects, ...extra }));
}

function refusal(objects: readonly FoundObject[], extra: Partial<Snapshot> = {}): string {
  try {
    resolve(objects, extra);
  } catch (error) {
    assert.ok(error instanceof ClusterError, String(error));
    return [error.message, error.hint ?? ''].join('\n');
  }
  return assert.fail('it is refused');
}

suite('targets: objects by name', () => {
  const there = pod('a');
  const far = pod('b', { node: 'node2', addresses: ['10.244.2.4'] });

  test('the pods of all, each once', () => {
    const { nodes, warnings } = resolve([
      found('deployment', 'web', { pods: [there, far] }),
      found('service', 'web', { pods: [there] }),
    ]);
    assert.deepEqual(
      nodes.map(({ pods }) => pods),
      [['shop/a'], ['shop/b']],
    );
    assert.deepEqual(warnings, []);
  });

  test('a node that is a target is captured whole, also where a pod of another target is on it', () => {
    const { nodes } = resolve([found('node', 'node1'), found('deployment', 'web', { pods: [there, far] })]);
    assert.deepEqual(
      nodes.map(({ node: name, addresses, pods }) => [name, addresses, pods]),
      [
        ['node1', [], []],
        ['node2', ['10.244.2.4'], ['shop/b']],
      ],
    );
  });

  test('what has no pods is told of beside others, and an error alone', () => {
    const { warnings } = resolve([found('deployment', 'web', { pods: [there] }), found('service', 'old')]);
    assert.deepEqual(warnings, ['service/old has no pods']);
    assert.match(
      refusal([found('service', 'old')]),
      /^no pod is left to capture: service\/old has no pods\n.*-n shop$/,
    );
    assert.match(refusal([found('cronjob', 'tick')]), /cronjob\/tick has no Job that runs now/);
    const outside = found('service', 'db', { strangers: ['192.0.2.1'] });
    assert.match(refusal([outside]), /service\/db: no pod of its namespace has the address 192.0.2.1/);
  });

  test('what is not there: every one is named, with those that are', () => {
    const told = refusal([
      found('deployment', 'wbe', { instead: ['web', 'api'] }),
      found('service', 'x', { instead: [] }),
      found('job', 'y', { instead: undefined }),
      found('node', 'node9'),
    ]);
    assert.equal(
      told,
      [
        'there is no deployment wbe, no service x, no job y in namespace shop; and no node node9',
        'Deployments there: api, web',
        'There are no services in namespace shop at all.',
        'To see what is there takes the right to list jobs in namespace shop.',
        'Nodes: node1, node2',
        'Did you mean: deployment/web node/node1',
      ].join('\n'),
    );
    const others = { namespaces: [{ name: 'shops', labels: {} }] };
    const lost = refusal([found('deployment', 'web', { instead: [] })], { others });
    assert.equal(lost, 'there is no namespace shop\nDid you mean: -n shops');
  });

  test('Windows nodes, and pods there', () => {
    const nodes = [node('node1'), node('w1', { os: 'windows' })];
    const { nodes: targets, warnings } = resolve([found('node', 'w1'), found('pod', 'a', { pods: [there] })], {
      nodes,
    });
    assert.deepEqual(
      targets.map(({ os }) => os),
      ['linux', 'windows'],
    );
    assert.deepEqual(warnings, []);
  });
});

suite('pods of an object', () => {
  const owner = (uid: string, controller = true) => [{ uid, controller }];
  const apiPod = (name: string, ownerReferences: object, ip = '10.0.0.1') => ({
    metadata: { name, namespace: 'shop', ownerReferences },
    status: { podIP: ip },
  });

  /** A cluster that holds these objects, by kind; every read is noted. */
  function cluster(held: Record<string, readonly object[]>, reads: string[] = []) {
    const named = (kind: string, name: string) =>
      (held[kind] ?? []).find((each) => (each as { metadata: { name: string } }).metadata.name === name);
    return clusterPart({
      namespace: 'shop',
      list: async (kind: string, { labels }: { labels?: string }) => {
        reads.push(`list ${kind} ${labels ?? ''}`.trim());
        if (held[kind] === undefined) throw new ClusterError('no', { status: 403 });
        return held[kind];
      },
      get: async (kind: string, _: string, name: string) => {
        reads.push(`get ${kind}`);
        return named(kind, name);
      },
    });
  }

  async function podsOf(kind: TargetKind, name: string, held: Record<string, readonly object[]>, reads?: string[]) {
    const [object] = await readObjects([{ kind, name }], cluster(held, reads));
    return object?.pods.map((each) => each.name);
  }

  test('a Deployment: through its ReplicaSets; labels narrow, owners decide', async () => {
    const held = {
      deployments: [{ metadata: { name: 'web', uid: 'd' }, spec: { selector: { matchLabels: { app: 'web' } } } }],
      replicasets: [
        { metadata: { uid: 'old', ownerReferences: owner('d') } },
        { metadata: { uid: 'new', ownerReferences: owner('d') } },
        { metadata: { uid: 'other', ownerReferences: owner('e') } },
      ],
      pods: [
        apiPod('a', owner('old')),
        apiPod('b', owner('new')),
        apiPod('c', owner('other')),
        apiPod('bare', []),
        apiPod('held', owner('new', false)),
      ],
    };
    const reads: string[] = [];
    assert.deepEqual(await podsOf('deployment', 'web', held, reads), ['a', 'b']);
    assert.deepEqual(reads, ['get deployments', 'list replicasets app=web', 'list pods app=web']);
  });

  test('a selector of expressions, as it is', async () => {
    const matchExpressions = [
      { key: 'app', operator: 'In', values: ['a', 'b'] },
      { key: 'tier', operator: 'NotIn', values: ['x'] },
      { key: 'on', operator: 'Exists' },
      { key: 'off', operator: 'DoesNotExist' },
    ];
    const reads: string[] = [];
    const held = {
      statefulsets: [{ metadata: { name: 'db', uid: 's' }, spec: { selector: { matchExpressions } } }],
      pods: [apiPod('db-0', owner('s'))],
    };
    assert.deepEqual(await podsOf('statefulset', 'db', held, reads), ['db-0']);
    assert.deepEqual(reads[1], 'list pods app in (a,b),tier notin (x),on,!off');
  });

  test('a CronJob: through its Jobs that have not ended', async () => {
    const done = { conditions: [{ type: 'Complete', status: 'True' }] };
    const held = {
      cronjobs: [{ metadata: { name: 'tick', uid: 'c' }, spec: {} }],
      jobs: [
        { metadata: { uid: 'j1', ownerReferences: owner('c') }, status: done },
        { metadata: { uid: 'j2', ownerReferences: owner('c') }, spec: { selector: { matchLabels: { j: '2' } } } },
        { metadata: { uid: 'j3', ownerReferences: owner('z') } },
      ],
      pods: [apiPod('p1', owner('j1')), apiPod('p2', owner('j2')), apiPod('p3', owner('j3'))],
    };
    assert.deepEqual(await podsOf('cronjob', 'tick', held), ['p2']);
  });

  test('a Service: named pods once, addresses without a name by the pod that has them', async () => {
    const held = {
      services: [{ metadata: { name: 'web' } }],
      endpointslices: [
        { endpoints: [{ addresses: ['10.0.0.1'], targetRef: { kind: 'Pod', name: 'a' } }] },
        {
          endpoints: [{ addresses: ['fd00::1'], targetRef: { kind: 'Pod', name: 'a' }, conditions: { ready: false } }],
        },
        { endpoints: [{ addresses: ['10.0.0.2'] }, { addresses: ['192.0.2.1'] }] },
      ],
      pods: [apiPod('a', []), apiPod('b', [], '10.0.0.2'), apiPod('c', [], '10.0.0.3')],
    };
    const [object] = await readObjects([{ kind: 'service', name: 'web' }], cluster(held));
    assert.deepEqual(
      object?.pods.map(({ name }) => name),
      ['a', 'b'],
    );
    assert.deepEqual(object?.strangers, ['192.0.2.1']);
  });

  test('what is not there, and who may not list what is', async () => {
    const asked = [{ kind: 'daemonset', name: 'x' }] as const;
    const [known] = await readObjects(asked, cluster({ daemonsets: [{ metadata: { name: 'y' } }] }));
    assert.deepEqual(known?.instead, ['y']);
    const [unknown] = await readObjects(asked, cluster({}));
    assert.equal(unknown?.instead, undefined);
  });
});
