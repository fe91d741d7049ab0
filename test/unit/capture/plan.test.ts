import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { planCapture } from '../../../src/capture/plan.ts';
import { decodeSpec } from '../../../src/capture/workload-spec.ts';
import type { ClusterError } from '../../../src/errors.ts';
import type { Job } from '../../../src/kube/cluster.ts';
import { filterModel, jobOf, node, pod, request, START, selector, snapshot, spec } from '../support/builders.ts';

const RUN = { id: 'r1', startedAt: START };
const pods = [pod('a'), pod('b', { node: 'node2', addresses: ['10.244.2.4'] })];

/** What the pod of a Job will be told. */
function specOf(job: Job | undefined) {
  return decodeSpec(job?.spec?.template?.metadata?.annotations?.['retina.sh/workload'] ?? '');
}

suite('plan', () => {
  test('one Job for each node, sorted, with one start time', () => {
    const plan = planCapture(request(), snapshot(), RUN);
    assert.deepEqual(
      plan.nodes.map(({ node }) => node),
      ['node1', 'node2'],
    );
    assert.deepEqual(
      plan.nodes.map(({ tarball }) => tarball),
      [
        '/mnt/retina/captures/web-node1-20261121101500UTC.tar.gz',
        '/mnt/retina/captures/web-node2-20261121101500UTC.tar.gz',
      ],
    );
    const rest = { runId: 'r1', name: 'web', namespace: 'shop', secret: undefined, warnings: [] };
    assert.deepEqual({ ...plan, nodes: [] }, { ...rest, nodes: [] });
  });

  test('the same input gives the same bytes, in whatever order the cluster answers', () => {
    const target = { kind: 'pods', selector: selector('app=web'), namespaces: undefined } as const;
    const make = (there: typeof pods) =>
      JSON.stringify(planCapture(request({ target }), snapshot({ pods: there, searched: ['shop'] }), RUN));
    assert.equal(make(pods), make(pods.toReversed()));
  });

  test('a pod’s addresses and the user’s filter must both hold; each node has its own', () => {
    const target = { kind: 'pod-names', names: ['a', 'b'] } as const;
    const plan = planCapture(
      request({ target, filter: filterModel({ expression: 'tcp or udp' }) }),
      snapshot({ pods }),
      RUN,
    );
    const filters = plan.nodes.map(({ job }) => specOf(job).filter);
    const only = (address: string): string => `(ip host ${address} or arp host ${address}) and (tcp or udp)`;
    assert.deepEqual(filters, [only('10.244.1.7'), only('10.244.2.4')]);
    assert.deepEqual(
      filters,
      plan.nodes.map(({ filter }) => filter),
    );
    assert.deepEqual(
      plan.nodes.map((node) => node.pods),
      [['shop/a'], ['shop/b']],
    );
  });

  test('many pods on a node: the filter is shortened, and said so; too long a filter is refused', () => {
    const many = Array.from({ length: 500 }, (_, n) => pod(`p${n}`, { addresses: [`10.244.${n >> 8}.${n & 255}`] }));
    const target = { kind: 'pods', selector: selector('app=web'), namespaces: undefined } as const;
    const plan = planCapture(request({ target }), snapshot({ pods: many, searched: ['shop'] }), RUN);
    assert.deepEqual(plan.warnings, [
      'many pods on node1: ARP and neighbour discovery of all addresses there are captured',
    ]);
    const filter = filterModel({ expression: 'tcp or '.repeat(20_000) });
    assert.throws(
      () => planCapture(request({ filter }), snapshot(), RUN),
      /filter for node1 is too long: 1\d{5} bytes/,
    );
  });

  test('everything that was asked for reaches the pod', () => {
    const asked = {
      interfaces: ['eth0', 'lo'],
      snapLength: 96,
      durationMs: null,
      maxBytes: null,
      includeMetadata: false,
    };
    const told = specOf(planCapture(request({ ...asked, name: 'x' }), snapshot(), RUN).nodes[1]?.job);
    assert.deepEqual(told, {
      ...spec({ capture: 'x', node: 'node2', stem: 'x-node2-20261121101500UTC' }),
      ...asked,
      destinations: [{ kind: 'host-path', path: '/mnt/retina/captures', directory: '/output/host-path' }],
    });
  });

  test('a Windows node gets pktmon, with the parts of the filter and no BPF', () => {
    const nodes = [node('node1'), node('w1', { os: 'windows' })];
    const filter = filterModel({ include: [{ address: undefined, port: 53 }] });
    const target = { kind: 'pod-names', names: ['a', 'w'] } as const;
    const there = snapshot({ nodes, pods: [pod('a'), pod('w', { node: 'w1', addresses: ['10.244.3.9'] })] });
    const [linux, windows] = planCapture(request({ target, filter }), there, RUN).nodes.map(({ job }) => specOf(job));
    assert.deepEqual([linux?.tool, linux?.pktmon], ['tcpdump', null]);
    assert.deepEqual([windows?.tool, windows?.filter], ['pktmon', '']);
    assert.deepEqual(windows?.pktmon, {
      pods: ['10.244.3.9'],
      include: [{ port: 53 }],
      exclude: [],
      sources: [],
      destinations: [],
    });
  });

  test('more Jobs than allowed: both numbers are told', () => {
    const limited = (maxJobs: number) => request({ job: { ...request().job, maxJobs } });
    assert.throws(() => planCapture(limited(1), snapshot(), RUN), /needs 2 Jobs, .*--job-num-limit allows 1$/);
    assert.equal(planCapture(limited(2), snapshot(), RUN).nodes.length, 2);
  });

  test('an image that may not be pulled, and is not there: a warning that names the node', () => {
    const nodes = [node('node1', { images: ['registry.example/capture:v1'] }), node('node2', { images: ['other:v1'] })];
    const warned = (imagePullPolicy: 'Never' | 'IfNotPresent') =>
      planCapture(request({ job: { ...request().job, imagePullPolicy } }), snapshot({ nodes }), RUN).warnings;
    assert.deepEqual(warned('Never'), [
      'registry.example/capture:v1 is not on node2, and --image-pull-policy Never keeps it from being pulled',
    ]);
    assert.deepEqual(warned('IfNotPresent'), []);
  });

  test('a service account or priority class that is not there', () => {
    const lacks = [{ what: 'service account', name: 'capturr', instead: ['default', 'capturer'] }] as const;
    assert.throws(
      () => planCapture(request(), snapshot({ lacks }), RUN),
      (error: ClusterError) =>
        /^there is no service account capturr in namespace shop/.test(error.message) &&
        error.hint === 'There: capturer, default\nDid you mean: capturer',
    );
  });

  test('a name that is taken is refused before anything else', () => {
    const taken = snapshot({ sameName: [jobOf('node1')], nodes: [] });
    assert.throws(() => planCapture(request(), taken, RUN), /already a capture web in namespace shop/);
  });
});
