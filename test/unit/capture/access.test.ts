import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { askRights } from '../../../src/capture/access.ts';
import type { Need } from '../../../src/capture/needed-rights.ts';
import { ClusterError, InterruptedError } from '../../../src/errors.ts';
import type { Access } from '../../../src/kube/cluster.ts';

const need: Need = {
  ...{ verb: 'create', group: 'batch', resource: 'jobs', namespace: 'shop', name: undefined },
  ...{ level: 'create', why: ['create'] },
};

suite('asking for rights', () => {
  test('the API server is asked for the right alone, and its answer is kept beside what it is for', async () => {
    const asked: Access[] = [];
    const mayUser = async (access: Access) => asked.push(access) < 0;
    assert.deepEqual(await askRights([need], { mayUser }), [{ ...need, allowed: false }]);
    const { level: _level, why: _why, ...access } = need;
    assert.deepEqual(asked, [access]);
  });

  test('a question that fails or takes too long has no answer', async () => {
    const failures = [new ClusterError('no', { status: 500 }), new DOMException('timed out', 'TimeoutError')];
    for (const failure of failures) {
      const [answer] = await askRights([need], { mayUser: () => Promise.reject(failure) });
      assert.equal(answer?.allowed, undefined);
    }
  });

  test('an interrupt and a fault of ours are no answers', async () => {
    for (const failure of [new InterruptedError(), new TypeError('x')])
      await assert.rejects(askRights([need], { mayUser: () => Promise.reject(failure) }), failure);
  });
});
