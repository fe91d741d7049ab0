import assert from 'node:assert/strict';
import fc from 'fast-check';
import { dump } from 'js-yaml';
import { Problems } from '../../../src/commands/flags.ts';
import { checkManifest } from '../../../src/commands/manifest-check.ts';
import { parseManifests } from '../../../src/commands/manifest-file.ts';
import { toManifestFlags } from '../../../src/commands/manifest-flags.ts';
import { toManifest } from '../../../src/commands/manifest-write.ts';
import { almost, almostJson, HOSTILE, hostile } from './inputs.ts';
import { assertTold, property } from './property.ts';

const labels = fc.dictionary(fc.constantFrom('app', 'a.b/c', 'in'), fc.constantFrom('web', '', '1'), { maxKeys: 2 });
const expression = fc.record(
  {
    key: fc.constantFrom('app', 'a.b/c'),
    operator: fc.constantFrom('In', 'Exists'),
    values: fc.constantFrom(['x'], ['x', 'y']),
  },
  { requiredKeys: ['key', 'operator'] },
);
const selector = fc.record(
  { matchLabels: labels, matchExpressions: fc.array(expression, { maxLength: 2 }) },
  { requiredKeys: [] },
);
const manifest = fc.record({
  apiVersion: fc.constant('retina.sh/v1alpha1'),
  kind: fc.constant('Capture'),
  metadata: fc.record({ name: fc.constant('web'), namespace: fc.constant('shop') }, { requiredKeys: ['name'] }),
  spec: fc.record({
    captureConfiguration: fc.record({
      captureTarget: fc.record({ podSelector: selector, namespaceSelector: selector }, { requiredKeys: [] }),
      captureOption: fc.record(
        { duration: fc.constant('10s'), maxCaptureSize: fc.nat(100), interfaces: fc.constantFrom(['eth0'], []) },
        { requiredKeys: [] },
      ),
      includeMetadata: fc.boolean(),
    }),
    outputConfiguration: fc.record({ hostPath: fc.constant('/mnt/x') }),
  }),
});

/** Reads a text as -f does; every problem names the file, the line and what is wrong. */
function read(text: string): void {
  const problems = new Problems();
  for (const each of parseManifests('web.yaml', text, problems)) {
    const checked = checkManifest(each, problems);
    if (checked === undefined) continue;
    const tell = (path: readonly string[], words: string) =>
      problems.found.push(`${each.at(path)}: ${path.join('.')} ${words}`);
    toManifestFlags(checked, { newId: () => 'abcde', tell });
  }
  for (const problem of problems.found) assertTold(problem.replaceAll(/\p{Cc}/gu, '\uFFFD'), /^web\.yaml:\d+: ./);
}

property(
  'manifests with wrong fields, types and values, as JSON and as YAML',
  1500,
  fc.tuple(almostJson(manifest), fc.boolean()),
  ([document, asJson]) => {
    read(asJson ? JSON.stringify(document) : dump(document, { skipInvalid: true }));
  },
);

const YAML = [
  '\n',
  '  ',
  ':',
  '- ',
  '---\n',
  '&a ',
  '*a',
  '<<: ',
  '!!binary ',
  '!x ',
  '|',
  '>',
  '?',
  '\t',
  '# ',
  '{',
  '[',
  '%',
  '"',
  "'",
];
const text = manifest.map((document) => dump(document));

property('manifests whose text is almost right', 1500, almost(text, [...YAML, ...HOSTILE]), read);

property(
  'texts that are none',
  1500,
  fc.oneof(
    hostile,
    fc.array(fc.constantFrom(...YAML, 'kind', 'a')).map((all) => all.join('')),
  ),
  read,
);

const bombs = fc
  .tuple(fc.constantFrom('[', '{"a":', '- ', '? ', '&a [*a,'), fc.integer({ min: 100, max: 5000 }))
  .map(([piece, times]) => piece.repeat(times));
const aliases = fc
  .integer({ min: 2, max: 60 })
  .map((levels) =>
    Array.from(
      { length: levels },
      (_, level) => `a${level}: &a${level} [${level === 0 ? 'x' : Array(9).fill(`*a${level - 1}`)}]`,
    ).join('\n'),
  );

property(
  'nested deeper than any manifest, or aliases of aliases: refused at once',
  150,
  fc.oneof(bombs, aliases),
  read,
);

property('what is written of a manifest is read as the same flags', 600, manifest, (document) => {
  const flagsOf = (value: object) => {
    const problems = new Problems();
    const [one] = parseManifests('m', dump(value), problems);
    const checked = one && checkManifest(one, problems);
    if (checked === undefined) return undefined;
    const told: string[] = [];
    const flags = toManifestFlags(checked, { newId: () => 'abcde', tell: (_path, text) => void told.push(text) });
    return told.length === 0 ? flags : undefined;
  };
  const first = flagsOf(document);
  if (first === undefined) return;
  const { manifest: again } = toManifest(first.flags, first.namespace);
  const second = flagsOf(again);
  assert.ok(second !== undefined);
  const { manifest: third } = toManifest(second.flags, second.namespace);
  assert.deepEqual(third, again);
});
