import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { test } from 'node:test';
import { collectWindowsMetadata } from '../../../src/workload/metadata-windows.ts';

/** The one form that a cmdlet is called in. */
const cmdlet = (name: string) => `powershell -NoProfile -NonInteractive -Command ${name} | Format-List -Property *`;

const ASKED: Readonly<Record<string, readonly string[]>> = {
  'addresses.txt': [cmdlet('Get-NetAdapter -IncludeHidden'), cmdlet('Get-NetIPAddress'), 'ipconfig /all'],
  'firewall.txt': ['netsh advfirewall show allprofiles', 'netsh advfirewall firewall show rule name=all'],
  'hns.txt': [cmdlet('Get-HnsNetwork'), cmdlet('Get-HnsEndpoint'), cmdlet('Get-HnsPolicyList')],
  'interfaces.txt': ['netsh interface ipv4 show interfaces', 'netsh interface ipv6 show interfaces'],
  'neighbors.txt': [cmdlet('Get-NetNeighbor')],
  'proxies.txt': ['netsh interface portproxy show all', 'netsh winhttp show proxy'],
  'routes.txt': [cmdlet('Get-NetRoute')],
  'sockets.txt': [cmdlet('Get-NetTCPConnection'), cmdlet('Get-NetUDPEndpoint')],
  'statistics.txt': [cmdlet('Get-NetAdapterStatistics'), 'netstat -s'],
};

test('what Windows is asked for its network: each tool is called so, and its answer is in its file', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'retina-unit-'));
  const path = process.env.PATH;
  t.after(() => {
    process.env.PATH = path;
    rmSync(directory, { recursive: true });
  });
  // netsh is not there: its absence is told, and the others are asked all the same.
  for (const name of ['powershell', 'ipconfig', 'netstat']) {
    writeFileSync(join(directory, name), '#!/bin/sh\nfor word; do echo "<$word>"; done\n');
    chmodSync(join(directory, name), 0o755);
  }
  process.env.PATH = [directory, path].join(delimiter);
  const entries = await collectWindowsMetadata('before', directory, new AbortController().signal);
  const texts = new Map(entries.map((entry) => [entry.name, 'content' in entry ? String(entry.content) : '']));
  assert.deepEqual(
    [...texts.keys()],
    Object.keys(ASKED).map((name) => `before/metadata/${name}`),
  );
  for (const [name, commands] of Object.entries(ASKED)) {
    const text = texts.get(`before/metadata/${name}`) ?? '';
    for (const command of commands) assert.ok(text.includes(command), `${command} in ${name}:\n${text}`);
  }
  // The script of a cmdlet is one word: a pipe in it is PowerShell's.
  const routes = texts.get('before/metadata/routes.txt') ?? '';
  assert.match(routes, /<-Command>\n<Get-NetRoute \| Format-List -Property \*>/);
  assert.match(texts.get('before/metadata/proxies.txt') ?? '', /netsh winhttp show proxy[\s\S]*\[failed: .*ENOENT/);
});
