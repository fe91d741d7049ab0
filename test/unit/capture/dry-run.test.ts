import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { dryRunPlan } from '../../../src/capture/dry-run.ts';
import { planCapture } from '../../../src/capture/plan.ts';
import { ClusterError } from '../../../src/errors.ts';
import type { Cluster, Kinds } from '../../../src/kube/cluster.ts';
import { request, START, snapshot } from '../support/builders.ts';

const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'web-keys', namespace: 'shop' } };
const plan = { ...planCapture(request(), snapshot(), { id: 'run01', startedAt: START }), secret };

/** A server that notes what it is asked, warns of every object, and refuses one kind. */
function server(refused?: keyof Kinds, message = 'no') {
  const asked: string[] = [];
  const dryRun: Cluster['dryRun'] = async (kind, object) => {
    asked.push(kind);
    if (kind === refused) throw new ClusterError(message, { status: 403 });
    return { object, warnings: [`about ${kind}`] };
  };
  return { asked, cluster: { dryRun } };
}

suite('a dry run at the server', () => {
  test('asks for the Secret, every Job and one pod, and tells each warning once', async () => {
    const { asked, cluster } = server();
    const answer = await dryRunPlan(plan, cluster);
    assert.deepEqual(asked, ['secrets', 'jobs', 'jobs', 'pods']);
    assert.equal(answer.jobs.length, 2);
    assert.deepEqual(answer.warnings, ['about secrets', 'about jobs', 'about pods']);
  });

  test('what is refused is told, in the words of the server', async () => {
    const told = (kind: keyof Kinds, words: RegExp) => assert.rejects(dryRunPlan(plan, server(kind).cluster), words);
    await told('secrets', /the Secret with the credentials would be refused: no/);
    await told('jobs', /the Job for node node1 would be refused: no/);
    await told('pods', /the pods would be refused: no/);
  });

  test('without the right to make pods, which a capture does not need, that is a warning', async () => {
    const { cluster } = server('pods', 'you may not create pods in namespace shop (user dev)');
    const { warnings } = await dryRunPlan(plan, cluster);
    assert.match(warnings.at(-1) ?? '', /^whether the pods would be admitted is not known: you may not create pods/);
  });
});
