import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { tryCreation } from '../../../src/capture/quota.ts';
import { ClusterError } from '../../../src/errors.ts';
import type { Quota } from '../../../src/kube/cluster.ts';
import { jobOf } from '../support/builders.ts';
import { clusterPart } from '../support/cluster-part.ts';

type There = { quotas: readonly Quota[] | ClusterError; refused?: ClusterError; secrets?: number };

/** What comes of two nodes' Jobs where there are these quotas. */
async function told({ quotas, refused, secrets = 0 }: There): Promise<string[]> {
  const cluster = clusterPart({
    namespace: 'shop',
    dryRun: async (_: string, object: object) => {
      if (refused !== undefined) throw refused;
      return { object, warnings: [] };
    },
    list: async () => {
      if (quotas instanceof ClusterError) throw quotas;
      return quotas;
    },
  });
  const nodes = [{ job: jobOf('node1') }, { job: jobOf('node2') }];
  const admissions = await tryCreation({ nodes, secrets }, cluster);
  return admissions.map((one) => (one.kind === 'refused' ? one.error.message : one.kind));
}

function quota(resource: string, hard: string, used: string, spec: Quota['spec'] = {}): Quota {
  return { metadata: { name: 'tight' }, spec, status: { hard: { [resource]: hard }, used: { [resource]: used } } };
}

suite('quotas', () => {
  test('with room for all, or of other things: both are admitted', async () => {
    const others = quota('count/deployments.apps', '1', '1');
    assert.deepEqual(await told({ quotas: [quota('pods', '5', '3'), others, {}] }), ['admitted']);
  });

  test('with room for some: told with what is left and what is needed', async () => {
    for (const resource of ['count/jobs.batch', 'pods', 'count/pods'])
      assert.deepEqual(await told({ quotas: [quota(resource, '5', '4')] }), [
        `quota tight has room for 1 more ${resource}, and this capture makes 2`,
      ]);
    assert.match((await told({ quotas: [quota('pods', '1', '3')] })).join(), /has room for 0 more pods/);
  });

  test('Secrets count where there is one', async () => {
    const full = [quota('secrets', '7', '7')];
    assert.deepEqual(await told({ quotas: full }), ['admitted']);
    assert.match(
      (await told({ quotas: full, secrets: 1 })).join(),
      /room for 0 more secrets, and this capture makes 1/,
    );
  });

  test('with a scope, or an amount that is no plain number: left to the API server', async () => {
    const scoped = quota('pods', '1', '1', { scopes: ['BestEffort'] });
    assert.deepEqual(await told({ quotas: [scoped, quota('pods', '1k', '1')] }), ['admitted']);
  });

  test('that may not be read, or are not told in time, stop nothing', async () => {
    assert.deepEqual(await told({ quotas: new ClusterError('you may not list', { status: 403 }) }), ['admitted']);
  });

  test('what the API server refuses to the first is told in its words alone', async () => {
    const refused = new ClusterError('pods "x" is forbidden: exceeded quota: tight', { status: 403 });
    const words = await told({ quotas: [quota('pods', '1', '1')], refused });
    assert.ok(words.length > 0 && words.every((each) => each.includes('exceeded quota: tight')), words.join('\n'));
  });
});
