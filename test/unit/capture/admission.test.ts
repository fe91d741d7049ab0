import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { tryAdmission } from '../../../src/capture/admission.ts';
import { ClusterError } from '../../../src/errors.ts';
import type { Cluster, Namespace } from '../../../src/kube/cluster.ts';
import { jobOf } from '../support/builders.ts';

type Said = { jobs?: ClusterError; pods?: ClusterError; labels?: Record<string, string> | ClusterError };

const forbidden = (message: string, status = 403) => new ClusterError(message, { status });
const MAY_NOT = forbidden('you may not create pods in namespace shop (user anna)');

/** What comes of it when the API server says this of a Job and of a pod. */
async function kinds(said: Said): Promise<string[]> {
  const dryRun: Cluster['dryRun'] = async (kind, object) => {
    const refusal = said[kind as 'jobs' | 'pods'];
    if (refusal !== undefined) throw refusal;
    return { object, warnings: [] };
  };
  const get = async (): Promise<Namespace> => {
    if (said.labels instanceof ClusterError) throw said.labels;
    return { metadata: { labels: said.labels ?? {} } };
  };
  // Of the kinds that there are, it is asked for a namespace alone.
  const asked = { namespace: 'shop', dryRun, get: get as Cluster['get'] };
  const admissions = await tryAdmission({ job: jobOf('node1') }, asked);
  return admissions.map(({ kind }) => kind);
}

suite('what a dry run of one Job and one pod tells', () => {
  test('both are taken', async () => assert.deepEqual(await kinds({}), ['admitted']));

  test('what holds for whoever makes the pod is a refusal', async () => {
    for (const words of [
      'pods "x" is forbidden: violates PodSecurity "baseline:latest": host namespaces',
      'pods "x" is forbidden: exceeded quota: tight, requested: pods=1, used: pods=0, limited: pods=0',
      'pods "x" is forbidden: failed quota: q: must specify limits.cpu for: capture',
      'pods "x" is forbidden: maximum cpu usage per Container is 1',
      'pods "x" is forbidden: no PriorityClass with name urgent was found',
    ])
      assert.deepEqual(await kinds({ pods: forbidden(words) }), ['refused'], words);
  });

  test('a policy may mean only pods that no Job owns: a doubt, and no refusal', async () => {
    const policy = 'admission webhook "no-naked-pods.example" denied the request: pods need an owner';
    assert.deepEqual(await kinds({ pods: forbidden(policy) }), ['doubtful']);
  });

  test('a server in trouble, a new namespace, a webhook that takes no dry run: nothing is known', async () => {
    assert.deepEqual(await kinds({ pods: forbidden('failed calling webhook', 500) }), ['unknown']);
    assert.deepEqual(await kinds({ pods: new ClusterError('the API server closed the connection') }), ['unknown']);
    const young =
      'pods "x" is forbidden: error looking up service account shop/default: serviceaccount "default" not found';
    assert.deepEqual(await kinds({ pods: forbidden(young) }), ['unknown']);
    const noDryRun = 'admission webhook "w" does not support dry run';
    assert.deepEqual(await kinds({ jobs: forbidden(noDryRun, 400) }), ['admitted']);
  });

  test('whoever may not make pods is told by the label of the namespace, if there is one', async () => {
    const labels = (level: string) => ({ 'pod-security.kubernetes.io/enforce': level });
    assert.deepEqual(await kinds({ pods: MAY_NOT, labels: labels('restricted') }), ['foreseen']);
    assert.deepEqual(await kinds({ pods: MAY_NOT, labels: labels('privileged') }), ['admitted']);
    assert.deepEqual(await kinds({ pods: MAY_NOT, labels: {} }), ['unknown']);
    assert.deepEqual(await kinds({ pods: MAY_NOT, labels: forbidden('you may not get namespaces') }), ['unknown']);
  });

  test('a Job that is refused is told beside its pod; that it may not be created is told as a right', async () => {
    const quota = forbidden('jobs.batch "x" is forbidden: exceeded quota: tight');
    assert.deepEqual(await kinds({ jobs: quota, pods: forbidden('violates PodSecurity "x"') }), ['refused', 'refused']);
    assert.deepEqual(await kinds({ jobs: forbidden('you may not create jobs.batch') }), ['admitted']);
  });
});
