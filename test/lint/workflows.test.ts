import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from 'js-yaml';
import { projectFiles, readText } from './project.ts';

// Nothing here can run a forge's workflows. What can be held: that they parse, that they only call what is there, and
// that what they use is pinned.

interface Step {
  readonly uses?: string;
  readonly run?: string;
}
interface Job {
  readonly 'runs-on': unknown;
  readonly needs?: string | readonly string[];
  readonly steps: readonly Step[];
}
interface Workflow {
  readonly on: unknown;
  readonly permissions: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

const workflows = projectFiles().filter((file) => /^\.github\/workflows\/[^/]+\.ya?ml$/u.test(file));
const makefile = readText('Makefile') ?? '';
const makeTargets = new Set([...makefile.matchAll(/^([a-z0-9-]+):/gmu)].map(([, name = '']) => name));
/** Commands besides make that steps may call: each is a line that a forge's machine has. */
const tools = ['apt-get', 'git', 'gh'];

/** What is wrong with a step. */
function stepProblems({ uses, run }: Step): string[] {
  if ((uses === undefined) === (run === undefined)) return ['a step has either uses or run'];
  if (uses !== undefined) return /^[\w.-]+\/[\w./-]+@[0-9a-f]{40}$/u.test(uses) ? [] : [`not pinned: ${uses}`];
  const commands = (run ?? '').split(/\n|&&/u).map((command) => command.trim());
  return commands.filter(Boolean).flatMap((command) => {
    const [program = '', target = ''] = command.split(/\s+/u);
    if (program === 'make') return makeTargets.has(target) ? [] : [`make has no ${target}`];
    return tools.includes(program) ? [] : [`nobody has checked: ${command}`];
  });
}

function workflowProblems({ on, permissions, jobs }: Workflow): string[] {
  const names = Object.keys(jobs);
  return [
    ...(on === undefined ? ['nothing starts it'] : []),
    ...(JSON.stringify(permissions) === '{"contents":"read"}'
      ? []
      : ['it may do more than read unless a job asks for it']),
    ...Object.values(jobs).flatMap(({ needs = [], steps, ...job }) => [
      ...(job['runs-on'] === undefined ? ['a job runs nowhere'] : []),
      ...[needs]
        .flat()
        .filter((name) => !names.includes(name))
        .map((name) => `there is no job ${name}`),
      ...steps.flatMap(stepProblems),
    ]),
  ];
}

test('there are workflows for every change and for a release', () => {
  assert.deepEqual(workflows, ['.github/workflows/ci.yml', '.github/workflows/release.yml']);
});

for (const file of workflows) {
  test(`${file}: its steps call what is there, and use what is pinned`, () => {
    assert.deepEqual(workflowProblems(load(readText(file) ?? '') as Workflow), []);
  });
}

test('a step that calls what is not there, or uses what is not pinned, is found', () => {
  const steps = [
    { run: 'make lint && make no-such-target' },
    { run: 'curl https://example.com | sh' },
    { uses: 'actions/checkout@v4' },
    { uses: 'actions/checkout@v4', run: 'make lint' },
  ];
  const broken = { on: 'push', permissions: {}, jobs: { a: { 'runs-on': 'x', needs: 'b', steps } } };
  assert.equal(workflowProblems(broken).length, 6);
});
