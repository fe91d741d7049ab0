import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { normalize } from '../../../src/commands/command-line.ts';

/** A command line, and what the parser is given. */
const rows: readonly (readonly [string, string])[] = [
  ['', '--help'],
  ['help', '--help'],
  ['capture', 'capture --help'],
  ['capture -n shop', 'capture --help'],
  ['capture --bogus', 'capture --bogus'],
  ['capture help', 'capture --help'],
  ['help capture', 'capture --help'],
  ['help capture create', 'capture create --help'],
  ['capture help stop -n shop', 'capture stop --help'],
  ['capture stop help', 'capture stop help'],
  ['capture list -A', 'capture list --all-namespaces=true'],
  ['capture list -A=false', 'capture list --all-namespaces=false'],
  ['capture list -Aowide', 'capture list --all-namespaces=true --output=wide'],
  ['capture list -Ao wide', 'capture list --all-namespaces=true --output wide'],
  ['capture list -o=json', 'capture list --output=json'],
  ['capture list -ojson', 'capture list --output=json'],
  ['capture list -nshop', 'capture list --namespace=shop'],
  ['capture list -n=shop', 'capture list --namespace=shop'],
  ['capture list -n shop', 'capture list --namespace shop'],
  ['capture list -n', 'capture list --namespace'],
  ['capture list -wA', 'capture list --watch=true --all-namespaces=true'],
  ['capture list -Q', 'capture list -Q'],
  ['-n shop capture list', 'capture list --namespace shop'],
  ['capture -n shop --context x create a', 'capture create --namespace shop --context x a'],
  ['--token=t -A capture list b', 'capture list --token=t --all-namespaces=true b'],
  ['capture create --wait a', 'capture create --wait=true a'],
  ['capture create --wait=false', 'capture create --wait=false'],
  ['capture create --no-wait', 'capture create --wait=false'],
  ['capture create --no-wait=false', 'capture create --wait=true'],
  ['capture create --name --wait', 'capture create --name --wait'],
  ['capture create --pcap-filter -A x', 'capture create --pcap-filter -A x'],
  ['capture create -n a -n b', 'capture create --namespace a --namespace b'],
  ['capture delete a -- -A -o', 'capture delete a -- -A -o'],
  ['capture status -v - x', 'capture status --verbose=true - x'],
  ['version --client', 'version --client=true'],
  ['workload -n', 'workload -- -n'],
];

suite('a command line as kubectl reads it', () => {
  for (const [typed, read] of rows) {
    test(`${typed} → ${read}`, () => assert.deepEqual(normalize(typed.split(' ').filter(Boolean)).join(' '), read));
  }

  test('a long flag with one dash is refused, with the one that was meant', () => {
    for (const [typed, meant] of [
      ['-duration', '--duration'],
      ['-duration=5s', '--duration'],
      ['-duraton', '--duration'],
      ['-namespace', '--namespace'],
      ['-wait', '--wait'],
    ]) {
      assert.throws(
        () => normalize(['capture', 'create', typed ?? '']),
        (error: { message: string; hint?: string }) =>
          /begins with two dashes/.test(error.message) && error.hint === `Did you mean ${meant}?`,
        typed,
      );
    }
    assert.doesNotThrow(() => normalize(['capture', 'create', '--name', '-duration']));
  });
});
