import assert from 'node:assert/strict';
import fc from 'fast-check';
import { decodeNodeFiles, isTarballName } from '../../../src/capture/node-files.ts';
import { normalize, readParts } from '../../../src/commands/command-line.ts';
import { Problems } from '../../../src/commands/flags.ts';
import { captureNames } from '../../../src/commands/name-argument.ts';
import { createRows, listRows } from '../../../src/commands/options.ts';
import { toTarget } from '../../../src/commands/target-flags.ts';
import { parseTargetWords } from '../../../src/commands/target-words.ts';
import { almost, hostile, long } from './inputs.ts';
import { assertTold, orRefusal, property } from './property.ts';

const FLAGS = [...createRows, ...listRows].flatMap((row) => row.flags.replace(/ <.*/, '').split(', '));
const word = fc.oneof(
  fc.constantFrom(
    'capture',
    'create',
    'list',
    'status',
    'help',
    'version',
    'deploy/web',
    'web',
    '--',
    '-',
    '-h',
    '--help',
  ),
  fc.constantFrom(...FLAGS),
  fc
    .tuple(fc.constantFrom(...FLAGS), fc.constantFrom('=', '=true', '=x', '=a b', '=--wait', ''))
    .map((parts) => parts.join('')),
  fc.constantFrom(
    '-Aowide',
    '-nshop',
    '-o=json',
    '-namespace',
    '-owide',
    '-An',
    '-Ax',
    '--no-wait',
    '--no-wait=false',
    '-n',
  ),
  almost(fc.constantFrom(...FLAGS)),
  hostile,
);
const line = fc.array(word, { maxLength: 7 });
const HIDDEN = /^(workload|send-again|node-files|__complete)$/;

property('command lines: written as kubectl reads them, or a slip that is named', 5000, line, (argv) => {
  const first = orRefusal(() => normalize(argv), /a long flag begins with two dashes/);
  if (first === undefined || HIDDEN.test(argv[0] ?? '')) return;
  assert.deepEqual(normalize(first), first, 'what is normal stays as it is');
});

property('command lines: no word is lost or made up', 4000, line, (argv) => {
  const parts = readParts(argv);
  const words = parts.flatMap((part) => ('word' in part ? [part.word] : part.text));
  for (const plain of argv.filter((each) => /^[a-z]+$/.test(each))) assert.ok(words.includes(plain), plain);
});

property(
  'command lines of long runs are read at once',
  200,
  long(['-', '--', '-A', '=', '-n', 'a', '--wait=']),
  (text) => {
    orRefusal(() => normalize([text, 'capture', text]));
  },
);

const kind = fc.constantFrom(
  'deploy',
  'deployment',
  'Deployments.apps',
  'svc',
  'po',
  'node',
  'job',
  'cronjob',
  'deplyo',
  '',
);
const target = fc.oneof(
  kind,
  fc.tuple(kind, fc.constantFrom('web', 'web-0', 'Web', '', 'a/b', '..')).map(([what, name]) => `${what}/${name}`),
  hostile,
);

property(
  'targets: objects with names that Kubernetes takes, or a refusal that quotes the word',
  2000,
  fc.array(target, { maxLength: 4 }),
  (words) => {
    const problems = new Problems();
    for (const object of parseTargetWords(words, problems)) assert.match(object.name, /^[a-z0-9][a-z0-9.-]*$/);
    for (const problem of problems.found) assertTold(problem.replaceAll(/\p{Cc}/gu, '\uFFFD'), /./);
  },
);

const selectors = fc.option(fc.oneof(fc.constantFrom('app=web', ' ', 'a in (b)', '!x', 'a b'), hostile), {
  nil: undefined,
});
const targets = fc.record({
  podSelectors: selectors,
  namespaceSelectors: selectors,
  nodeSelectors: selectors,
  podNames: selectors,
  nodeNames: selectors,
  allNamespaces: fc.option(fc.boolean(), { nil: undefined }),
});

property('target flags: one target, or a problem that names a flag', 3000, targets, (flags) => {
  const problems = new Problems();
  const given = Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined));
  const made = toTarget(given, problems);
  for (const problem of problems.found) assertTold(problem, /--|-A/);
  assert.ok(made.kind.length > 0);
});

property(
  'names of captures lead to no other directory',
  2000,
  fc.array(fc.oneof(almost(fc.constantFrom('web', 'web.v1')), hostile), { minLength: 1, maxLength: 2 }),
  (names) => {
    for (const name of orRefusal(() => captureNames(names, undefined), /cannot be the name of a capture/) ?? []) {
      assert.match(name, /^[a-z0-9.-]+$/);
      assert.ok(!name.includes('..') || !name.includes('/'));
    }
  },
);

const NAME = 'web-node1-20261121101500UTC.tar.gz';
const nodeFile = fc.record({
  name: almost(fc.constant(NAME)),
  bytes: fc.oneof(fc.nat(), fc.constantFrom(-1, 1.5, 1e30, 'x')),
  sha256: fc.oneof(fc.constantFrom('ab'.repeat(32), '../x', null, 5), hostile),
});

property(
  'files that a node tells of: plain names, whole numbers, sums of SHA-256',
  2500,
  fc.array(nodeFile, { maxLength: 3 }),
  (files) => {
    for (const { name, bytes, sha256 } of decodeNodeFiles(JSON.stringify(files))) {
      assert.match(name, /^[A-Za-z0-9][A-Za-z0-9._-]*\.tar\.gz$/);
      assert.ok(isTarballName(name) && Number.isSafeInteger(bytes) && bytes >= 0);
      assert.ok(sha256 === null || /^[0-9a-f]{64}$/.test(sha256));
    }
  },
);
