import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { CaptureTarget } from '../../../src/capture/request.ts';
import type { Snapshot } from '../../../src/capture/snapshot.ts';
import { type Labelled, nearest, shellWord, suggestSelector } from '../../../src/capture/suggest.ts';
import { resolveTargets } from '../../../src/capture/targets.ts';
import { ClusterError } from '../../../src/errors.ts';
import { node, pod, selector, snapshot } from '../support/builders.ts';

const allLinux: CaptureTarget = { kind: 'nodes', selector: selector('kubernetes.io/os=linux') };
const webPods: CaptureTarget = { kind: 'pods', selector: selector('app=web'), namespaces: undefined };

function labelled(...labels: readonly Record<string, string>[]): Labelled[] {
  return labels.map((some, index) => ({ name: `x${index}`, labels: some }));
}

function namesOf(target: CaptureTarget, there: Snapshot): string[] {
  return resolveTargets(target, there).nodes.map(({ node: name }) => name);
}

/** The refusal, as one text. */
function refusal(target: CaptureTarget, there: Snapshot): string {
  try {
    resolveTargets(target, there);
  } catch (error) {
    assert.ok(error instanceof ClusterError, String(error));
    return [error.message, error.hint ?? ''].join('\n');
  }
  return assert.fail('it is refused');
}

suite('targets: nodes', () => {
  test('sorted by name, without those that are not Ready or of another system, which are told of', () => {
    const nodes = [node('c'), node('a'), node('odd', { os: 'plan9' }), node('down', { ready: false })];
    const { nodes: found, warnings } = resolveTargets(allLinux, snapshot({ nodes }));
    assert.deepEqual(found, [
      { node: 'a', os: 'linux', addresses: [], pods: [] },
      { node: 'c', os: 'linux', addresses: [], pods: [] },
    ]);
    assert.match(warnings.join('\n'), /not Ready.*down\n.*only Linux.*odd/);
  });

  test('named: also one that is not Ready, with a warning', () => {
    const there = snapshot({ nodes: [node('a'), node('b', { ready: false })] });
    const { nodes, warnings } = resolveTargets({ kind: 'node-names', names: ['b'] }, there);
    assert.deepEqual(
      nodes.map(({ node: name }) => name),
      ['b'],
    );
    assert.match(warnings[0] ?? '', /b is not Ready/);
  });

  test('refused: unknown names, no match, none left', () => {
    const names = (...some: string[]): CaptureTarget => ({ kind: 'node-names', names: some });
    assert.match(
      refusal(names('node9', 'x', 'node1'), snapshot()),
      /no node node9, no node x\nNodes: node1, node2\nDid you/,
    );
    assert.match(refusal(names('far'), snapshot({ nodes: [] })), /no node far\nThere are no nodes at all/);
    const others = { nodes: labelled({ zone: 'a' }, { zone: 'a' }, { zone: 'b' }) };
    const zone: CaptureTarget = { kind: 'nodes', selector: selector('zone=aa') };
    const told = refusal(zone, snapshot({ nodes: [], others }));
    assert.match(
      told,
      /no node has the labels zone=aa\nNodes have zone=a \(2\), zone=b \(1\)\.\nDid you mean: .*zone=a$/,
    );
    assert.match(refusal(allLinux, snapshot({ nodes: [node('w', { os: 'plan9' })] })), /no node is left.*Linux/);
    const many = Array.from({ length: 20 }, (_, index) => node(`n${index}`));
    assert.match(refusal(names('x'), snapshot({ nodes: many })), /n0, n1, n10.* and 12 more/);
  });
});

