import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { retina } from './support/cli.ts';
import { objects } from './support/cluster.ts';
import { connectionCases } from './support/wrong-connection.ts';
import { flagCases, type WrongCase } from './support/wrong-flags.ts';
import { NS, startLab } from './support/wrong-lab.ts';
import { lackCases } from './support/wrong-lacks.ts';

/** What is ours in the cluster, but for what other test files make meanwhile in namespaces of their own. */
async function ours(): Promise<string[]> {
  return (await objects()).filter((object) => !/^\w+\/(e2e-(?!wrong)|bench|workload)/.test(object));
}

/** What a user is told: what came before the error, its one line, and what stands below it. */
function parts(stderr: string): { before: string[]; message: string; below: string } {
  const lines = stderr.split('\n');
  const at = lines.findIndex((line) => line.startsWith('error: '));
  assert.notEqual(at, -1, `no line begins with "error: ":\n${stderr}`);
  return {
    before: lines.slice(0, at),
    message: (lines[at] ?? '').slice('error: '.length),
    below: lines.slice(at + 1).join('\n'),
  };
}

async function check({ args, env, code, message, hint, within }: WrongCase): Promise<void> {
  const ran = await retina(args, { ...(env === undefined ? {} : { env }), timeoutSeconds: 30 });
  const all = `exit code ${ran.code}\n${ran.stderr}`;
  assert.equal(ran.stdout, '', `stdout must be empty: ${all}`);
  const told = parts(ran.stderr);
  assert.match(told.message, message, all);
  if (hint !== undefined) assert.match(told.below, hint, all);
  assert.equal(ran.code, code, all);
  for (const line of told.below.split('\n'))
    assert.match(line, /^( {2}|$)/, `below the error, all is indented: ${all}`);
  assert.doesNotMatch(ran.stderr, /\n\s+at |Usage:|fault of kubectl-retina|SECRET|undefined|\[object/, all);
  assert.ok(told.below.split('\n').length <= 6, `more than a screenful of words: ${all}`);
  assert.ok(ran.seconds < (within ?? 15), `took ${ran.seconds} s`);
}

const lab = await startLab();
const groups: readonly (readonly [name: string, cases: readonly WrongCase[]])[] = [
  ['wrong command lines', flagCases()],
  ['what the cluster does not hold', lackCases()],
  ['who asks, and which cluster', connectionCases(lab)],
];

describe('wrong input', () => {
  after(() => lab.end());
  for (const [name, cases] of groups) {
    describe(name, () => {
      let before: string[] | undefined;
      for (const wrong of cases) {
        test(`${wrong.what}: exit code ${wrong.code}`, async () => {
          before ??= await ours();
          await check(wrong);
          // Without a kubeconfig there is nothing to look at; it is made sure of once, at the end.
          if (wrong.env?.KUBECONFIG === undefined) assert.deepEqual(await ours(), before, 'nothing is created');
        });
      }
      test('nothing was created', async () => {
        assert.ok(before?.includes(`Job/${NS}/taken-node1`), 'what is ours is found');
        assert.deepEqual(await ours(), before);
      });
    });
  }
});
