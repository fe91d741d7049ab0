import assert from 'node:assert/strict';
import { test } from 'node:test';
import { normalize } from '../../../src/cli.ts';

test('a short flag may have = before its value, as in kubectl; a value stays what it is', () => {
  for (const [typed, meant] of [
    ['capture list -o=json -n=shop', 'capture list -ojson -nshop'],
    ['capture list -o=jsonpath={.a=="b"}', 'capture list -ojsonpath={.a=="b"}'],
    ['capture list -A=false', 'capture list -Afalse'],
    ['capture create --namespace-selectors -a=b', 'capture create --namespace-selectors -a=b'],
    ['capture create --pod-selectors -n=b', 'capture create --pod-selectors -n=b'],
    ['capture list -- -o=json', 'capture list -- -o=json'],
  ] as const) {
    assert.equal(normalize(typed.split(' ')).join(' '), meant);
  }
});
