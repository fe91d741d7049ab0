import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { addressFilter, narrow } from '../../../src/capture/filter.ts';

suite('filter', () => {
  test('addresses: sorted, each once, never the bare `host` that libpcap is slow with', () => {
    assert.equal(addressFilter([]), '');
    assert.equal(addressFilter(['10.0.0.2']), 'ip host 10.0.0.2');
    const many = addressFilter(['fd00::1', '10.0.0.2', '10.0.0.1', '10.0.0.2']);
    assert.equal(many, 'ip host 10.0.0.1 or ip host 10.0.0.2 or ip6 host fd00::1');
  });

  test('narrowing: every filter that is not blank must hold, whatever operators are within', () => {
    assert.equal(narrow(), '');
    assert.equal(narrow('', '  '), '');
    assert.equal(narrow('', ' tcp port 80 '), 'tcp port 80');
    assert.equal(narrow('a or b', 'c or d'), '(a or b) and (c or d)');
    assert.equal(narrow('a', '', 'b', 'c'), '(a) and (b) and (c)');
  });
});
