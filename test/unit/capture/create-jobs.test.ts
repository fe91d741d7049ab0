import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type Creation, createJobs, startGrace } from '../../../src/capture/create-jobs.ts';
import { ClusterError } from '../../../src/errors.ts';
import type { Job, Owner, Secret } from '../../../src/kube/cluster.ts';
import { jobOf } from '../support/builders.ts';

const SECRET: Secret = { metadata: { name: 'key', namespace: 'shop' } };
const NODES = ['node1', 'node2', 'node3'];
const JOBS = NODES.map((node) => ({ node, job: jobOf(node) }));

type Write = { verb: 'ask' | 'job' | 'secret' | 'own'; owners: readonly (string | undefined)[] };

/** A cluster that remembers what was written, refuses one thing, and calls back before each. */
function cluster(refuse?: Write['verb'], before: (write: Write) => void = () => undefined) {
  const writes: Write[] = [];
  const write = async <T>(verb: Write['verb'], owners: readonly Owner[], answer: T): Promise<T> => {
    before({ verb, owners: owners.map(({ uid }) => uid) });
    if (verb === refuse) throw new ClusterError(`no ${verb}`);
    writes.push({ verb, owners: owners.map(({ uid }) => uid) });
    return answer;
  };
  return {
    writes,
    createJob: (job: Job) => write('job', [], job),
    createSecret: (secret: Secret) => write('secret', secret.metadata?.ownerReferences ?? [], secret),
    ownSecret: (_namespace: string, _name: string, owners: readonly Owner[]) => write('own', owners, undefined),
    dryRun: <T>(_kind: string, object: T) => write('ask', [], { object, warnings: [] }),
  };
}

const never = new AbortController().signal;

async function create(creation: Creation, target: ReturnType<typeof cluster>, signal: AbortSignal) {
  const grace = startGrace(signal);
  try {
    return await createJobs(creation, target, { signal, grace });
  } finally {
    grace.end();
  }
}
const verbs = ({ writes }: ReturnType<typeof cluster>): string => writes.map(({ verb }) => verb).join(' ');

suite('creation of Jobs', () => {
  test('whatever moment it ends at, no Secret is without an owner that exists', async () => {
    const target = cluster();
    const { made } = await create({ jobs: JOBS, secret: SECRET }, target, never);
    assert.equal(verbs(target), 'ask job secret job job own');
    assert.deepEqual(
      made,
      JOBS.map(({ job }) => job),
    );
    assert.deepEqual(target.writes.find(({ verb }) => verb === 'secret')?.owners, ['web/node1']);
    assert.deepEqual(
      target.writes.at(-1)?.owners,
      NODES.map((node) => `web/${node}`),
    );
  });

  test('one Job owns the Secret from the beginning, and without a Secret nothing is asked', async () => {
    const [one, bare] = [cluster(), cluster()];
    await create({ jobs: JOBS.slice(0, 1), secret: SECRET }, one, never);
    assert.equal(verbs(one), 'ask job secret');
    await create({ jobs: JOBS, secret: undefined }, bare, never);
    assert.equal(verbs(bare), 'job job job');
  });

  test('a refusal ends it: a Secret that would be refused before anything is created', async () => {
    for (const [refuse, written] of [
      ['ask', ''],
      ['job', 'ask'],
      ['secret', 'ask job'],
      ['own', 'ask job secret job job'],
    ] as const) {
      const target = cluster(refuse);
      const { refused } = await create({ jobs: JOBS, secret: SECRET }, target, never);
      assert.equal(verbs(target), written);
      assert.match(String(refused?.error), new RegExp(`no ${refuse}`));
    }
  });

  test('Ctrl-C ends it, but never between a Job and the Secret that its pod waits for', async () => {
    for (const [verb, written] of [
      ['ask', 'ask'],
      ['job', 'ask job secret'],
      ['secret', 'ask job secret'],
    ] as const) {
      const interrupted = new AbortController();
      const target = cluster(undefined, (write) => void (write.verb === verb && interrupted.abort()));
      const { refused } = await create({ jobs: JOBS, secret: SECRET }, target, interrupted.signal);
      assert.deepEqual([verbs(target), refused], [written, undefined]);
    }
  });
});
