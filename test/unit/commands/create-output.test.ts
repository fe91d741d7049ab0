import assert from 'node:assert/strict';
import { test } from 'node:test';
import { printManifests } from '../../../src/commands/manifest-output.ts';
import { request } from '../support/builders.ts';

test('flags of tcpdump in the old filter become fields of the manifest', () => {
  const printed: string[] = [];
  const ui = { print: (text: string) => void printed.push(text), warn: () => undefined };
  const flags = { tcpdumpFilter: '-nni eth0 -s 96 tcp port 80' };
  printManifests(ui, [{ request: request(), timeoutMs: null, flags, namespace: undefined, warnings: [] }]);
  const text = printed.join('\n');
  for (const line of ['tcpdumpFilter: tcp port 80', 'packetSize: 96', '- eth0', 'noResolvePort: true'])
    assert.ok(text.includes(line), text);
});
