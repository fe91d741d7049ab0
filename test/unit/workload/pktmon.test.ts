import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { countPcapng } from '../../../src/workload/pcapng.ts';
import { filterArgv, startArgv } from '../../../src/workload/pktmon-argv.ts';
import {
  eventsLost,
  filtersIn,
  hasNoFilters,
  isForeign,
  isIdle,
  packetsDropped,
  sessionIn,
} from '../../../src/workload/pktmon-output.ts';

suite('command lines of pktmon', () => {
  const start = { snapLength: 0, maxBytes: 100_000_000, fileCount: null };
  const cases: readonly (readonly [Partial<Parameters<typeof startArgv>[0]>, string])[] = [
    // Never a megabyte more than asked, whichever kind pktmon counts in.
    [{}, 'start --capture --pkt-size 0 --file-name f.etl --file-size 95 --log-mode multi-file'],
    [{ snapLength: 96 }, 'start --capture --pkt-size 96 --file-name f.etl --file-size 95 --log-mode multi-file'],
    [{ fileCount: 5 }, 'start --capture --pkt-size 0 --file-name f.etl --file-size 476 --log-mode circular'],
    [{ maxBytes: null }, 'start --capture --pkt-size 0 --file-name f.etl --file-size 512 --log-mode multi-file'],
    [{ maxBytes: 1_000_000 }, 'start --capture --pkt-size 0 --file-name f.etl --file-size 1 --log-mode multi-file'],
  ];
  for (const [changes, line] of cases) {
    test(line, () => assert.equal(startArgv({ ...start, ...changes }, 'f.etl').join(' '), line));
  }

  test('each filter has a name and is a command of its own', () => {
    const model = { include: [{ port: 53 }], exclude: [], sources: [], destinations: [] };
    const argv = filterArgv({ pktmon: { ...model, pods: ['10.1.0.5', '10.1.0.6'] } });
    assert.deepEqual(argv, [
      ['filter', 'add', 'Retina1', '-i', '10.1.0.5', '-p', '53'],
      ['filter', 'add', 'Retina2', '-i', '10.1.0.6', '-p', '53'],
    ]);
    const never = { ...model, pods: ['10.1.0.5'], include: [{ address: 'fd00::1' }] };
    assert.throws(() => filterArgv({ pktmon: never }), /no packet can pass/);
  });
});

suite('what pktmon says', () => {
  const running =
    'Collected Data:\r\n    Packet capture\r\n\r\nLogger Parameters:\r\n    Log file:           C:\\t\\x.etl\r\n';

  test('whether a session runs, and whose', () => {
    assert.ok(isIdle('Packet Monitor is not running.\r\n'));
    assert.ok(!isIdle(running) && !isIdle('Die Paketüberwachung wird nicht ausgeführt.'));
    assert.equal(sessionIn(running), 'C:\\t\\x.etl');
    assert.ok(isForeign(running, 'other') && !isForeign(running, 'x'));
    assert.ok(!isForeign('in words that nobody knows', 'x'));
  });

  test('whether there are filters, and which', () => {
    assert.ok(hasNoFilters('Packet Filters:\r\n    None\r\n'));
    const list = 'Packet Filters:\r\n     # Name     Protocol\r\n     - ----     --------\r\n     1 SenseNdr UDP\r\n';
    assert.ok(!hasNoFilters(list));
    assert.equal(filtersIn(list), '1 SenseNdr UDP');
  });

  test('how many events a session has lost', () => {
    assert.equal(eventsLost('Flushing logs...\r\nLog file: C:\\PktMon.etl (No events lost)\r\n'), 0);
    assert.equal(eventsLost('Log file: C:\\PktMon.etl (1,204 events lost)\r\n'), 1204);
    assert.equal(eventsLost(''), 0);
  });

  test('how many packets the components dropped', () => {
    const drops = (Inbound: object, Outbound: object) => ({ Counters: [{ Type: 'Drop', Inbound, Outbound }] });
    const groups = [
      { Group: 'Ethernet', Components: [drops({ Packets: 3, Bytes: 180 }, { Packets: 0, Bytes: 0 })] },
      { Group: 'vEthernet', Components: [drops({ Packets: '2' }, { Packets: 1, DropReason: 'MTU Mismatch' })] },
    ];
    assert.equal(packetsDropped(JSON.stringify(groups)), 6);
    assert.deepEqual(['[]', 'null', '', 'All counters are zero.'].map(packetsDropped), [0, 0, 0, 0]);
  });
});

test('packets in a pcapng file are counted; one that is cut short is none', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'retina-unit-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const block = (type: number, body: Buffer, big: boolean): Buffer => {
    const out = Buffer.alloc(body.length + 12);
    const put = (value: number, at: number) => (big ? out.writeUInt32BE(value, at) : out.writeUInt32LE(value, at));
    put(type, 0);
    put(out.length, 4);
    body.copy(out, 8);
    put(out.length, out.length - 4);
    return out;
  };
  const count = async (bytes: Buffer) => {
    writeFileSync(join(directory, 'x'), bytes);
    return countPcapng(join(directory, 'x'));
  };
  for (const big of [false, true]) {
    const magic = Buffer.from(big ? '1a2b3c4d' : '4d3c2b1a', 'hex');
    const section = block(0x0a0d0d0a, Buffer.concat([magic, Buffer.alloc(12)]), big);
    const packets = Array.from({ length: 3000 }, () => block(6, Buffer.alloc(1020), big));
    const whole = Buffer.concat([section, block(1, Buffer.alloc(8), big), ...packets, block(5, Buffer.alloc(12), big)]);
    assert.equal(await count(whole), 3000);
    assert.equal(await count(whole.subarray(0, -1)), null);
    assert.equal(await count(section), 0);
  }
  assert.equal(await count(Buffer.alloc(0)), null);
  assert.equal(await count(Buffer.from('not a capture at all')), null);
});
