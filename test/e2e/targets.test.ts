import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { addressesIn, aim } from './support/aim.ts';
import { retina, retinaOk } from './support/cli.ts';
import { apply, kubectl, NODES, type NodeName, namespace, onNode } from './support/cluster.ts';
import { pcaps, tshark, unpack } from './support/judge.ts';
import { startTraffic } from './support/traffic.ts';
import { startWorkloads } from './support/workloads.ts';

const NS = 'e2e-targets';
/** Its only label of its own: selectors find it, and no other namespace of the cluster. */
const TEAM = 'e2e-targets-team=a';

/** Nodes, each with the pods that are captured there: the beginnings of their names; none means the whole node. */
type Expected = Partial<Record<NodeName, readonly string[]>>;

const rows: readonly (readonly [args: string, expected: Expected, told?: RegExp])[] = [
  ['deploy/web', { node1: ['web-'], node2: ['web-'] }, /: 2 pods on 2 nodes, /],
  ['deployments.v1.apps web', { node1: ['web-'], node2: ['web-'] }],
  ['sts/db', { node1: ['db-0'] }, /: 1 pod on 1 node, /],
  ['ds/agent', { node1: ['agent-'], node2: ['agent-'] }],
  ['rs/lone', { node2: ['lone-'] }],
  ['job/once', { node1: ['once-'] }],
  ['cronjob/tick', { node2: ['tick-1-'] }],
  ['svc/web', { node1: ['web-', 'decoy'], node2: ['web-'] }, /: 3 pods on 2 nodes, /],
  ['svc/db', { node1: ['db-0'], node2: ['db-decoy'] }],
  ['svc/slow', { node2: ['slow'] }],
  ['svc/manual', { node1: ['db-0'] }, /service\/manual: .* address 192\.0\.2\.1/],
  ['pod/decoy po/db-decoy', { node1: ['decoy'], node2: ['db-decoy'] }],
  ['node/node2', { node2: [] }, /: 1 whole node, /],
  ['no node1 node2', { node1: [], node2: [] }, /: 2 whole nodes, /],
  ['sts/db rs/lone svc/none', { node1: ['db-0'], node2: ['lone-'] }, /service\/none has no pods/],
  ['ds/agent node/node1', { node1: [], node2: ['agent-'] }, /: 1 pod on 1 node and 1 whole node, /],
  ['deploy/web deploy/empty', { node1: ['web-'], node2: ['web-'] }, /deployment\/empty has no pods/],
  ['--pod-names decoy,db-0', { node1: ['decoy', 'db-0'] }],
  ['--pod-selectors app=db', { node1: ['db-0'], node2: ['db-decoy'] }],
  ['--pod-selectors app=db,statefulset.kubernetes.io/pod-name', { node1: ['db-0'] }],
  ['--pod-selectors app=db,!statefulset.kubernetes.io/pod-name', { node2: ['db-decoy'] }],
  ['--pod-selectors app_in_(db,_lone),app!=db', { node2: ['lone-'] }],
  [
    '--pod-selectors app_notin_(web,agent,slow,client,server,other),app,app!=once,app==db',
    { node1: ['db-0'], node2: ['db-decoy'] },
  ],
  [`--pod-selectors app=lone --namespace-selectors ${TEAM}`, { node2: ['lone-'] }],
  ['--pod-selectors app=lone --namespace-selectors _', { node2: ['lone-'] }],
  ['--pod-selectors e2e-targets=only -A', { node1: ['decoy'] }],
  ['--node-selectors kubernetes.io/hostname,kubernetes.io/os_in_(linux,windows)', { node1: [], node2: [] }],
  ['--node-names node2', { node2: [] }],
];

