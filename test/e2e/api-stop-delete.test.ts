import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Asked, type Fate, type Faults, startFaults } from './support/api-faults.ts';
import { retina, retinaOk } from './support/cli.ts';
import { kubectl, namespace, objects, until } from './support/cluster.ts';
import { assertBothSaved, forget, leavings } from './support/leavings.ts';
import { startTraffic } from './support/traffic.ts';

const NS = 'e2e-api-stop';
const ROUGH: readonly Fate[] = [
  { status: 429, retryAfter: 1 },
  { status: 503 },
  'cut before',
  { status: 500 },
  'cut after',
];

let front: Faults;
let clean: () => Promise<void>;

/** The n-th of the requests that are meant gets the n-th fate; those beyond pass, as do all others. */
function inTurn(meant: (asked: Asked) => boolean, fates: readonly Fate[]): (asked: Asked) => Fate {
  let n = 0;
  return (asked) => (meant(asked) ? (fates[n++] ?? 'passes') : 'passes');
}

async function capturing(name: string): Promise<void> {
  forget(name);
  await retinaOk(['capture', 'create', '-n', NS, '--name', name, '--duration', '10m']);
  await until(
    `${name} captures`,
    async () => {
      const { stdout } = await retina(['capture', 'status', name, '-n', NS]);
      return stdout.match(/ capturing /g)?.length === 2;
    },
    90,
  );
  await new Promise((resolve) => setTimeout(resolve, 1500));
}

async function assertGone(name: string): Promise<void> {
  assert.deepEqual(
    (await leavings(NS, name)).filter((left) => left.includes(`/${NS}/`)),
    [],
  );
}

const isPatch = ({ method }: Asked): boolean => method === 'PATCH';
const isDelete = ({ method }: Asked): boolean => method === 'DELETE';

before(async () => {
  front = await startFaults();
  clean = await namespace(NS);
  await startTraffic(NS);
});
after(async () => {
  await front.end();
  await retina(['capture', 'delete', '--all', '-n', NS]);
  forget('api-rough', 'api-forbidden', 'api-watched', 'api-unseen', 'api-waited');
  await clean();
});

describe('stop', () => {
  test('the word to the pods is refused for a while, cut, and its answer lost: both stop, both are saved', async () => {
    await capturing('api-rough');
    front.state.fate = inTurn(isPatch, ROUGH);
    const ran = await retina(['capture', 'stop', 'api-rough', '-n', NS], { env: front.env });
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(ran.stderr, /✔ capture api-rough stopped in [\d.]+ s; 2 of 2 tarballs saved/);
    await assertBothSaved('api-rough');
  });

  test('it is forbidden: nothing stops, and it says so', async () => {
    await capturing('api-forbidden');
    front.state.fate = (asked) => (isPatch(asked) ? { status: 403 } : 'passes');
    const ran = await retina(['capture', 'stop', 'api-forbidden', '-n', NS], { env: front.env });
    assert.equal(ran.code, 1);
    assert.match(ran.stderr, /error: the front says 403/);
    assert.doesNotMatch(ran.stderr, /saved/);
    assert.match(
      (await retina(['capture', 'status', 'api-forbidden', '-n', NS])).stdout,
      / capturing .*\n.* capturing /,
    );
  });

  test('the server is away for 30 s after it was asked: told, and both are saved', async () => {
    let away = false;
    front.state.fate = (asked) => {
      if (!isPatch(asked) || away) return 'passes';
      away = true;
      front.down();
      setTimeout(front.up, 30_000);
      return 'cut before';
    };
    const ran = await retina(['capture', 'stop', 'api-forbidden', '-n', NS], { env: front.env, timeoutSeconds: 80 });
    assert.equal(ran.code, 0, ran.stderr);
    assert.equal(ran.stderr.match(/the API server does not answer \(for \d+ s\); it is asked again/g)?.length, 1);
    assert.match(ran.stderr, /the API server answers again, after (2[89]|3\d) s/);
    assert.match(ran.stderr, /2 of 2 tarballs saved/);
    await assertBothSaved('api-forbidden');
  });
});

