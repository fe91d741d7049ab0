import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { runWorkload } from '../../../src/workload/run.ts';
import { START, spec } from '../support/builders.ts';

suite('workload', () => {
  test('an order for pktmon is refused in words; tcpdump does not run in its place', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'retina-unit-'));
    const pktmon = { pods: [], include: [], exclude: [], sources: [], destinations: [] };
    const order = spec({ tool: 'pktmon', pktmon, destinations: [{ kind: 'host-path', path: '/x', directory }] });
    const stop = new AbortController();
    const outcome = await runWorkload(order, { stop: stop.signal, now: () => START, log: () => undefined });
    assert.ok(outcome.kind === 'result');
    const { result } = outcome;
    assert.deepEqual([result.stopReason, result.packets, result.tarball], ['error', 0, null]);
    assert.match(result.errors[0] ?? '', /^node1: this version of the capture image cannot capture with pktmon/);
    assert.equal(result.destinations[0]?.ok, false);
    assert.deepEqual(readdirSync(directory), []);
  });
});
