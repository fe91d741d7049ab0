import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { type Asked, type Fate, type Faults, startFaults } from './support/api-faults.ts';
import { type Ran, retina, retinaOk } from './support/cli.ts';
import { apply, kubectl, namespace, objects, until } from './support/cluster.ts';
import { filesOf, forget, leavings } from './support/leavings.ts';
import { adminTokens, pluginOf } from './support/token-plugin.ts';

const NS = 'e2e-api-create';
const POLICY = 'e2e-api-create';
const S3 = ['--s3-bucket', 'evidence', '--s3-endpoint', 'http://127.0.0.1:9', '--s3-region', 'x'];
const KEYS = ['--s3-access-key-id', 'id', '--s3-secret-access-key', 'secret'];

const fronts: Faults[] = [];
const names = new Set<string>();
let clean: () => Promise<void>;

const isJob = ({ method, path, dryRun }: Asked): boolean => method === 'POST' && path.endsWith('/jobs') && !dryRun;
const create = (front: Faults, name: string, ...flags: readonly string[]) => {
  names.add(name);
  return retina(['capture', 'create', '-n', NS, '--name', name, '--duration', '10m', ...flags], { env: front.env });
};

async function startFront(fate: (asked: Asked, front: Faults) => Fate = () => 'passes'): Promise<Faults> {
  const front = await startFaults();
  front.state.fate = (asked) => fate(asked, front);
  fronts.push(front);
  return front;
}

/** A fate for the n-th request of those that are meant, counted from 1; all others pass. */
function nth(meant: (asked: Asked) => boolean, fate: (n: number) => Fate): (asked: Asked) => Fate {
  let n = 0;
  return (asked) => {
    if (!meant(asked)) return 'passes';
    n += 1;
    return fate(n);
  };
}

/** Fails unless all is gone; a tarball that may be left on a busy node, and is told, is none of the cluster's objects. */
async function assertNothing(name: string, ran: Ran): Promise<void> {
  assert.equal(ran.code, 1, ran.stderr);
  assert.equal(ran.stdout, '');
  assert.doesNotMatch(ran.stderr, /fault of kubectl-retina|saved/);
  const left = await leavings(NS, name);
  const told = /; a tarball of these seconds may be left on node/.test(ran.stderr);
  assert.deepEqual(told ? left.filter((one) => one.includes(`/${NS}/`)) : left, [], ran.stderr);
}

async function assertBoth(name: string, ran: Ran): Promise<void> {
  assert.equal(ran.code, 0, ran.stderr);
  const jobs = (await objects(NS)).filter((object) => object.startsWith(`Job/${NS}/${name}-`));
  assert.equal(jobs.length, 2, ran.stderr);
}

/** Runs the commands that a message proposes for what is left. */
async function runProposed({ stderr }: Ran): Promise<number> {
  const commands = [...stderr.matchAll(/^ *kubectl (delete .*)$/gm)].map(([, rest = '']) => rest.split(' '));
  for (const command of commands) await execa('kubectl', command);
  return commands.length;
}

before(async () => {
  clean = await namespace(NS);
});
after(async () => {
  await retina(['capture', 'delete', '--all', '-n', NS]);
  forget(...names);
  await kubectl('delete', 'validatingadmissionpolicy,validatingadmissionpolicybinding', POLICY, '--ignore-not-found');
  for (const front of fronts) await front.end();
  await clean();
});

