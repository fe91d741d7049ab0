import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { retina, retinaOk, start } from './support/cli.ts';
import { namespace, objects, until } from './support/cluster.ts';
import { type Gate, openGate } from './support/gate.ts';
import { ended, filesOf, forget, leavings, tarballsOf, writes } from './support/leavings.ts';
import { sit } from './support/terminal.ts';

const NS = 'e2e-signals-later';
const KEYS = { AWS_ACCESS_KEY_ID: 'AKIAEXAMPLE', AWS_SECRET_ACCESS_KEY: 'example/secret' };
/** Nobody listens there. */
const STORE = ['--s3-bucket', 'evidence', '--s3-endpoint', 'http://10.240.0.1:9'];
const GONE = 'its terminal goes away';
const ENDS = ['SIGTERM', 'SIGHUP', GONE] as const;

let gate: Gate;
let clean: () => Promise<void>;
before(async () => {
  clean = await namespace(NS);
  gate = await openGate();
});
after(async () => {
  gate.close();
  await retina(['capture', 'delete', '--all', '-n', NS]);
  forget(...ENDS.flatMap((_, index) => [`ended-${index}`, `deleted-${index}`]));
  await clean();
});

/** Runs a command, and ends it as soon as its first write is done. On a terminal that is gone, it says nothing. */
async function cut(how: (typeof ENDS)[number], args: readonly string[], env: Record<string, string> = {}) {
  const all = [...args, '-n', NS, ...gate.flags];
  if (how === GONE) {
    const seat = sit(all, env);
    gate.arm(1, 'answered', () => {
      seat.hangUp();
      return undefined;
    });
    return { code: await seat.ended(), words: '' };
  }
  const process = start(all, { env });
  gate.arm(1, 'answered', () => {
    process.kill(how);
    return undefined;
  });
  const { code, stderr } = await ended(process);
  return { code, words: stderr };
}

function assertSaid(ran: Awaited<ReturnType<typeof cut>>, words: RegExp): void {
  assert.equal(ran.code, 130, ran.words);
  if (ran.words !== '') assert.match(ran.words, words);
}

describe('stop, upload and delete that are ended after their first write', () => {
  for (const [index, how] of ENDS.entries()) {
    test(`${how}: 130; the node ends as it was told, no upload is left, and what was to be deleted goes`, async () => {
      const [name, other] = [`ended-${index}`, `deleted-${index}`];
      for (const [each, node] of [[name, 'node1'] as const, [other, 'node2'] as const]) {
        forget(each);
        const aim = ['--node-names', node, '--duration', '10m'];
        await retinaOk(['capture', 'create', '-n', NS, '--name', each, ...aim]);
      }
      await until('both write', () => writes(name, 'node1') && writes(other, 'node2'));
      assertSaid(await cut(how, ['capture', 'stop', name]), /The nodes that were told to stop do so: kubectl retina/);
      const state = async () => (await retina(['capture', 'status', name, '-n', NS])).stdout;
      await until('it has ended', async () => /Completed/.test(await state()));
      assert.match(await state(), /stopped by request/);

      const sent = await cut(how, ['capture', 'upload', name, ...STORE], KEYS);
      assertSaid(sent, /upload interrupted; its pods are removed, and the tarballs stay on their nodes/);
      assert.deepEqual(
        (await objects(NS)).filter((object) => object.includes('-upload-')),
        [],
      );

      const deleted = await cut(how, ['capture', 'delete', other]);
      assertSaid(deleted, /what was deleted so far goes on ending\n.*capture delete deleted-/);
      const again = await retina(['capture', 'delete', other, '-n', NS]);
      assert.ok(again.code === 0 || /there is no capture/.test(again.stderr), again.stderr);
      assert.deepEqual(await leavings(NS, other), filesOf(other));
      assert.deepEqual([tarballsOf(name).length, tarballsOf(other).length], [1, 1]);
    });
  }
});
