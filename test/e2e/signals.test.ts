import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { retina, retinaOk, start } from './support/cli.ts';
import { kubectl, namespace, until } from './support/cluster.ts';
import { type Gate, openGate } from './support/gate.ts';
import { downloads, ended, filesOf, forget, interrupt, leavings, said, tarballsOf } from './support/leavings.ts';
import { type Planted, plant, plantBeside, resultOf, sha256, untilSize, uproot } from './support/planted.ts';
import { CTRL_C, sit } from './support/terminal.ts';

const NS = 'e2e-signals';
const LONG = ['--duration', '10m'];
const KEYS = { AWS_ACCESS_KEY_ID: 'AKIAEXAMPLE', AWS_SECRET_ACCESS_KEY: 'example/secret' };
/** Nobody listens there: what matters is the Secret. */
const STORE = [
  '--s3-bucket',
  'evidence',
  '--s3-endpoint',
  'http://10.240.0.1:9',
  '--host-path',
  '/mnt/retina/captures',
];
const SIGNALS = ['SIGTERM', 'SIGHUP'] as const;
const names: string[] = [];

/** A name that no other test has; its files go at the end. */
function fresh(what: string): string {
  names.push(`${what}-${names.length}`);
  return names.at(-1) ?? '';
}

const creation = (name: string, ...flags: readonly string[]) => [
  ...['capture', 'create', '-n', NS, '--name', name, ...LONG, ...flags],
];
const state = async (name: string): Promise<string> => (await retina(['capture', 'status', name, '-n', NS])).stdout;

let gate: Gate;
let clean: () => Promise<void>;
before(async () => {
  clean = await namespace(NS);
  gate = await openGate();
});
after(async () => {
  gate.close();
  await retina(['capture', 'delete', '--all', '-n', NS]);
  forget(...names);
  await clean();
});

describe('create that is ended while it creates', () => {
  for (const signal of SIGNALS) {
    test(`${signal}, at each of its writes: what was created is removed, exit 130`, async () => {
      for (let write = 1; ; write += 1) {
        const name = fresh('begun');
        const creating = start([...creation(name, ...STORE), ...gate.flags], { env: KEYS });
        let sent = false;
        gate.arm(write, 'asked', () => {
          sent = creating.kill(signal);
          return undefined;
        });
        const ran = await ended(creating);
        if (!sent) {
          assert.equal(write, 5, 'a Job, the Secret, a Job, the ownership');
          return void (await retinaOk(['capture', 'delete', name, '-n', NS]));
        }
        assert.equal(ran.code, 130, ran.stderr);
        assert.match(ran.stderr, /interrupted while creating capture .*: .*(nothing is left|nothing was created)/);
        assert.deepEqual(await leavings(NS, name), [], `at write ${write}: ${ran.stderr}`);
      }
    });

    test(`${signal}, at many moments: either nothing is left, or the capture is there in full`, async () => {
      for (const milliseconds of [60, 90, 120, 170]) {
        const name = fresh('early');
        const ran = await interrupt(creation(name), milliseconds, signal);
        assert.ok(ran.code === 130 || ran.code === 0, `exit code ${ran.code}: ${ran.stderr}`);
        assert.doesNotMatch(ran.stderr, /error:/);
        const left = await leavings(NS, name);
        if (ran.code === 130 && !/^Next: /m.test(ran.stderr)) assert.deepEqual(left, [], ran.stderr);
        else assert.equal(left.filter((object) => object.startsWith('Job/')).length, 2);
      }
    });
  }

  test('SIGINT, and another while it undoes: it ends at once, tells what may be left, and the command removes it', async () => {
    const name = fresh('again');
    const creating = start([...creation(name, '--node-names', 'node1'), ...gate.flags]);
    gate.arm(1, 'asked', () => {
      creating.kill('SIGINT');
      gate.arm(1, 'asked', async () => {
        creating.kill('SIGINT');
        await creating;
        return undefined;
      });
      return undefined;
    });
    const ran = await ended(creating);
    assert.equal(ran.code, 130, ran.stderr);
    const remove = `kubectl retina capture delete ${name} -n ${NS}`;
    assert.match(
      ran.stderr,
      new RegExp(`^ended at once: what was created of capture ${name} may be left: ${remove}$`, 'm'),
    );
    await retinaOk(['capture', 'delete', name, '-n', NS]);
    assert.deepEqual(await leavings(NS, name), filesOf(name));
  });

  test('its terminal goes away, at each of its writes: what was created is removed, exit 130', async () => {
    for (const write of [1, 2]) {
      const name = fresh('hung');
      const seat = sit([...creation(name, '--wait'), ...gate.flags]);
      gate.arm(write, 'asked', async () => {
        seat.hangUp();
        // The kernel tells the leader of the session, and that one the program.
        await sleep(1000);
        return undefined;
      });
      assert.equal(await seat.ended(), 130);
      assert.deepEqual(await leavings(NS, name), [], `at write ${write}`);
    }
  });
});

