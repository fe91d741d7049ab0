import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Ran, retina, retinaOk, start } from './support/cli.ts';
import { items, kubectl, namespace, objects, until } from './support/cluster.ts';
import { type Gate, type Moment, openGate } from './support/gate.ts';
import { ended, forget, tarballsOf } from './support/leavings.ts';
import { plant, plantBeside, resultOf, untilSize, uproot } from './support/planted.ts';

const NS = 'e2e-killed';
const KEYS = { AWS_ACCESS_KEY_ID: 'AKIAEXAMPLE', AWS_SECRET_ACCESS_KEY: 'example/secret' };
/** Nobody listens there: uploads fail, the copy on the node is what counts. */
const STORE = ['--s3-bucket', 'evidence', '--s3-endpoint', 'http://10.240.0.1:9', '--upload-timeout', '1s'];
const HERE = ['--host-path', '/mnt/retina/captures'];
/** From the start of a command to its end, in milliseconds. */
const MOMENTS = Array.from({ length: 19 }, (_, index) => 40 + 20 * index);

type Owned = {
  kind: string;
  metadata: {
    name: string;
    uid: string;
    labels?: Record<string, string>;
    ownerReferences?: { kind: string; uid: string }[];
  };
  spec?: {
    ttlSecondsAfterFinished?: number;
    activeDeadlineSeconds?: number;
    template?: { spec: { volumes: { secret?: { secretName: string } }[] } };
  };
};

/** What the cluster would not remove by itself, of all Jobs, pods and Secrets of a namespace. */
async function orphans(ns: string): Promise<string[]> {
  const all = await items<Owned>('jobs,pods,secrets', '-n', ns);
  const jobs = new Set(all.filter(({ kind }) => kind === 'Job').map(({ metadata }) => metadata.uid));
  const goes = ({ kind, metadata, spec }: Owned): boolean => {
    if (metadata.labels?.['retina.sh/app'] === undefined) return false;
    if (kind !== 'Job') return metadata.ownerReferences?.some(({ uid }) => jobs.has(uid)) ?? false;
    return spec?.ttlSecondsAfterFinished !== undefined && Number(spec.activeDeadlineSeconds) > 0;
  };
  return all.filter((object) => !goes(object)).map(({ kind, metadata }) => `${kind}/${metadata.name}`);
}

/** Fails when something is left that nothing would remove. What is on its way out may be seen without its owner. */
async function assertGoesByItself(ns: string, what: string): Promise<void> {
  let left: string[] = [];
  const none = async (): Promise<boolean> => {
    left = await orphans(ns);
    return left.length === 0;
  };
  await until('all goes by itself', none, 15).catch(() => undefined);
  assert.deepEqual(left, [], what);
}

const untilNothing = (ns: string, seconds: number): Promise<void> =>
  until(`nothing is left in ${ns}`, async () => (await objects(ns)).length === 0, seconds);

/** Has the deadline of Jobs come whose pods wait for a Secret that never came; it is minutes or hours away. */
async function endStuck(): Promise<number> {
  const secrets = new Set((await items<Owned>('secrets', '-n', NS)).map(({ metadata }) => metadata.name));
  const jobs = await items<Owned>('jobs', '-n', NS);
  const wanted = ({ spec }: Owned): string[] =>
    spec?.template?.spec.volumes.flatMap(({ secret }) => secret?.secretName ?? []) ?? [];
  const stuck = jobs.filter((job) => !wanted(job).every((name) => secrets.has(name)));
  for (const { metadata } of stuck) {
    await kubectl('patch', 'job', metadata.name, '-n', NS, '-p', '{"spec":{"activeDeadlineSeconds":1}}');
  }
  return stuck.length;
}

let gate: Gate;
let clean: () => Promise<void>;
before(async () => {
  clean = await namespace(NS);
  gate = await openGate();
});
after(async () => {
  gate.close();
  await retina(['capture', 'delete', '--all', '-n', NS]);
  await clean();
});

/** Runs a command until it is killed at one of its writes; false when it made fewer. */
async function killedAt(write: number, moment: Moment, args: readonly string[], env = {}): Promise<boolean> {
  const client = start([...args, ...gate.flags], { env });
  let killed = false;
  gate.arm(write, moment, () => {
    killed = client.kill('SIGKILL');
    return moment === 'asked' ? 'lost' : undefined;
  });
  const ran: Ran = await ended(client);
  assert.ok(killed || ran.code === 0 || ran.code === 1, `${args.join(' ')}: exit code ${ran.code}\n${ran.stderr}`);
  return killed;
}

/** Kills a command at each of its writes, before and after the server had it. Returns how often. */
async function killEverywhere(
  command: () => Promise<{ args: readonly string[]; env?: Record<string, string> }>,
  check: (where: string) => Promise<void>,
): Promise<number> {
  let kills = 0;
  for (let write = 1; ; write += 1) {
    for (const moment of ['asked', 'answered'] as const) {
      const { args, env } = await command();
      if (!(await killedAt(write, moment, args, env))) return kills;
      kills += 1;
      await check(`killed at write ${write} (${gate.writes().at(-1)}), ${moment}`);
    }
  }
}

