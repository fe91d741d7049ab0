import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Problems } from '../../../src/commands/flags.ts';
import { type TargetFlags, toTarget } from '../../../src/commands/target-flags.ts';

function convert(flags: TargetFlags) {
  const problems = new Problems();
  const target = toTarget(flags, problems);
  return { target, found: problems.found, warnings: problems.warnings };
}

/** The objects that arguments name, as `kind/name`. */
function objects(...targets: readonly string[]): string[] {
  const { target, found } = convert({ targets });
  assert.deepEqual(found, []);
  return target.kind === 'objects' ? target.objects.map(({ kind, name }) => `${kind}/${name}`) : [];
}

suite('targets by argument', () => {
  test('every spelling that kubectl takes', () => {
    const spellings = {
      pod: 'po pod pods POD pod.v1. pods.v1.',
      deployment: 'deploy deployment deployments deployments.apps deployments.v1.apps deployment.apps deploy.apps',
      statefulset: 'sts statefulset statefulsets statefulsets.apps statefulsets.v1.apps',
      daemonset: 'ds daemonset daemonsets daemonset.apps',
      replicaset: 'rs replicaset replicasets replicasets.v1.apps',
      job: 'job jobs jobs.batch jobs.v1.batch',
      cronjob: 'cj cronjob cronjobs cronjobs.batch',
      service: 'svc service services services.v1.',
      node: 'no node nodes',
    };
    for (const [kind, words] of Object.entries(spellings)) {
      for (const word of words.split(' ')) {
        assert.deepEqual(objects(`${word}/x`), [`${kind}/x`]);
        assert.deepEqual(objects(word, 'x'), [`${kind}/x`]);
      }
    }
  });

  test('several, in both forms, each once and sorted', () => {
    assert.deepEqual(objects('svc/b', 'po/a', 'pods/a'), ['pod/a', 'service/b']);
    assert.deepEqual(objects('deploy', 'web', 'api', 'web'), ['deployment/api', 'deployment/web']);
    assert.deepEqual(objects('deploy', 'web', 'po/a', 'api'), ['deployment/api', 'deployment/web', 'pod/a']);
    // The second word is a name, whatever it looks like.
    assert.deepEqual(objects('deploy', 'job'), ['deployment/job']);
  });

  const refused: readonly (readonly [targets: readonly string[], ...problems: RegExp[]])[] = [
    [['deplyo/web'], /^deplyo\/web: "deplyo" is not a kind of target: did you mean deploy\?$/],
    [['deplyo', 'web', 'A'], /^deplyo: "deplyo" is not a kind of target: did you mean deploy\?$/],
    [['gateway/x'], /the kinds are pod, deploy, sts, ds, rs, job, cronjob, svc, node$/],
    [['shop-frontend'], /"shop-frontend" is not a kind.*write KIND\/NAME, such as deploy\/shop-frontend$/],
    [['deploy'], /^deploy: its name is missing: deploy\/NAME$/],
    [['deploy/'], /^deploy\/: its name is missing: deploy\/NAME$/],
    [['/web'], /"" is not a kind of target/],
    [['a/b/c'], /a target has one slash/],
    [['po/A'], /^po\/A: "A" cannot be a name/],
    [['po/a', 'x/y', 'svc/B'], /"x" is not a kind/, /"B" cannot be a name/],
  ];
  for (const [targets, ...problems] of refused) {
    test(`refused: ${targets.join(' ')}`, () => {
      const { found } = convert({ targets });
      assert.equal(found.length, problems.length, found.join('\n'));
      for (const [index, problem] of problems.entries()) assert.match(found[index] ?? '', problem);
    });
  }
});

suite('all namespaces', () => {
  test('with pod selectors, or alone', () => {
    assert.deepEqual(convert({ allNamespaces: true }).target, { kind: 'pods-anywhere', selector: undefined });
    const selected = convert({ allNamespaces: true, podSelectors: 'a=b', namespaceSelectors: ' ' });
    assert.deepEqual([selected.target, selected.found], [{ kind: 'pods-anywhere', selector: 'a=b' }, []]);
    assert.equal(convert({ allNamespaces: false, podSelectors: 'a=b' }).target.kind, 'pods');
  });

  test('with anything else it makes no sense', () => {
    const others: readonly TargetFlags[] = [
      { podNames: 'a' },
      { nodeNames: 'a' },
      { nodeSelectors: 'a=b' },
      { targets: ['deploy/web'] },
      { namespaceSelectors: 'a=b' },
    ];
    for (const flags of others) {
      const { found } = convert({ ...flags, allNamespaces: true });
      assert.equal(found.length, 1, JSON.stringify(flags));
      assert.match(found[0] ?? '', /^-A /);
    }
  });
});

suite('one kind of target', () => {
  test('arguments are one', () => {
    for (const flags of [{ podNames: 'a' }, { nodeNames: 'a' }, { podSelectors: 'a=b' }, { namespaceSelectors: 'a' }]) {
      const { found } = convert({ ...flags, targets: ['po/x'] });
      assert.match(found[0] ?? '', /^only one kind of target can be given, not po\/x and --/);
    }
  });

  test('a blank pod selector means the default, which is said', () => {
    const { target, warnings } = convert({ podSelectors: ' ' });
    assert.equal(target.kind, 'nodes');
    assert.match(warnings[0] ?? '', /--pod-selectors is blank.*whole nodes/);
    assert.deepEqual(convert({ podSelectors: ' ', namespaceSelectors: 'a=b' }).warnings, []);
    assert.deepEqual(convert({ nodeSelectors: ' ' }).warnings, []);
  });
});