describe('targets', () => {
  let clean: () => Promise<void>;
  let pods: Awaited<ReturnType<typeof startWorkloads>>;
  before(async () => {
    clean = await namespace(NS);
    await kubectl('label', 'namespace', NS, TEAM);
    const { server } = await startTraffic(NS);
    const ask = `for ((n = 1; ; n++)); do busybox wget -qO /dev/null "http://${server}:8080/?web=$n"; sleep 0.1; done`;
    pods = await startWorkloads(NS, ['bash', '-c', ask]);
    await kubectl('-n', NS, 'label', 'pod', 'decoy', 'e2e-targets=only');
  });
  after(async () => {
    await retina(['capture', 'delete', '--all', '-n', NS]);
    await kubectl('-n', NS, 'delete', 'pod', 'leaving', '--force', '--grace-period=0', '--ignore-not-found');
    await clean();
  });

  /** The addresses of the pods on a node whose names begin so. */
  function addressesOf(node: string, names: readonly string[]): string[] {
    const there = [...pods.values()].filter(
      ({ metadata, spec }) => spec.nodeName === node && names.some((name) => metadata.name.startsWith(name)),
    );
    assert.equal(there.length, names.length, `pods ${names.join(', ')} on ${node}`);
    return there.flatMap(({ status }) => (status.podIPs ?? []).map(({ ip }) => ip)).sort();
  }

  for (const [text, expected, told] of rows) {
    test(text, async () => {
      const args = text.split(' ').map((word) => word.replaceAll('_', ' '));
      const { specs, stderr } = await aim(NS, args);
      assert.deepEqual([...specs.keys()].sort(), Object.keys(expected).sort());
      for (const [node, names] of Object.entries(expected)) {
        assert.deepEqual(addressesIn(specs.get(node)?.filter ?? ''), addressesOf(node, names), node);
      }
      if (told !== undefined) assert.match(stderr, told);
    });
  }

  test('namespace selectors alone: all pods there; each that is left out or special is told of', async () => {
    const { specs, stderr } = await aim(NS, ['--namespace-selectors', TEAM]);
    const told = [
      /left out, without a node yet: pod e2e-targets\/gated\n/,
      /left out, without an address yet: pod e2e-targets\/bare\n/,
      /left out, already ended \(Succeeded\): pod e2e-targets\/done\n/,
      /left out, already ended \(Failed\): pod e2e-targets\/broken\n/,
      /on the network of node node2, so all traffic of its own address is captured: pod e2e-targets\/host\n/,
      /being deleted, captured for as long as it is there: pod e2e-targets\/leaving\n/,
    ];
    for (const words of told) assert.match(stderr, words);
    const node1 = addressesIn(specs.get('node1')?.filter ?? '');
    const all = ['web-', 'db-0', 'agent-', 'once-', 'decoy', 'leaving', 'client', 'other'];
    assert.deepEqual(node1, addressesOf('node1', all));
    // Pods of captures are in this namespace too, and are no targets.
    assert.doesNotMatch(stderr, /e2e-targets\/aim-/);
  });

  test('-A: pods of other namespaces too; the Jobs are in the command’s', async () => {
    const other = await namespace(`${NS}-other`);
    try {
      const { jobs, stderr } = await aim(`${NS}-other`, ['-A', '--pod-selectors', 'e2e-targets=only']);
      assert.deepEqual(
        jobs.map(({ metadata }) => metadata?.namespace),
        [`${NS}-other`],
      );
      assert.match(stderr, /1 pod on 1 node/);
    } finally {
      await other();
    }
  });

  test('a workload is captured to its end: its packets, and no others', async () => {
    const { stdout } = await retinaOk(['capture', 'create', 'deploy', 'web', '-n', NS, '--wait', '--duration', '3s']);
    const lines = stdout.trim().split('\n');
    assert.equal(lines.length, NODES.length);
    for (const line of lines) {
      const [node = '', path = ''] = line.split(/\s+/);
      const [pcap = ''] = pcaps(await unpack(onNode(node as NodeName, path)));
      const uris = (word: string) => tshark(pcap, `http.request.uri contains "${word}="`, 'frame.number');
      assert.ok((await uris('web')).length > 15, `requests of web on ${node}`);
      // `other` asks the same server from node1.
      assert.deepEqual(await uris('other'), [], node);
    }
  });

  test('the settings of the Jobs reach the pods, and the API server takes them', async () => {
    await kubectl('-n', NS, 'create', 'serviceaccount', 'capturer');
    const settings = ['--service-account', 'capturer', '--priority-class', 'system-node-critical', '--ttl', '90s'];
    const limits = ['--cpu-limit', '1', '--memory-limit', '1Gi', '--image-pull-secret', 'pull', '--job-num-limit', '1'];
    const { jobs } = await aim(NS, ['sts/db', ...settings, ...limits]);
    const [job] = jobs;
    const pod = job?.spec?.template?.spec;
    assert.equal(job?.spec?.ttlSecondsAfterFinished, 90);
    assert.deepEqual([pod?.serviceAccountName, pod?.priorityClassName], ['capturer', 'system-node-critical']);
    assert.deepEqual(pod?.imagePullSecrets, [{ name: 'pull' }]);
    assert.equal(pod?.automountServiceAccountToken, false);
    assert.deepEqual(pod?.containers[0]?.resources?.limits, { cpu: '1', memory: '1Gi' });
  });

  test('the rights of a target are enough; one that is missing is named', async () => {
    const rule = (apiGroups: string[], resources: string[], verbs: string[]) => ({ apiGroups, resources, verbs });
    const role = { apiVersion: 'rbac.authorization.k8s.io/v1', metadata: { name: 'aimer', namespace: NS } };
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'aimer' };
    const rules = [
      rule(['batch'], ['jobs'], ['create', 'list']),
      rule([''], ['pods'], ['list']),
      rule(['apps'], ['deployments'], ['get']),
      rule(['apps'], ['replicasets'], ['list']),
    ];
    await apply(
      { ...role, kind: 'Role', rules },
      { ...role, kind: 'RoleBinding', roleRef, subjects: [{ kind: 'User', name: 'e2e-aimer' }] },
    );
    const user = ['--as', 'e2e-aimer'];
    const { specs } = await aim(NS, ['deploy/web', ...user]);
    assert.deepEqual(addressesIn(specs.get('node2')?.filter ?? ''), addressesOf('node2', ['web-']));
    const refused = await retina(['capture', 'create', 'svc/web', '-n', NS, ...user]);
    assert.equal(refused.code, 1);
    assert.match(
      refused.stderr,
      /^error: you may not get services web in namespace e2e-targets \(user e2e-aimer\)\n {2}nor list endpointslices/m,
    );
    const unread = await retina(['capture', 'create', 'deploy/wbe', '-n', NS, ...user]);
    assert.match(unread.stderr, /there is no deployment wbe .*\n.*takes the right to list deployments/);
  });
});