describe('kill -9 of create', () => {
  const names: string[] = [];
  after(() => forget(...names));

  test('at each of its writes: the Secret has an owner, all ends and goes by itself', async () => {
    const kills = await killEverywhere(
      async () => {
        const name = `cut-${names.push(`cut-${names.length}`) - 1}`;
        const short = ['--duration', '1s', '--ttl', '1s'];
        return { args: ['capture', 'create', '-n', NS, '--name', name, ...short, ...STORE, ...HERE], env: KEYS };
      },
      async (where) => assertGoesByItself(NS, where),
    );
    assert.equal(kills, 8, 'a Job, the Secret, a Job, the ownership');
    const stuck = await endStuck();
    process.stdout.write(`create: killed ${kills} times, ${stuck} Jobs without their Secret\n`);
    await untilNothing(NS, 120);
  });

  test('at many moments: what is left ends and goes by itself, and prune removes it at once', async () => {
    let left = 0;
    for (const milliseconds of MOMENTS) {
      const name = `at-${milliseconds}`;
      names.push(name);
      const client = start(['capture', 'create', '-n', NS, '--name', name, '--duration', '10m', ...STORE, ...HERE], {
        env: KEYS,
      });
      await sleep(milliseconds);
      client.kill('SIGKILL');
      await ended(client);
      await assertGoesByItself(NS, `after ${milliseconds} ms`);
      left = (await objects(NS)).length;
    }
    process.stdout.write(`create: killed ${MOMENTS.length} times, ${left} objects left\n`);
    assert.ok(left > 0);
    const ran = await retinaOk(['capture', 'prune', '-n', NS, '--older-than', '0', '--running', '--yes']);
    assert.equal(ran.stdout.match(/ deleted$/gm)?.length, left);
    assert.deepEqual(await objects(NS), []);
    for (const name of names) for (const tarball of tarballsOf(name)) assert.match(tarball.name, /\.tar\.gz$/);
  });
});

describe('kill -9 of what comes later', () => {
  after(() => forget('going'));

  const capturing = async (): Promise<void> => {
    await retina(['capture', 'delete', 'going', '-n', NS]);
    await retinaOk(['capture', 'create', '-n', NS, '--name', 'going', '--duration', '10m', ...STORE, ...HERE], {
      env: KEYS,
    });
  };

  for (const [verb, writes] of [
    ['stop', 2],
    ['delete', 3],
  ] as const) {
    test(`${verb}: at each of its writes, and a second one ends what was begun`, async () => {
      const kills = await killEverywhere(
        async () => {
          await capturing();
          return { args: ['capture', verb, 'going', '-n', NS] };
        },
        async (where) => {
          await assertGoesByItself(NS, where);
          await retina(['capture', verb, 'going', '-n', NS]);
          // What had not begun was told, and ends as soon as it does.
          const over = async (): Promise<boolean> =>
            !/Capturing|Pending/.test((await retina(['capture', 'list', '-n', NS])).stdout);
          await until(`all have ended: ${where}`, over);
        },
      );
      assert.ok(kills >= 2 * writes, `killed ${kills} times`);
      await retina(['capture', 'delete', 'going', '-n', NS]);
      await untilNothing(NS, 30);
    });
  }

  test('upload: at each of its writes, no Job and no Secret without an end', async () => {
    const short = ['--duration', '1s', '--wait', '--node-names', 'node1'];
    const ran = await retina(['capture', 'create', '-n', NS, '--name', 'going', ...short, ...STORE, ...HERE], {
      env: KEYS,
    });
    assert.equal(ran.code, 1, ran.stderr);
    const args = ['capture', 'upload', 'going', '-n', NS, ...STORE];
    const kills = await killEverywhere(
      async () => ({ args, env: KEYS }),
      (where) => assertGoesByItself(NS, where),
    );
    assert.ok(kills >= 6, `killed ${kills} times`);
    const left = (await objects(NS)).filter((object) => object.includes('-upload-'));
    assert.ok(left.length > 0);
    assert.ok((await endStuck()) > 0);
    const pruned = async (): Promise<boolean> => {
      await retinaOk(['capture', 'prune', '-n', NS, '--older-than', '0', '--yes']);
      return (await objects(NS)).length === 0;
    };
    await until('they have ended, and prune removes them', pruned, 90);
  });

  test('download: while its pod starts, and while bytes come, the pod goes by itself', async () => {
    const big = plant('node1', 'going-node1-20261121101500UTC.tar.gz', 100_000_000);
    plantBeside(big, JSON.stringify(resultOf('going', 'node1', big)));
    const output = mkdtempSync(join(tmpdir(), 'retina-e2e-'));
    const args = ['capture', 'download', 'going', '-n', NS, '--node-names', 'node1', '-o', output];
    for (const milliseconds of [100, 200, 300, 500, 800]) {
      const client = start(args);
      await sleep(milliseconds);
      client.kill('SIGKILL');
      await ended(client);
      await assertGoesByItself(NS, `after ${milliseconds} ms`);
    }
    const client = start(args);
    await untilSize(join(output, 'going', `${big.name}.part`), 1_000_000);
    client.kill('SIGKILL');
    await ended(client);
    await assertGoesByItself(NS, 'while bytes come');
    assert.ok((await objects(NS)).length > 0);
    await untilNothing(NS, 100);
    rmSync(output, { recursive: true });
    uproot('node1', 'going');
  });
});
