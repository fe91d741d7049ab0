import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCloudsOwn, type StoreSpec } from '../../../src/capture/places.ts';

const blob = (container: string | null): StoreSpec => ({ kind: 'blob', container, access: null });
const s3 = (endpoint: string | null, region = 'eu-central-1'): StoreSpec => ({
  ...{
    kind: 's3',
    bucket: 'evidence',
    region,
    endpoint,
    prefix: '',
    ca: null,
    checksums: 'when_supported',
    access: null,
  },
});

const own: readonly StoreSpec[] = [
  blob('https://acct.blob.core.windows.net/caps'),
  blob('https://acct.z13.blob.storage.azure.net/caps'),
  blob('https://acct.blob.core.usgovcloudapi.net/caps'),
  blob('https://acct.blob.core.chinacloudapi.cn/caps'),
  s3(null),
];
const strange: readonly StoreSpec[] = [
  blob(null),
  blob('http://acct.blob.core.windows.net/caps'),
  blob('https://acct.blob.core.windows.net.evil.example/caps'),
  blob('https://evil.example/acct.blob.core.windows.net'),
  blob('https://acct.blob.core.windows.net@evil.example/caps'),
  blob('https://acct.blob.core.windows.net:8443/caps'),
  blob('https://evil.example#.blob.core.windows.net/caps'),
  blob('acct.blob.core.windows.net/caps'),
  s3('https://s3.example'),
  s3(null, 'evil.example/#'),
];

test('the identity of whoever downloads is for stores of Azure and AWS: no other is told by its address to be one', () => {
  for (const at of own) assert.equal(isCloudsOwn(at), true, JSON.stringify(at));
  for (const at of strange) assert.equal(isCloudsOwn(at), false, JSON.stringify(at));
});