describe('stop, whose watches end', () => {
  test('at once, or are too old, each in turn: the outcome is true', async () => {
    await capturing('api-watched');
    const fates: readonly Fate[] = ['watch is too old', 'watch ends', { status: 410 }, 'watch is too old'];
    const turns = new Map<string, number>();
    front.state.fate = ({ watch, path }) => {
      const turn = turns.get(path) ?? 0;
      if (watch) turns.set(path, turn + 1);
      return watch ? (fates[turn] ?? 'passes') : 'passes';
    };
    const ran = await retina(['capture', 'stop', 'api-watched', '-n', NS], { env: front.env });
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(ran.stderr, /2 of 2 tarballs saved/);
    assert.ok(turns.size > 0, 'it watches');
    await assertBothSaved('api-watched');
  });
});

describe('delete', () => {
  test('deletions are refused for a while, cut, and their answers lost: all is gone, and named', async () => {
    front.state.fate = inTurn(isDelete, ROUGH);
    const ran = await retina(['capture', 'delete', 'api-rough', '-n', NS], { env: front.env });
    assert.equal(ran.code, 0, ran.stderr);
    assert.equal(ran.stdout.match(/ deleted$/gm)?.length, 4);
    await assertGone('api-rough');
  });

  test('one is refused for good: it is named, the other is gone, and the same command ends it', async () => {
    front.state.fate = inTurn(isDelete, [{ status: 403 }]);
    const ran = await retina(['capture', 'delete', 'api-forbidden', '-n', NS], { env: front.env });
    assert.equal(ran.code, 1);
    assert.equal(ran.stdout, '');
    const name = /error: not everything was deleted: jobs\/(\S+): the front says 403/.exec(ran.stderr)?.[1];
    assert.match(ran.stderr, /Run it again: kubectl retina capture delete api-forbidden -n e2e-api-stop/);
    await until('the other is gone', async () => {
      const jobs = (await objects(NS)).filter((object) => object.startsWith(`Job/${NS}/api-forbidden-`));
      return jobs.length === 1 && jobs[0] === `Job/${NS}/${name}`;
    });
    await retinaOk(['capture', 'delete', 'api-forbidden', '-n', NS]);
    await assertGone('api-forbidden');
  });

  test('the server goes away for good: what is known is told within --timeout, and nothing more', async () => {
    await capturing('api-unseen');
    front.state.fate = (asked) => {
      if (!isDelete(asked)) return 'passes';
      setTimeout(front.down, 50);
      return 'passes';
    };
    const args = ['capture', 'delete', 'api-unseen', '-n', NS];
    const ran = await retina([...args, '--timeout', '5s'], { env: front.env });
    assert.equal(ran.code, 1);
    assert.ok(ran.seconds < 45, `took ${ran.seconds} s`);
    assert.equal(ran.stdout, '');
    assert.match(
      ran.stderr,
      /(whether all is gone is not known|not everything was deleted): .*the API server .*refused/,
    );
    assert.match(ran.stderr, /Run it again: kubectl retina capture delete api-unseen/);
    await front.up();
    front.state.fate = () => 'passes';
    const again = await retina(args, { env: front.env });
    assert.ok(again.code === 0 || /there is no capture api-unseen/.test(again.stderr), again.stderr);
    await assertGone('api-unseen');
    await assertBothSaved('api-unseen');
  });

  test('the server is away for 15 s while pods end: it waits, and says that all is gone', async () => {
    await capturing('api-waited');
    let away = false;
    front.state.fate = (asked) => {
      if (isDelete(asked) && !away) {
        away = true;
        setTimeout(front.down, 100);
        setTimeout(front.up, 15_000);
      }
      return 'passes';
    };
    const ran = await retina(['capture', 'delete', 'api-waited', '-n', NS], { env: front.env });
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(ran.stderr, /the API server answers again, after 1\d s/);
    assert.equal(ran.stdout.match(/ deleted$/gm)?.length, 4);
    await assertGone('api-waited');
    await assertBothSaved('api-waited');
    assert.equal(await kubectl('get', 'jobs', '-n', NS, '-l', 'capture-name=api-waited', '-o', 'name'), '');
  });
});
