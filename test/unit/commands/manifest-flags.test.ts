import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { CreateFlags } from '../../../src/commands/capture-flags.ts';
import { Problems } from '../../../src/commands/flags.ts';
import { checkManifest } from '../../../src/commands/manifest-check.ts';
import { FIELDS } from '../../../src/commands/manifest-fields.ts';
import { parseManifests } from '../../../src/commands/manifest-file.ts';
import { mergeFlags, toManifestFlags } from '../../../src/commands/manifest-flags.ts';

const HEAD = { apiVersion: 'retina.sh/v1alpha1', kind: 'Capture' };

/** The flags of one manifest, and what is told of it. */
function read(source: object | string) {
  const text = typeof source === 'string' ? source : JSON.stringify(source);
  const problems = new Problems();
  const [manifest] = parseManifests('web.yaml', text, problems);
  const checked = manifest === undefined ? undefined : checkManifest(manifest, problems);
  const tell = (path: readonly string[], said: string) => void problems.found.push(`${path.join('.')} ${said}`);
  const said = checked === undefined ? undefined : toManifestFlags(checked, { newId: () => 'x7k2q', tell });
  return { flags: said?.flags, namespace: said?.namespace, origins: said?.origins, problems: problems.found };
}

/** A spec with one field. */
function specOf(path: string, value: unknown): object {
  return path.split('.').reduceRight<object>((inner, key) => ({ [key]: inner }), value as object);
}

/** Every field of the spec in the reference's order, a value of it, and the flags that it amounts to. */
const configuration = 'captureConfiguration';
const [target, option, output] = [
  `${configuration}.captureTarget`,
  `${configuration}.captureOption`,
  'outputConfiguration',
];
const rows: readonly (readonly [path: string, value: unknown, flags: CreateFlags])[] = [
  [`${target}.nodeSelector`, { matchLabels: { a: 'b', 'x.y/z': '' } }, { nodeSelectors: 'a=b,x.y/z=' }],
  [
    `${target}.namespaceSelector`,
    { matchExpressions: [{ key: 'a', operator: 'Exists' }] },
    { namespaceSelectors: 'a' },
  ],
  [`${target}.namespaceSelector`, {}, { allNamespaces: true }],
  [
    `${target}.podSelector`,
    {
      matchLabels: { app: 'web' },
      matchExpressions: [
        { key: 'tier', operator: 'In', values: ['a', 'b'] },
        { key: 'env', operator: 'NotIn', values: ['c'] },
        { key: 'gone', operator: 'DoesNotExist', values: [] },
      ],
    },
    { podSelectors: 'app=web,tier in (a,b),env notin (c),!gone' },
  ],
  [`${target}.podNames`, ['a', 'b'], { podNames: 'a,b' }],
  [`${target}.podNames`, [], {}],
  [`${configuration}.filters.include`, ['1.2.3.4:80', '*:53'], { includeFilter: '1.2.3.4:80,*:53' }],
  [`${configuration}.filters.exclude`, ['[::1]:53'], { excludeFilter: '[::1]:53' }],
  [`${configuration}.tcpdumpFilter`, 'tcp', { tcpdumpFilter: 'tcp' }],
  [`${configuration}.includeMetadata`, false, { includeMetadata: false }],
  [`${option}.duration`, '1m30s', { duration: '1m30s' }],
  [`${option}.packetSize`, 96, { packetSize: '96' }],
  [`${option}.maxCaptureSize`, 0, { maxSize: '0' }],
  [`${option}.fileCount`, 5, { fileCount: '5' }],
  [`${option}.interfaces`, ['eth0', 'lo'], { interfaces: 'eth0,lo' }],
  [`${option}.pcapFilter`, 'udp', { pcapFilter: 'udp' }],
  [`${option}.sourceIPs`, ['10.0.0.1'], { sourceIps: '10.0.0.1' }],
  [`${option}.destinationIPs`, ['10.0.0.2', 'fd00::1'], { destinationIps: '10.0.0.2,fd00::1' }],
  [`${option}.noPromiscuous`, true, { noPromiscuous: true }],
  [`${option}.packetBuffered`, true, { packetBuffered: true }],
  [`${option}.immediateMode`, true, { immediateMode: true }],
  [`${option}.noResolveDNS`, true, { noResolveDns: true }],
  [`${option}.noResolvePort`, true, { noResolvePort: true }],
  [`${option}.verbosity`, 'extra', { verbosity: 'extra' }],
  [`${option}.printDataFormat`, 'hex', { printData: 'hex' }],
  [`${option}.printLinkHeader`, true, { printLinkHeader: true }],
  [`${option}.quietOutput`, true, { quietOutput: true }],
  [`${option}.absoluteSeq`, true, { absoluteSeq: true }],
  [`${option}.timestampFormat`, 'delta', { timestampFormat: 'delta' }],
  [`${option}.dontVerifyChecksum`, true, { dontVerifyChecksum: true }],
  [`${output}.hostPath`, 'x', { hostPath: 'x' }],
  [`${output}.persistentVolumeClaim`, 'claim', { pvc: 'claim' }],
  [`${output}.blobUpload`, 'sas', { blobSecret: 'sas' }],
  [`${output}.s3Upload.endpoint`, 'https://s3.example', { s3Endpoint: 'https://s3.example' }],
  [`${output}.s3Upload.bucket`, 'evidence', { s3Bucket: 'evidence' }],
  [`${output}.s3Upload.secretName`, 'keys', { s3Secret: 'keys' }],
  [`${output}.s3Upload.region`, 'eu-1', { s3Region: 'eu-1' }],
  [`${output}.s3Upload.path`, 'a/b', { s3Path: 'a/b' }],
  ['cleanUpAfterUpload', true, { cleanupAfterUpload: true }],
];