describe('a creation that does not succeed at once', { concurrency: 3 }, () => {
  const passing: readonly [what: string, fate: Fate][] = [
    ['its answer is lost', 'cut after'],
    ['the connection is cut before', 'cut before'],
    ['500', { status: 500 }],
    ['503', { status: 503 }],
    ['429', { status: 429, retryAfter: 2 }],
  ];
  for (const [index, [what, fate]] of passing.entries()) {
    test(`${what}: it is done, once`, async () => {
      const name = `once-${index}`;
      const front = await startFront(nth(isJob, (n) => (n === 2 ? fate : 'passes')));
      const ran = await create(front, name, '-v');
      assert.match(
        ran.stderr,
        /POST \/apis\/batch\/v1\/namespaces\/e2e-api-create\/jobs: try 1 failed, another follows: /,
      );
      const [, second, third, ...more] = front.state.seen.filter(isJob);
      assert.deepEqual(more, []);
      if (what === '429') assert.ok((third?.at ?? 0) - (second?.at ?? 0) >= 2000, 'it waits as it was told');
      await assertBoth(name, ran);
    });
  }

  test('the Secret as well: its answer is lost, and the capture has one', async () => {
    const isSecret = ({ method, path, dryRun }: Asked): boolean =>
      method === 'POST' && path.endsWith('/secrets') && !dryRun;
    const front = await startFront(nth(isSecret, (n) => (n === 1 ? 'cut after' : 'passes')));
    const ran = await create(front, 'secret', ...S3, ...KEYS);
    assert.equal((await objects(NS)).filter((object) => object.startsWith(`Secret/${NS}/secret-`)).length, 1);
    await assertBoth('secret', ran);
  });

  test('the token is no longer accepted after the first Job: the plugin is called once more, and it is done, once', async () => {
    const front = await startFront();
    const tokens = await adminTokens(NS);
    const plugin = pluginOf(front.directory, tokens);
    let made = 0;
    front.state.fate = (asked) => {
      if (made > 0 && asked.token === tokens[0]) return { status: 401 };
      made += isJob(asked) ? 1 : 0;
      return 'passes';
    };
    names.add('expired');
    const all = ['create', 'clusterrolebinding', NS, '--clusterrole=cluster-admin', `--serviceaccount=${NS}:admin`];
    await kubectl(...all);
    const args = ['capture', 'create', '-n', NS, '--name', 'expired', '--duration', '10m'];
    const ran = await retina(args, { env: { KUBECONFIG: front.kubeconfig(plugin.user) } });
    await kubectl('delete', 'clusterrolebinding', NS);
    await assertBoth('expired', ran);
    assert.equal(plugin.calls(), 2);
    assert.ok(front.state.seen.some(({ fate, token }) => typeof fate === 'object' && token === tokens[0]));
  });

  test('the server is away for 30 s in the middle: both Jobs are there, and it is told', async () => {
    const jobs = nth(isJob, (n) => (n === 2 ? 'cut before' : 'passes'));
    const front = await startFront((asked, { down, up }) => {
      const fate = jobs(asked);
      if (fate === 'passes') return fate;
      down();
      setTimeout(up, 30_000);
      return fate;
    });
    const ran = await create(front, 'away');
    assert.match(ran.stderr, /the API server does not answer \(for \d+ s\); it is asked again\n/);
    assert.match(ran.stderr, /the API server answers again, after (2[89]|3\d) s\n/);
    await assertBoth('away', ran);
  });
});