suite('targets: pods', () => {
  test('by node, with the addresses of all its pods', () => {
    const pods = [
      pod('b', { addresses: ['10.244.1.9', 'fd00::9'] }),
      pod('a', { node: 'node2', os: 'linux', addresses: ['10.244.2.4'] }),
      pod('c'),
    ];
    assert.deepEqual(resolveTargets(webPods, snapshot({ pods, searched: ['shop'] })).nodes, [
      {
        node: 'node1',
        os: 'linux',
        addresses: ['10.244.1.7', '10.244.1.9', 'fd00::9'],
        pods: ['shop/b', 'shop/c'],
      },
      { node: 'node2', os: 'linux', addresses: ['10.244.2.4'], pods: ['shop/a'] },
    ]);
  });

  test('left out, with the reason: ended, without node, without address, on another system', () => {
    const pods = [
      pod('good'),
      pod('ended', { phase: 'Succeeded' }),
      pod('failed', { phase: 'Failed' }),
      pod('pending', { node: undefined, phase: 'Pending' }),
      pod('fresh', { addresses: [] }),
      pod('odd', { node: 'o' }),
    ];
    const there = snapshot({ pods, nodes: [node('node1'), node('o', { os: 'plan9' })] });
    const { nodes, warnings } = resolveTargets(webPods, there);
    assert.deepEqual(
      nodes.map(({ pods: names }) => names),
      [['shop/good']],
    );
    assert.equal(warnings.length, 5);
    for (const words of [
      /ended \(Succeeded\): pod shop\/ended/,
      /ended \(Failed\)/,
      /a node yet/,
      /an address yet/,
      /on node o, which is neither/,
    ]) {
      assert.match(warnings.join('\n'), words);
    }
    assert.match(refusal(webPods, { ...there, pods: pods.slice(1) }), /no pod is left.*\n.*get pods -n shop/);
  });

  test('a pod on its node’s network is captured with all the node, and told of', () => {
    const { warnings } = resolveTargets(webPods, snapshot({ pods: [pod('a', { hostNetwork: true })] }));
    assert.match(warnings[0] ?? '', /network of node node1, so all traffic .*: pod shop\/a$/);
  });

  test('many pods with the same trouble are one line; a pod that is being deleted is captured', () => {
    const ended = Array.from({ length: 12 }, (_, index) => pod(`e${index}`, { phase: 'Succeeded' }));
    const { nodes, warnings } = resolveTargets(webPods, snapshot({ pods: [pod('a', { ending: true }), ...ended] }));
    assert.deepEqual(nodes[0]?.pods, ['shop/a']);
    assert.equal(warnings.length, 2);
    assert.match(warnings[0] ?? '', /^being deleted, captured .*: pod shop\/a$/);
    assert.match(warnings[1] ?? '', /^left out, already ended \(Succeeded\): pods shop\/e0, .* and 4 more$/);
  });

  test('who may not read nodes is taken at the pods’ word', () => {
    assert.deepEqual(namesOf(webPods, snapshot({ pods: [pod('a')], nodes: undefined })), ['node1']);
    const { nodes } = resolveTargets(webPods, snapshot({ pods: [pod('a', { os: 'windows' })], nodes: undefined }));
    assert.equal(nodes[0]?.os, 'windows');
  });

  test('by name: only those', () => {
    const pods = [pod('a'), pod('b', { node: 'node2' })];
    assert.deepEqual(namesOf({ kind: 'pod-names', names: ['b'] }, snapshot({ pods })), ['node2']);
    const told = refusal({ kind: 'pod-names', names: ['b', 'aa'] }, snapshot({ pods }));
    assert.match(told, /no pod aa in namespace shop\nPods there: a, b\nDid you mean: a/);
  });

  test('no match: the labels there, and the command that was probably meant', () => {
    const typo: CaptureTarget = { kind: 'pods', selector: selector('app=wbe'), namespaces: undefined };
    const others = { pods: labelled({ app: 'web' }, { app: 'web' }, { app: 'db' }) };
    assert.equal(
      refusal(typo, snapshot({ searched: ['shop'], others })),
      [
        'no pod in namespace shop has the labels app=wbe',
        'Pods there have app=web (2), app=db (1).',
        'Did you mean: kubectl retina capture create --pod-selectors app=web -n shop',
      ].join('\n'),
    );
    const wide: CaptureTarget = { ...typo, namespaces: selector('team in (a,b)') };
    const told = refusal(wide, snapshot({ searched: ['s1', 's2'], others }));
    assert.match(told, /the namespaces s1, s2.*--pod-selectors app=web --namespace-selectors 'team in \(a,b\)'$/s);
  });

  test('no match: no such namespace, no pods at all, no namespace of that label', () => {
    const namespaces = labelled({ team: 'a' }).map((each) => ({ ...each, name: 'shops' }));
    const empty = snapshot({ searched: ['shop'], others: { pods: [], namespaces } });
    assert.match(refusal(webPods, empty), /^there is no namespace shop\nDid you mean: -n shops$/);
    assert.match(refusal({ kind: 'pod-names', names: ['a'] }, empty), /^there is no namespace shop\n/);
    const unread = snapshot({ searched: ['shop'], others: { pods: [] } });
    assert.match(refusal(webPods, unread), /^there are no pods in namespace shop, .*\n/);
    const none = snapshot({ searched: [], others: { pods: [], namespaces } });
    const told = refusal({ ...webPods, namespaces: selector('team=b') }, none);
    assert.match(
      told,
      /^no namespace has the labels team=b\nNamespaces have team=a \(1\)\.\n.*--namespace-selectors team=a$/,
    );
  });
});

