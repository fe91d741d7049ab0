import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { proxyFromEnvironment } from '../../../src/kube/proxy.ts';

const HTTPS_PROXY = 'http://proxy.test:3128';

suite('the proxy of the environment', () => {
  test('by the scheme of the server, in upper or lower case; a bare host speaks HTTP', () => {
    assert.equal(proxyFromEnvironment('https://api.test', { HTTPS_PROXY }), HTTPS_PROXY);
    assert.equal(proxyFromEnvironment('https://api.test', { https_proxy: 'proxy.test:3128' }), HTTPS_PROXY);
    assert.equal(proxyFromEnvironment('https://api.test', { HTTP_PROXY: HTTPS_PROXY }), undefined);
    assert.equal(proxyFromEnvironment('http://api.test', { HTTP_PROXY: HTTPS_PROXY }), HTTPS_PROXY);
    assert.equal(proxyFromEnvironment('https://api.test', { HTTPS_PROXY: '' }), undefined);
  });

  /** NO_PROXY, a server, and whether it needs no proxy: Go's rules, which are kubectl's. */
  const rows: readonly (readonly [string, string, boolean])[] = [
    ['', 'https://api.test', false],
    ['*', 'https://api.test', true],
    ['api.test', 'https://api.test', true],
    ['API.test', 'https://api.TEST', true],
    ['test', 'https://api.test', true],
    ['.test', 'https://api.test', true],
    ['*.test', 'https://api.test', true],
    ['.api.test', 'https://api.test', false],
    ['pi.test', 'https://api.test', false],
    ['x, api.test ,y', 'https://api.test', true],
    ['api.test:6443', 'https://api.test:6443', true],
    ['api.test:6443', 'https://api.test', false],
    ['api.test:443', 'https://api.test', true],
    ['10.0.0.1', 'https://10.0.0.1:6443', true],
    ['0.1', 'https://10.0.0.1:6443', false],
    ['10.0.0.0/8', 'https://10.240.0.1:6443', true],
    ['10.0.0.0/16', 'https://10.240.0.1:6443', false],
    ['10.0.0.0/99', 'https://10.240.0.1:6443', false],
    ['10.0.0.0/8', 'https://ten.test', false],
    ['fd00::/8', 'https://[fd00:240::1]:6443', true],
    ['fd00:240::1', 'https://[fd00:240::1]:6443', true],
    ['[fd00:240::1]:6443', 'https://[fd00:240::1]:6443', true],
    ['fd00::/8', 'https://10.0.0.1', false],
    ['', 'https://localhost:6443', true],
    ['', 'https://127.0.0.1:6443', true],
    ['', 'https://[::1]:6443', true],
  ];
  for (const [NO_PROXY, server, none] of rows) {
    test(`NO_PROXY="${NO_PROXY}" and ${server}: ${none ? 'none' : 'the proxy'}`, () =>
      assert.equal(proxyFromEnvironment(server, { HTTPS_PROXY, NO_PROXY }), none ? undefined : HTTPS_PROXY));
  }
});
