import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { dump } from 'js-yaml';
import type { CaptureRequest } from '../../../src/capture/request.ts';
import { type LabelSelector, type SelectorTerm, selectorTerms } from '../../../src/capture/selector.ts';
import type { CreateFlags } from '../../../src/commands/capture-flags.ts';
import { Problems } from '../../../src/commands/flags.ts';
import { checkManifest } from '../../../src/commands/manifest-check.ts';
import { FIELDS } from '../../../src/commands/manifest-fields.ts';
import { parseManifests } from '../../../src/commands/manifest-file.ts';
import { flagName, toManifestFlags } from '../../../src/commands/manifest-flags.ts';
import { toManifest, UNSAID } from '../../../src/commands/manifest-write.ts';
import { GROUPS } from '../../../src/commands/option-row.ts';
import { createRows } from '../../../src/commands/options.ts';
import { convertFlags } from '../support/convert.ts';

const context = { newId: () => 'x7k2q', now: () => new Date(0), env: {} };

/** Flags, printed as a manifest and read again. */
function again(flags: CreateFlags): CreateFlags {
  const problems = new Problems();
  const { manifest } = toManifest(flags, undefined);
  const [read] = parseManifests('web.yaml', dump(manifest), problems);
  const checked = read === undefined ? undefined : checkManifest(read, problems);
  assert.ok(checked, problems.found.join('\n'));
  return toManifestFlags(checked, { newId: context.newId, tell: (_, text) => assert.fail(text) }).flags;
}

/** A term in one of the forms that mean the same: `a=b` is `a in (b)`. */
function plain({ key, operator, values }: SelectorTerm): string {
  const same = { '=': 'in', '!=': 'notin' } as const;
  const name = operator === '=' || operator === '!=' ? same[operator] : operator;
  return `${key} ${name} ${[...values].sort().join()}`;
}

/** A request whose selectors are compared by what they mean. */
function meaning(request: CaptureRequest): object {
  const terms = (selector: LabelSelector | undefined) => selector && selectorTerms(selector).map(plain).sort();
  const { target } = request;
  if (target.kind === 'nodes') return { ...request, target: { ...target, selector: terms(target.selector) } };
  if (target.kind !== 'pods') return request;
  const both = { selector: terms(target.selector), namespaces: terms(target.namespaces) };
  return { ...request, target: { ...target, ...both } };
}

const word = fc.stringMatching(/^[a-z]{1,8}$/);
const list = (element: fc.Arbitrary<string>) =>
  fc.uniqueArray(element, { minLength: 1, maxLength: 3 }).map((all) => all.join(','));
const term = fc.oneof(
  fc.tuple(word, fc.constantFrom('=', '==', '!='), word).map((parts) => parts.join('')),
  fc
    .tuple(word, fc.constantFrom('in', 'notin'), list(word))
    .map(([key, operator, values]) => `${key} ${operator} (${values})`),
  word,
  word.map((key) => `!${key}`),
);
const selector = fc.array(term, { minLength: 1, maxLength: 4 }).map((terms) => terms.join(','));
const bool = fc.boolean();
const address = fc.ipV4();
const target: fc.Arbitrary<CreateFlags> = fc.oneof(
  fc.constant({}),
  fc.record({ nodeSelectors: selector }),
  fc.record({ podNames: list(word) }),
  fc.record({ podSelectors: selector, namespaceSelectors: selector }),
  fc.record({ podSelectors: selector }),
  fc.record({ namespaceSelectors: selector }),
);
const others: fc.Arbitrary<CreateFlags> = fc.record(
  {
    ...{
      name: word,
      includeFilter: list(address),
      excludeFilter: list(address),
      pcapFilter: fc.constant('tcp port 80'),
    },
    ...{ sourceIps: list(address), destinationIps: list(address), interfaces: list(word), includeMetadata: bool },
    ...{ packetSize: fc.nat(1000).map(String), maxSize: fc.nat(1000).map(String) },
    duration: fc.constantFrom('0', '5s', '1m30s', '1.5h', '.5s', '+5s', '2d', '250ms'),
    ...{ noPromiscuous: bool, packetBuffered: bool, immediateMode: bool, noResolveDns: bool, noResolvePort: bool },
    ...{ verbosity: fc.constantFrom('verbose', 'extra', 'max'), printData: fc.constantFrom('hex', 'ascii') },
    ...{ timestampFormat: fc.constantFrom('none', 'delta'), printLinkHeader: bool, quietOutput: bool },
    ...{ absoluteSeq: bool, dontVerifyChecksum: bool, hostPath: fc.constantFrom('x', 'a/b', '/mnt/x', ' y ') },
    ...{ hostPathBaseDir: fc.constantFrom('/b', '/b/c/') },
  },
  { requiredKeys: [] },
);