suite('a manifest as flags', () => {
  for (const [path, value, flags] of rows) {
    test(`${path} ${JSON.stringify(value)}`, () => {
      const got = read({ ...HEAD, spec: specOf(path, value) });
      assert.deepEqual(got.problems, []);
      assert.deepEqual(got.flags, flags);
    });
  }

  test('every field has a row here', () => {
    assert.deepEqual(new Set(rows.map(([path]) => path)), new Set(FIELDS.map(({ path }) => path)));
  });

  test('a field of the wrong type is refused, whatever it is', () => {
    for (const { path, kind } of FIELDS) {
      const wrong = kind === 'text' || kind === 'duration' ? 5 : 'text';
      const { flags, problems } = read({ ...HEAD, spec: specOf(path, wrong) });
      assert.equal(flags, undefined, path);
      assert.match(problems.join('\n'), new RegExp(`^web\\.yaml:1: spec\\.${path}: .* is not `));
    }
  });

  test('its name and namespace; a name to be made', () => {
    const named = read({ ...HEAD, metadata: { name: 'web', namespace: 'shop' }, spec: {} });
    assert.deepEqual([named.flags, named.namespace], [{ name: 'web' }, 'shop']);
    const made = read({ ...HEAD, metadata: { generateName: 'web-' }, spec: {} });
    assert.deepEqual(made.flags, { name: 'web-x7k2q' });
    assert.deepEqual([...(made.origins ?? [])], [['--name', 'metadata.generateName']]);
  });

  test('what the API server adds is taken and left aside, and null is not given', () => {
    const metadata = {
      name: 'web',
      uid: 'u',
      resourceVersion: '1',
      generation: 1,
      creationTimestamp: 'x',
      managedFields: [{}],
    };
    const status = { conditions: [{ type: 'complete' }], active: 1 };
    const spec = { captureConfiguration: { captureTarget: { nodeSelector: null }, tcpdumpFilter: null } };
    const got = read({ ...HEAD, metadata, spec, status });
    assert.deepEqual([got.problems, got.flags], [[], { name: 'web' }]);
  });
});