describe('create --wait that is ended while it waits', () => {
  for (const signal of ['SIGINT', ...SIGNALS] as const) {
    test(`${signal} without a terminal: nothing is asked, the capture goes on, and the message says how`, async () => {
      const name = fresh('waited');
      const waiting = start(creation(name, '--node-names', 'node1', '--wait'));
      await said(waiting, 'node1: capturing');
      waiting.kill(signal);
      const ran = await ended(waiting);
      assert.equal(ran.code, 130);
      assert.ok(ran.seconds < 2, `${ran.seconds} s`);
      assert.match(
        ran.stderr,
        new RegExp(`no longer waiting; capture ${name} goes on\n.*capture stop ${name} -n ${NS}`),
      );
      assert.match(await state(name), /Capturing/);
      await retinaOk(['capture', 'delete', name, '-n', NS]);
    });
  }
});

describe('a terminal, while create --wait waits', () => {
  test('it goes away: 130, and the capture goes on', async () => {
    const name = fresh('left');
    const seat = sit(creation(name, '--node-names', 'node1', '--wait'));
    await seat.shows(/node1 +capturing \d+s/);
    seat.hangUp();
    assert.equal(await seat.ended(), 130);
    assert.match(await state(name), /Capturing/);
    await retinaOk(['capture', 'delete', name, '-n', NS]);
  });

  /** Somebody who waits for a capture of one node, and has pressed Ctrl-C. */
  async function asked(name: string) {
    const seat = sit(creation(name, '--node-names', 'node1', '--wait'));
    await seat.shows(/node1 +capturing \d+s/);
    seat.type(CTRL_C);
    await seat.shows(new RegExp(`Capture ${name} goes on meanwhile[\\s\\S]*What now\\? \\(W/k/s/d\\): `));
    return seat;
  }

  test('Ctrl-C, Enter: waits on, and may ask again; an answer that is none is asked for anew', async () => {
    const name = fresh('enter');
    const seat = await asked(name);
    seat.type('\n');
    await seat.shows(/node1 +capturing \d+s/);
    seat.type(CTRL_C);
    await seat.shows(/What now\?/);
    seat.type('x\n');
    await seat.shows(/What now\?/);
    seat.type('k\n');
    assert.equal(await seat.ended(), 130);
    assert.match(
      seat.screen(),
      new RegExp(`no longer waiting; capture ${name} goes on\r\n.*capture stop ${name} -n ${NS}`),
    );
    assert.match(await state(name), /Capturing/);
    await retinaOk(['capture', 'delete', name, '-n', NS]);
  });

  test('Ctrl-C, s: ends as capture stop does, and reports the files; exit 0, for all is saved', async () => {
    const name = fresh('stopped');
    const seat = await asked(name);
    seat.type('s\n');
    assert.equal(await seat.ended(), 0, seat.screen());
    assert.match(seat.screen(), /✔ 1 of 1 tarball saved in [\d.]+ s: /);
    assert.match(seat.screen(), new RegExp(`node1 +/mnt/retina/captures/${name}-node1-\\d+UTC\\.tar\\.gz`));
    assert.equal(tarballsOf(name).length, 1);
    assert.match(await state(name), /stopped by request/);
  });

  test('Ctrl-C, d: Jobs and pods go as by capture delete; exit 130, for the capture was not made to its end', async () => {
    const name = fresh('deleted');
    const seat = await asked(name);
    // A program that has only just started has nothing to keep.
    const log = () => kubectl('logs', '-n', NS, '-l', `capture-name=${name}`);
    await until('it has begun to capture', async () => (await log().catch(() => '')).includes('capturing on'));
    seat.type('d\n');
    assert.equal(await seat.ended(), 130, seat.screen());
    assert.match(
      seat.screen(),
      new RegExp(`job\\.batch/${name}-node1-\\w+ deleted[\\s\\S]*capture ${name} was deleted\r\n`),
    );
    assert.deepEqual(await leavings(NS, name), filesOf(name));
    assert.equal(tarballsOf(name).length, 1);
  });

  test('Ctrl-C twice: quits at once with 130, says how to go on, and the capture goes on', async () => {
    const name = fresh('twice');
    const seat = await asked(name);
    const began = performance.now();
    seat.type(CTRL_C);
    assert.equal(await seat.ended(), 130);
    assert.ok(performance.now() - began < 3000);
    assert.match(seat.screen(), new RegExp(`no longer waiting; capture ${name} goes on\r\n.*capture stop ${name}`));
    assert.match(await state(name), /Capturing/);
    await retinaOk(['capture', 'delete', name, '-n', NS]);
  });

  test('Ctrl-C, and the terminal goes away while it is asked: 130, and the capture goes on', async () => {
    const name = fresh('lost');
    const seat = await asked(name);
    seat.hangUp();
    assert.equal(await seat.ended(), 130);
    assert.match(await state(name), /Capturing/);
    await retinaOk(['capture', 'delete', name, '-n', NS]);
  });

  test('Ctrl-C, and the capture ends while it is asked: that is reported, as without a question', async () => {
    const name = fresh('ends');
    const flags = ['--node-names', 'node1', '--duration', '6s', '--wait'];
    const seat = sit(['capture', 'create', '-n', NS, '--name', name, ...flags]);
    await seat.shows(/node1 +capturing \d+s/);
    seat.type(CTRL_C);
    await seat.shows(/What now\?/);
    await seat.shows(/✔ 1 of 1 tarball saved/);
    assert.equal(await seat.ended(), 0);
  });
});