suite('flags as a manifest', () => {
  test('read again, it is the same request', async () => {
    let made = 0;
    /** What a command line means, or why it is refused: random filters may contradict one another. */
    const told = async (flags: CreateFlags): Promise<object> => {
      try {
        const { request } = await convertFlags(flags, context);
        made += 1;
        return meaning(request);
      } catch (error) {
        return { refused: (error as Error).message };
      }
    };
    await fc.assert(
      fc.asyncProperty(target, others, async (where, what) => {
        const flags = { name: 'web', ...what, ...where };
        assert.deepEqual(await told(again(flags)), await told(flags));
      }),
      { numRuns: 80 },
    );
    assert.ok(made > 80, `${made} of 160 command lines were accepted`);
  });

  test('destinations and the ring come back as they were', () => {
    const stores = {
      pvc: 'c',
      blobSecret: 'b',
      s3Bucket: 's',
      s3Endpoint: 'https://x',
      s3Region: 'r',
      s3Path: 'p',
      s3Secret: 'k',
    };
    const flags: CreateFlags = { name: 'web', fileCount: '3', maxSize: '5', cleanupAfterUpload: true, ...stores };
    assert.deepEqual(again(flags), { ...flags, nodeSelectors: 'kubernetes.io/os=linux' });
    assert.deepEqual(again({ name: 'web', allNamespaces: true, podSelectors: 'a=b' }).allNamespaces, true);
  });

  test('the defaults are written out: an operator has others', () => {
    const { manifest, warnings } = toManifest({}, 'shop');
    assert.deepEqual(manifest, {
      ...{ apiVersion: 'retina.sh/v1alpha1', kind: 'Capture' },
      metadata: { generateName: 'retina-capture-', namespace: 'shop' },
      spec: {
        captureConfiguration: {
          captureTarget: { nodeSelector: { matchLabels: { 'kubernetes.io/os': 'linux' } } },
          captureOption: { duration: '1m', maxCaptureSize: 100 },
        },
        outputConfiguration: { hostPath: '/mnt/retina/captures' },
      },
    });
    assert.match(warnings.join('\n'), /^hostPath is \/mnt\/retina\/captures: this program takes it/);
  });

  test('what it cannot say is told, and no credential is written', () => {
    const flags: CreateFlags = {
      nodeNames: 'a, b',
      image: 'i',
      blobUpload: 'https://x/?sig=SECRET',
      s3SecretAccessKey: 'SECRET',
    };
    const { manifest, warnings } = toManifest(flags, undefined);
    assert.deepEqual(warnings.map((text) => text.split(':')[0]).sort(), [
      ...['--blob-upload', '--image', '--node-names', '--s3-secret-access-key'],
    ]);
    // A name that no Secret can have stands for what must be filled in: the destination is not lost.
    const text = JSON.stringify(manifest);
    assert.equal(text.match(/"NAME-OF-A-SECRET"/g)?.length, 2);
    assert.doesNotMatch(text, /sig=|"SECRET"/);
    assert.match(dump(manifest), /key: kubernetes.io\/hostname\n +operator: In\n +values:\n +- a\n +- b\n/);
  });

  test('every flag of create has a field, or a word about why not, or is about the run', () => {
    const said = new Set([...FIELDS.map(({ flag }) => flag), ...Object.keys(UNSAID)].map(flagName));
    const ofTheRun = ['--name', '--wait', '--no-wait', '--timeout', '--filename', '--all-namespaces'];
    const about: readonly string[] = [GROUPS.output, GROUPS.connection];
    const rows = createRows.filter(({ group }) => !about.includes(group));
    const names = rows.map(({ flags }) => /--[\w-]+/.exec(flags)?.[0] ?? flags);
    assert.deepEqual(
      names.filter((name) => !said.has(name) && !ofTheRun.includes(name)),
      [],
    );
  });
});
