import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { execa } from 'execa';
import { CLI, retina } from './support/cli.ts';
import { namespace, objects } from './support/cluster.ts';
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
