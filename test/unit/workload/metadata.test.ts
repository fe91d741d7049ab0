import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { iptablesReports, renderReports, savedTables } from '../../../src/workload/metadata.ts';
import { readProc } from '../../../src/workload/proc.ts';

const SAVED = `# Generated
*filter
:INPUT ACCEPT [0:0]
-A INPUT -p tcp -j ACCEPT
COMMIT
*mangle
:PREROUTING ACCEPT [0:0]
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:KUBE-SERVICES - [0:0]
COMMIT
`;

suite('metadata', () => {
  test('only tables with rules or chains of their own count', () => {
    assert.deepEqual(savedTables(SAVED), ['filter', 'nat']);
    assert.deepEqual(savedTables(''), []);
  });

  test('iptables: every variant is saved, and only what holds rules is listed', async () => {
    const ran: string[] = [];
    const reports = await iptablesReports((command, argv) => {
      const line = [command, ...argv].join(' ');
      ran.push(line);
      if (command === 'iptables-legacy-save')
        return Promise.resolve({ command: line, output: '[failed: ENOENT]', ok: false });
      return Promise.resolve({ command: line, output: command === 'iptables-nft-save' ? SAVED : '', ok: true });
    });
    assert.deepEqual(ran.slice(4), ['iptables-nft -t filter -vnx -L', 'iptables-nft -t nat -vnx -L']);
    assert.equal(reports.length, 6);
    assert.match(
      renderReports(reports),
      /^### iptables-legacy-save\n\[failed: ENOENT\]\n\n### iptables-nft-save\n# Generated/,
    );
  });

  test('copies are bounded; what cannot be read is told', async (t) => {
    const root = await mkdtemp(join(tmpdir(), 'retina-unit-'));
    t.after(() => rm(root, { recursive: true }));
    await mkdir(join(root, 'from', 'rpc', 'x'), { recursive: true });
    await mkdir(join(root, 'from', 'stat'));
    await writeFile(join(root, 'from', 'rpc', 'x', 'channel'), 'would block');
    await writeFile(join(root, 'from', 'stat', 'a'), 'one\n');
    await writeFile(join(root, 'from', 'huge'), '');
    await truncate(join(root, 'from', 'huge'), 9 << 20);
    const { entries, notes } = await readProc(join(root, 'from'), 'proc-net', new AbortController().signal);
    const sizes = entries.map((entry) => [entry.name, 'content' in entry ? entry.content.length : -1]);
    assert.deepEqual(sizes, [
      ['proc-net/huge', 4 << 20],
      ['proc-net/stat/a', 4],
    ]);
    assert.deepEqual(notes, [`${join(root, 'from', 'huge')}: cut at ${4 << 20} bytes`]);
  });
});