suite('manifests that are refused', () => {
  const SPEC = `apiVersion: retina.sh/v1alpha1
kind: Capture
spec:
  captureConfiguration:
`;
  const cases: readonly (readonly [what: string, source: string, told: readonly (string | RegExp)[]])[] = [
    [
      'unknown fields, each with its line and the nearest known, and wrong types, in the order of the file',
      `${SPEC}    captureOption:\n      duraton: 5s\n      packetSize: "12"\n    captureTargett: {}\n`,
      [
        'web.yaml:6: spec.captureConfiguration.captureOption.duraton is not a field: did you mean duration?',
        'web.yaml:7: spec.captureConfiguration.captureOption.packetSize: "12" is not a whole number',
        'web.yaml:8: spec.captureConfiguration.captureTargett is not a field: did you mean captureTarget?',
      ],
    ],
    [
      'a field that is like no other',
      `${SPEC}    xyz: 1\n`,
      [/^web\.yaml:5: .*xyz is not a field: there are captureTarget, filters,/],
    ],
    [
      'an element of a list',
      `${SPEC}    filters:\n      include:\n      - 1.2.3.4\n      - 80\n`,
      ['web.yaml:8: spec.captureConfiguration.filters.include[1]: 80 is not text: quote it'],
    ],
    [
      'an operator that is none',
      `${SPEC}    captureTarget:\n      podSelector:\n        matchExpressions: [{key: a, operator: in, values: [b]}]\n`,
      [/^web\.yaml:7: .*matchExpressions\[0\]\.operator: "in" is not one of In, NotIn, Exists, DoesNotExist$/],
    ],
    ['no spec', 'apiVersion: retina.sh/v1alpha1\nkind: Capture\n', ['web.yaml:1: spec is missing']],
    ['another kind', '\n\nkind: Pod\napiVersion: v1\n', [/^web\.yaml:3: only a Capture.*: it is a "Pod" of "v1"$/]],
    ['another version', 'kind: Capture\napiVersion: retina.sh/v1\n', [/it is a "Capture" of "retina\.sh\/v1"$/]],
    ['no object', 'hello', [/^web\.yaml:1: only a Capture.*: it has no kind$/]],
    ['no YAML', 'a: 1\n b: 2\n', [/^web\.yaml:2: this is not YAML: /]],
    ['a field that is there twice', 'a: 1\na: 2\n', [/^web\.yaml:2: .*duplicated mapping key/]],
    ['a bomb', `a: &a [x]\nb: [${'*a,'.repeat(200)}]\n`, [/this is not YAML: .*alias/]],
  ];
  for (const [what, source, told] of cases) {
    test(what, () => {
      const { problems } = read(source);
      assert.equal(problems.length, told.length, problems.join('\n'));
      told.forEach((words, index) => {
        const problem = problems[index] ?? '';
        if (typeof words === 'string') assert.equal(problem, words);
        else assert.match(problem, words);
      });
    });
  }

  /** Selectors, and what is told of them. */
  const selectors: readonly (readonly [object, RegExp])[] = [
    [{}, /is empty: leave it out/],
    [{ matchLabels: { a: 'b,c=d' } }, /"b,c=d" cannot be in a label/],
    [{ matchLabels: { 'a=b': 'c' } }, /"a=b" cannot be in a label/],
    [{ matchLabels: { a: '-' } }, /"-" is not a label's value/],
    [{ matchExpressions: [{ key: 'a', operator: 'In' }] }, /a: In needs values/],
    [{ matchExpressions: [{ key: 'a', operator: 'Exists', values: ['b'] }] }, /a: Exists takes no values/],
  ];
  for (const [selector, told] of selectors) {
    test(`the selector ${JSON.stringify(selector)}`, () => {
      const { problems } = read({ ...HEAD, spec: specOf(`${target}.podSelector`, selector) });
      assert.equal(problems.length, 1);
      assert.match(problems[0] ?? '', told);
    });
  }
});

suite('the objects of a file', () => {
  const names = (source: string) =>
    parseManifests('web.yaml', source, new Problems()).map(({ value, at }) => [(value as { n?: string }).n, at(['n'])]);

  test('several documents, empty ones between', () => {
    assert.deepEqual(names('---\nn: a\n---\n---\n# none\n---\n\nn: b\n'), [
      ['a', 'web.yaml:2'],
      ['b', 'web.yaml:8'],
    ]);
  });

  test('the members of a list, with their lines', () => {
    assert.deepEqual(names('kind: List\nitems:\n- n: a\n- x: 1\n  n: b\n---\nkind: CaptureList\nitems: [{n: c}]\n'), [
      ['a', 'web.yaml:3'],
      ['b', 'web.yaml:5'],
      ['c', 'web.yaml:8'],
    ]);
  });

  test('nothing in it', () => assert.deepEqual(names('# nothing\n'), []));
});

suite('typed flags over those of a manifest', () => {
  const manifest: CreateFlags = {
    podSelectors: 'a=b',
    namespaceSelectors: 'c',
    duration: '1m',
    tcpdumpFilter: 'tcp',
    blobSecret: 's',
  };

  test('a field by itself', () => {
    assert.deepEqual(mergeFlags(manifest, { duration: '5s' }), { ...manifest, duration: '5s' });
  });

  test('a target as a whole, however it is named', () => {
    const { podSelectors, namespaceSelectors, ...rest } = manifest;
    assert.deepEqual(mergeFlags(manifest, { nodeNames: 'n' }), { ...rest, nodeNames: 'n' });
    assert.deepEqual(mergeFlags(manifest, { targets: ['deploy/web'] }), { ...rest, targets: ['deploy/web'] });
    assert.deepEqual(mergeFlags(manifest, { podSelectors: 'x' }), { ...rest, podSelectors: 'x' });
  });

  test('what says the same in another way', () => {
    assert.deepEqual(mergeFlags({ tcpdumpFilter: 'tcp' }, { pcapFilter: 'udp' }), { pcapFilter: 'udp' });
    assert.deepEqual(mergeFlags({ blobSecret: 's' }, { blobUpload: 'u' }), { blobUpload: 'u' });
    assert.deepEqual(mergeFlags({ s3Secret: 's', s3Bucket: 'b' }, { s3AccessKeyId: 'k' }), {
      s3Bucket: 'b',
      s3AccessKeyId: 'k',
    });
  });

  test('no arguments and a blank selector are not given', () => {
    assert.deepEqual(mergeFlags(manifest, { targets: [], podSelectors: ' ' }), manifest);
  });
});