suite('suggestions', () => {
  const pods = labelled({ app: 'web', tier: 'front' }, { app: 'web' }, { app: 'db', tier: 'back' });

  /** A selector, what is told to be there, and what is suggested. */
  const rows: readonly (readonly [string, RegExp, string | undefined])[] = [
    ['app=wbe', /^app=web \(2\), app=db \(1\)$/, 'app=web'],
    ['app=WEB', /app=web/, 'app=web'],
    ['ap=web', /^app=web \(2\)/, 'app=web'],
    ['app=frontend', /^app=web \(2\), app=db/, undefined],
    ['app=wbe,tier=frnt', /app=web.*tier=/, 'app=web,tier=front'],
    ['app=wbe,tier=back', /app=web/, undefined],
    ['app=web,tier=back', /^app=web \(2\), tier=back \(1\), but none has all of these$/, undefined],
    ['app in (wbe,nothing)', /app=web/, 'app in (web)'],
    ['app!=web,app!=db', /app!=web \(1\), app!=db \(2\), but none/, undefined],
    ['!app', /^app=web/, undefined],
    ['owner', /^these labels: app, tier$/, undefined],
    ['teir', /^tier=back/, 'tier'],
  ];
  for (const [text, there, meant] of rows) {
    test(`${text} → ${meant ?? 'nothing'}`, () => {
      const suggestion = suggestSelector(selector(text), pods);
      assert.match(suggestion.there, there);
      assert.equal(suggestion.meant, meant);
    });
  }

  test('objects without labels', () => assert.equal(suggestSelector(selector('a=b'), labelled({})).there, 'no labels'));

  test('nearest: a slip of a letter or two, not another word', () => {
    const known = ['node1', 'node2', 'worker-eu-west-1a'];
    const pairs = {
      nod1: 'node1',
      ndoe2: 'node2',
      'worker-eu-wset-1a': 'worker-eu-west-1a',
      gateway: undefined,
      x: undefined,
    };
    for (const [word, want] of Object.entries(pairs)) assert.equal(nearest(word, known), want, word);
    assert.equal(nearest('a', []), undefined);
  });

  test('a word of a shell', () => {
    assert.equal(shellWord('app=web'), 'app=web');
    assert.equal(shellWord('a in (b)'), "'a in (b)'");
    assert.equal(shellWord("a'b$(c)"), `'a'\\''b$(c)'`);
  });
});
