import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { execa } from 'execa';
import { CLI, retina, retinaOk } from './support/cli.ts';
import { kubectl, namespace, objects, until } from './support/cluster.ts';
import { forget, tarballsOf } from './support/leavings.ts';

const NS = 'e2e-readers';
const names: string[] = [];

/** A name that no other test has; its files go at the end. */
function fresh(what: string): string {
  names.push(`${what}-${names.length}`);
  return names.at(-1) ?? '';
}

let clean: () => Promise<void>;
before(async () => {
  clean = await namespace(NS);
});
after(async () => {
  await retina(['capture', 'delete', '--all', '-n', NS]);
  forget(...names);
  await clean();
});

const ON = '--node-names node1';
const creation = (name: string): string => `capture create -n ${NS} --name ${name} ${ON} --duration 10m`;
const jobs = async (name: string): Promise<number> =>
  (await objects(NS)).filter((object) => object.startsWith(`Job/${NS}/${name}-`)).length;

describe('readers that go away', () => {
  const piped = async (words: string, reader: string): Promise<{ code: number; stdout: string; stderr: string }> => {
    const script = `'${CLI}' ${words} | ${reader}; exit \${PIPESTATUS[0]}`;
    const { exitCode = -1, stdout, stderr } = await execa('bash', ['-c', script], { reject: false, timeout: 60_000 });
    return { code: exitCode, stdout, stderr };
  };

  test('list, status, create and download into `head -1`: one line, no stack, the exit code of what was done', async () => {
    const name = fresh('piped');
    const output = mkdtempSync(join(tmpdir(), 'retina-e2e-'));
    const commands = [
      `capture create -n ${NS} --name ${name} ${ON} --duration 1s --wait`,
      `capture list -n ${NS} -o wide`,
      `capture status ${name} -n ${NS}`,
      `capture download ${name} -n ${NS} -o '${output}'`,
    ];
    for (const command of commands) {
      for (const [reader, lines] of [
        ['head -1', 1],
        ['true', 0],
      ] as const) {
        const again =
          reader === 'true'
            ? command.replace(/create -n (\S+) --name \S+/, `create -n $1 --name ${fresh('piped')}`)
            : command;
        const ran = await piped(again, reader);
        assert.equal(ran.code, 0, `${again} | ${reader}\n${ran.stderr}`);
        assert.equal(ran.stdout.split('\n').filter(Boolean).length, lines, ran.stdout);
        assert.doesNotMatch(ran.stderr, /EPIPE|fault|\bat .*:\d+:\d+/, again);
      }
    }
    assert.equal(readdirSync(join(output, name)).length, 1);
    rmSync(output, { recursive: true });
    assert.equal(tarballsOf(name).length, 1);
  });

  /** Runs a command into `head -1`, changes what it shows once that has its line, and returns how it ended. */
  const unread = async (words: string, change: () => Promise<unknown>): Promise<{ code: number; stderr: string }> => {
    const script = `'${CLI}' ${words} | head -1; exit \${PIPESTATUS[0]}`;
    const watching = execa('bash', ['-c', script], { reject: false, timeout: 60_000 });
    await once(watching.stdout, 'data');
    await change();
    const { exitCode = -1, stderr } = await watching;
    return { code: exitCode, stderr };
  };

  test('list --watch and status --watch into `head -1`: they end at the next change, with 0, and the capture goes on', async () => {
    const name = fresh('watched');
    const both = ['--node-names', 'node1,node2', '--duration', '10m'];
    await retinaOk(['capture', 'create', '-n', NS, '--name', name, ...both]);
    const ofFirst = ['-n', NS, '-l', `capture-name=${name}`, '--field-selector', 'spec.nodeName=node1'];
    const state = async () => (await retinaOk(['capture', 'status', name, '-n', NS])).stdout;
    await until('both capture', async () => (await state()).match(/ capturing /g)?.length === 2);
    const status = await unread(`capture status ${name} -n ${NS} --watch -o json`, () =>
      kubectl('delete', 'pod', ...ofFirst),
    );
    assert.deepEqual(status, { code: 0, stderr: '' });
    assert.match(await state(), /^watched-\d+ · Capturing/);
    const list = await unread(`capture list ${name} -n ${NS} --watch`, () =>
      retinaOk(['capture', 'delete', name, '-n', NS]),
    );
    assert.deepEqual(list, { code: 0, stderr: '' });
  });

  test('stderr closed while it creates: the capture is there in full', async () => {
    const name = fresh('mute');
    const script = `'${CLI}' ${creation(name)} 2>&1 >/dev/null | true; exit \${PIPESTATUS[0]}`;
    const { exitCode } = await execa('bash', ['-c', script], { reject: false });
    assert.equal(exitCode, 0);
    assert.equal(await jobs(name), 1);
  });

  test('results that a full disk does not take: told, exit 1; what was done is done', async () => {
    const name = fresh('full');
    const script = `'${CLI}' ${creation(name)} >/dev/full`;
    const { exitCode, stderr } = await execa('bash', ['-c', script], { reject: false });
    assert.equal(exitCode, 1);
    assert.match(stderr, /error: not all of the results could be written: .*ENOSPC/);
    assert.equal(await jobs(name), 1);
  });
});
