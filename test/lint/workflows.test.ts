import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from 'js-yaml';
import { projectFiles, readText } from './project.ts';

// Nothing here can run a forge's workflows. What can be held: that they parse, that they only call what is there, and
// that what they use is pinned.

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
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
const tools = ['apt-get', 'git', 'gh', 'printenv', 'sed', 'skopeo'];

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

/** The steps of a workflow's job. */
function stepsOf(name: string, job: string): readonly Step[] {
  const workflow = load(readText(`.github/workflows/${name}.yml`) ?? '') as Workflow;
  return workflow.jobs[job]?.steps ?? [];
}

test('every change makes a release, but for publishing it', () => {
  const calls = stepsOf('ci', 'release').flatMap(({ run = [] }) => run);
  assert.deepEqual(calls, ['make test-release', 'make verify-release']);
});

test('a release is published when all tests have passed, and not before', () => {
  const steps = stepsOf('release', 'release');
  const at = (found: (step: Step) => boolean) => steps.findIndex(found);
  const calls = (line: RegExp) => at(({ run = '' }) => line.test(run));
  const published = [calls(/make image-push/), calls(/gh release create/), at(({ uses = '' }) => /attest/.test(uses))];
  for (const line of [/^make test$/, /^make test-release$/, /^make verify-release /]) {
    assert.ok(calls(line) >= 0 && published.every((step) => calls(line) < step), `${line} comes before`);
  }
});

test('the image in the registry has its provenance beside it, by the digest that was pushed', () => {
  const steps = stepsOf('release', 'release');
  const pushed = steps.findIndex(({ run = '' }) => run.startsWith('make image-push'));
  const attested = steps.findIndex(({ with: given }) => given?.['push-to-registry'] === true);
  assert.ok(pushed >= 0 && attested > pushed);
  const { config } = JSON.parse(readText('package.json') ?? '{}');
  assert.deepEqual(steps[attested]?.with, {
    ...{ 'subject-name': config.captureImage, 'subject-digest': `\${{ steps.pushed.outputs.digest }}` },
    'push-to-registry': true,
  });
});

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