describe('download that is ended while bytes come', () => {
  let big: Planted;
  before(() => {
    big = plant('node1', 'signalled-node1-20261121101500UTC.tar.gz', 100_000_000);
    plantBeside(big, JSON.stringify(resultOf('signalled', 'node1', big)));
  });
  after(() => uproot('node1', 'signalled'));

  for (const signal of SIGNALS) {
    test(`${signal}: the pod goes, the part stays, and the next run goes on from there`, async () => {
      const output = mkdtempSync(join(tmpdir(), 'retina-e2e-'));
      const args = ['capture', 'download', 'signalled', '-n', NS, '--node-names', 'node1', '-o', output];
      const part = join(output, 'signalled', `${big.name}.part`);
      const fetching = start(args);
      await untilSize(part, 1_000_000);
      fetching.kill(signal);
      const ran = await ended(fetching);
      assert.equal(ran.code, 130, ran.stderr);
      assert.match(ran.stderr, /download interrupted; its pods are removed\n {2}The same command goes on/);
      assert.deepEqual(await downloads(NS), []);
      assert.deepEqual(readdirSync(join(output, 'signalled')), [`${big.name}.part`]);
      assert.ok(statSync(part).size < big.bytes);
      assert.match((await retinaOk(args)).stderr, /going on from \d/);
      assert.equal(sha256(join(output, 'signalled', big.name)), big.sha256);
      rmSync(output, { recursive: true });
    });
  }

  test('its terminal goes away: 130, the pod goes, the part stays', async () => {
    const output = mkdtempSync(join(tmpdir(), 'retina-e2e-'));
    const seat = sit(['capture', 'download', 'signalled', '-n', NS, '--node-names', 'node1', '-o', output]);
    await untilSize(join(output, 'signalled', `${big.name}.part`), 1_000_000);
    seat.hangUp();
    assert.equal(await seat.ended(), 130);
    assert.deepEqual(await downloads(NS), []);
    assert.deepEqual(readdirSync(join(output, 'signalled')), [`${big.name}.part`]);
    rmSync(output, { recursive: true });
  });
});