describe('a creation that is refused for good: all is undone, and the message says why', { concurrency: 3 }, () => {
  test('by an admission policy of the cluster, with a Secret', async () => {
    const rule = `object.metadata.annotations['retina.sh/node'] != 'node2'`;
    await apply(
      {
        ...{ apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingAdmissionPolicy' },
        metadata: { name: POLICY },
        spec: {
          failurePolicy: 'Fail',
          matchConstraints: {
            namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': NS } },
            resourceRules: [{ apiGroups: ['batch'], apiVersions: ['v1'], operations: ['CREATE'], resources: ['jobs'] }],
          },
          validations: [{ expression: rule, message: 'no captures on node2' }],
        },
      },
      {
        ...{ apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingAdmissionPolicyBinding' },
        metadata: { name: POLICY },
        spec: { policyName: POLICY, validationActions: ['Deny'] },
      },
    );
    const front = await startFront();
    let ran: Ran | undefined;
    await until('the policy counts', async () => {
      ran = await create(front, 'policy', ...S3, ...KEYS);
      if (ran.code === 0) await retinaOk(['capture', 'delete', 'policy', '-n', NS]);
      return ran.code !== 0;
    });
    await kubectl('delete', 'validatingadmissionpolicybinding', POLICY);
    assert.ok(ran !== undefined);
    assert.match(ran.stderr, /the Job for node node2 was refused: .*no captures on node2/);
    assert.match(ran.stderr, /created before it removed; /);
    await assertNothing('policy', ran);
  });

  const lasting: readonly [what: string, fate: Fate, flags: readonly string[], words: RegExp][] = [
    ['403', { status: 403 }, [], /the Job for node node[12] was refused: the front says 403/],
    ['500, each time', { status: 500 }, [], /could not be created: the front says 500 \(tried 5 times in \d+ s\)/],
    [
      '429 for an hour',
      { status: 429, retryAfter: 3600 },
      [],
      /too many requests to answer \(429\), and asks to be left alone for 3600 s/,
    ],
    [
      'cut before, each time',
      'cut before',
      ['--request-timeout', '3s'],
      /could not be created: .*closed the connection \(tried \d+ times in \d s\)/,
    ],
    [
      'done, but never confirmed',
      'cut after',
      ['--request-timeout', '3s'],
      /could not be created: .*closed the connection \(tried \d+ times in \d s\)/,
    ],
    ['never answered', 'hangs', ['--request-timeout', '3s'], /could not be created: .*did not answer in time/],
  ];
  for (const [index, [what, fate, flags, words]] of lasting.entries()) {
    test(what, async () => {
      const name = `never-${index}`;
      forget(name);
      const front = await startFront(nth(isJob, (n) => (n === 1 ? 'passes' : fate)));
      const ran = await create(front, name, ...flags);
      assert.match(ran.stderr, words);
      assert.match(
        ran.stderr,
        what.startsWith('done') ? /2 Jobs created before it removed; / : /1 Job created before it removed; /,
      );
      await assertNothing(name, ran);
      await sleep(500);
      await assertNothing(name, ran);
    });
  }
});

describe('an undo that meets faults itself', { concurrency: 3 }, () => {
  const refusedThen = (undo: (asked: Asked) => Fate) => {
    let refused = false;
    const jobs = nth(isJob, (n) => {
      refused ||= n === 2;
      return n === 1 ? 'passes' : { status: 403 };
    });
    return (asked: Asked): Fate => (isJob(asked) ? jobs(asked) : refused ? undo(asked) : 'passes');
  };
  const isDelete = ({ method }: Asked): boolean => method === 'DELETE';
  const isList = ({ method, path }: Asked): boolean => method === 'GET' && path.endsWith('/jobs');

  test('its deletions and lists fail for a while: nothing is left', async () => {
    const [deletes, lists] = [isDelete, isList].map((meant) =>
      nth(meant, (n) => [{ status: 503 }, 'cut after' as const, { status: 429, retryAfter: 1 }][n - 1] ?? 'passes'),
    );
    const undo = (asked: Asked): Fate => (isDelete(asked) ? deletes?.(asked) : lists?.(asked)) ?? 'passes';
    const ran = await create(await startFront(refusedThen(undo)), 'bumpy');
    assert.match(ran.stderr, /was refused: the front says 403\n +1 Job created before it removed; /);
    await assertNothing('bumpy', ran);
  });

  test('its deletions are refused: what is left is named, with the command that removes it', async () => {
    const front = await startFront(refusedThen((asked) => (isDelete(asked) ? { status: 403 } : 'passes')));
    const ran = await create(front, 'stuck');
    assert.equal(ran.code, 1);
    const [job = ''] = (await objects(NS)).filter((object) => object.startsWith(`Job/${NS}/stuck-`));
    const name = job.split('/').at(-1);
    assert.match(ran.stderr, new RegExp(`this may be left:\\n +job/${name}: the front says 403\n`));
    assert.match(ran.stderr, new RegExp(`kubectl delete job/${name} -n ${NS} --ignore-not-found\n`));
    assert.equal(await runProposed(ran), 1);
    await until('it is gone', async () => (await leavings(NS, 'stuck')).every((left) => !left.includes(NS)));
    assert.deepEqual(filesOf('stuck'), [], 'its pod was told to leave no file');
  });

  test('the server is away for good: all that may be left is named, the Secret too', async () => {
    const jobs = nth(isJob, (n) => (n === 1 ? 'passes' : 'hangs'));
    const front = await startFront((asked, { down }) => {
      const fate = jobs(asked);
      // The first is done by then.
      if (fate === 'hangs') setTimeout(down, 1000);
      return fate;
    });
    const ran = await create(front, 'lost', ...S3, ...KEYS, '--request-timeout', '4s');
    await front.up();
    assert.equal(ran.code, 1);
    assert.match(ran.stderr, /could not be created: the API server 127\.0\.0\.1:\d+ refused the connection \(tried/);
    const left = (await objects(NS)).filter((object) => /^(Job|Secret)\/[^/]+\/lost-/.test(object));
    assert.ok(left.length >= 2, left.join());
    for (const object of left) {
      const [kind = '', , name] = object.split('/');
      assert.match(
        ran.stderr,
        new RegExp(`\n +${kind.toLowerCase()}/${name}: the API server .* refused the connection`),
      );
    }
    assert.equal(await runProposed(ran), 3, 'the Job that was never created is named too');
    // Its pod still tries to deliver to a store that is not there, and then ends.
    const made = async () => (await objects(NS)).filter((object) => /^(Job|Secret)\/[^/]+\/lost-/.test(object));
    await until('all is gone', async () => (await made()).length === 0);
    forget('lost');
  });
});
