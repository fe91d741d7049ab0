import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { tcpdumpArgv, tcpdumpCommand } from '../../../src/workload/tcpdump-argv.ts';
import { isCountsAnswer, isListening, parseCounts, tcpdumpComplaint } from '../../../src/workload/tcpdump-output.ts';
import { pcapName } from '../../../src/workload/tcpdumps.ts';
import { stopRequestOf } from '../../../src/workload/watch.ts';

suite('tcpdump', () => {
  const spec = {
    ...{ interface: 'eth0', file: '/s/x.pcap', snapLength: 0, filter: '', promiscuous: true, packetBuffered: false },
    ...{ immediate: false, packetCount: null, maxBytes: null, fileCount: null },
  };
  const plain = ['-i', 'eth0', '-n', '-B', '16384', '-Z', 'root'];

  test('argv: the filter is one argument after --, whatever it holds', () => {
    assert.deepEqual(tcpdumpArgv(spec), [...plain, '-w', '/s/x.pcap']);
    const full = tcpdumpArgv({ ...spec, snapLength: 96, filter: '-z evil or host 10.0.0.1' });
    assert.deepEqual(full.slice(7), ['-s', '96', '-w', '/s/x.pcap', '--', '-z evil or host 10.0.0.1']);
  });

  test('argv: each setting is a flag of tcpdump', () => {
    const added = (changes: Partial<typeof spec> | { packetCount: number } | { maxBytes: number; fileCount: number }) =>
      tcpdumpArgv({ ...spec, ...changes })
        .slice(plain.length, -2)
        .join(' ');
    assert.equal(added({ promiscuous: false }), '-p');
    assert.equal(added({ packetBuffered: true }), '-U');
    assert.equal(added({ immediate: true }), '--immediate-mode');
    assert.equal(added({ packetCount: 7 }), '-c 7');
    assert.equal(added({ maxBytes: 5_000_000, fileCount: 3 }), '-C 5 -W 3');
  });

  test('the kernel holds the limit of one file, and tcpdump itself that of the files of a ring', () => {
    assert.equal(tcpdumpCommand(spec).command, 'tcpdump');
    assert.equal(tcpdumpCommand({ ...spec, maxBytes: 1_000_000, fileCount: 2 }).command, 'tcpdump');
    const { command, argv } = tcpdumpCommand({ ...spec, maxBytes: 1_000_000 });
    assert.deepEqual([command, argv[2]], ['sh', '1954'], 'blocks of 512 bytes, rounded up');
    assert.deepEqual(argv.slice(3), tcpdumpArgv(spec));
  });

  test('one interface has the plain name, several carry theirs', () => {
    assert.equal(pcapName({ stem: 's', interfaces: ['any'] }, 'any'), 's.pcap');
    assert.equal(pcapName({ stem: 's', interfaces: ['eth0', 'eth0.1@x'] }, 'eth0.1@x'), 's-eth0.1@x.pcap');
    assert.equal(pcapName({ stem: 's', interfaces: ['a', '../b'] }, '../b'), 's-.._b.pcap');
  });

  test('counters: the answer to SIGUSR1 and the lines at the end', () => {
    const answer = 'tcpdump: 1 packet captured, 400 packets received by filter, 7 packets dropped by kernel';
    assert.deepEqual(parseCounts(answer), { captured: 1, received: 400, droppedByKernel: 7 });
    assert.deepEqual(parseCounts(`${answer}, 2 packets dropped by interface`)?.droppedByInterface, 2);
    assert.ok(isCountsAnswer(answer));
    assert.deepEqual(parseCounts('1 packet captured'), { captured: 1 });
    assert.deepEqual(parseCounts('12 packets dropped by interface'), { droppedByInterface: 12 });
    assert.ok(!isCountsAnswer('12 packets captured'));
    assert.equal(parseCounts('tcpdump: syntax error near 5 packets captured'), undefined);
  });

  test('its own words are told without counters and notices', () => {
    assert.ok(isListening('tcpdump: listening on lo, link-type EN10MB (Ethernet), snapshot length 262144 bytes'));
    assert.equal(
      tcpdumpComplaint(['tcpdump: data link type LINUX_SLL2', "tcpdump: can't parse filter expression: syntax error"]),
      "can't parse filter expression: syntax error",
    );
    assert.equal(
      tcpdumpComplaint(['tcpdump: nope: No such device exists', '(No such device exists)', '0 packets captured']),
      'nope: No such device exists',
    );
  });

  test('a signal with an unknown reason keeps the packets', () => {
    assert.equal(stopRequestOf(AbortSignal.abort('discard')), 'discard');
    assert.equal(stopRequestOf(AbortSignal.abort('requested')), 'requested');
    assert.equal(stopRequestOf(AbortSignal.abort()), 'interrupted');
  });
});
