import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { planCapture } from '../../../src/capture/plan.ts';
import { decodeSpec } from '../../../src/capture/workload-spec.ts';
import type { Job } from '../../../src/kube/cluster.ts';
import { filterModel, jobOf, pod, request, START, selector, snapshot, spec } from '../support/builders.ts';

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
    assert.deepEqual(filters, ['(ip host 10.244.1.7) and (tcp or udp)', '(ip host 10.244.2.4) and (tcp or udp)']);
    assert.deepEqual(
      filters,
      plan.nodes.map(({ filter }) => filter),
    );
    assert.deepEqual(
      plan.nodes.map((node) => node.pods),
      [['shop/a'], ['shop/b']],
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

  test('a name that is taken is refused before anything else', () => {
    const taken = snapshot({ sameName: [jobOf('node1')], nodes: [] });
    assert.throws(() => planCapture(request(), taken, RUN), /already a capture web in namespace shop/);
  });
});
