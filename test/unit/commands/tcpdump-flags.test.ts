import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { Problems } from '../../../src/commands/flags.ts';
import type { SettingsFlags } from '../../../src/commands/settings-flags.ts';
import { mapTcpdumpFlags } from '../../../src/commands/tcpdump-flags.ts';

function map(tcpdumpFilter: string, typed: SettingsFlags = {}) {
  const problems = new Problems();
  const flags = mapTcpdumpFlags({ ...typed, tcpdumpFilter }, problems);
  return { flags, found: problems.found, warnings: problems.warnings };
}

const ALL = { noResolvePort: true, interfaces: 'eth0', packetCount: '100', packetSize: '0', printLinkHeader: true };

/** What old scripts pass, and the flags that it amounts to. */
const rows: readonly (readonly [text: string, flags: SettingsFlags, expression: string])[] = [
  ['-i eth0 -s 96 tcp port 80', { interfaces: 'eth0', packetSize: '96' }, 'tcp port 80'],
  ['-nni eth0 -c 100 -s0 -vv -e -XX', { ...ALL, verbosity: 'extra', printData: 'hex-with-link' }, ''],
  ['-n udp', { noResolveDns: true }, 'udp'],
  ['-n -n udp', { noResolvePort: true }, 'udp'],
  ['-v', { verbosity: 'verbose' }, ''],
  ['-vvvv', { verbosity: 'max' }, ''],
  ['-ttttt', { timestampFormat: 'delta-since-first' }, ''],
  ['-x', { printData: 'hex' }, ''],
  ['-AA', { printData: 'ascii-with-link' }, ''],
  ['-q -S -K', { quietOutput: true, absoluteSeq: true, dontVerifyChecksum: true }, ''],
  ['-p -U --immediate-mode', { noPromiscuous: true, packetBuffered: true, immediateMode: true }, ''],
  ['-C 10 -W 3', { maxSize: '10', fileCount: '3' }, ''],
  ['--interface=eth0 --count 5 --snapshot-length=96', { interfaces: 'eth0', packetCount: '5', packetSize: '96' }, ''],
  ["-i eth0 'tcp port 80'", { interfaces: 'eth0' }, 'tcp port 80'],
  ['tcp port 80 -i eth0', { interfaces: 'eth0' }, 'tcp port 80'],
  ['-i eth0 -i eth1 -- udp', { interfaces: 'eth1' }, 'udp'],
  ['-n ip[2:2] - 5 > 0 and ip[1] = -len', { noResolveDns: true }, 'ip[2:2] - 5 > 0 and ip[1] = -len'],
];

suite('--tcpdump-filter', () => {
  for (const [text, flags, expression] of rows) {
    test(`${text}: becomes flags of ours`, () => {
      const mapped = map(text);
      assert.deepEqual(mapped.found, []);
      assert.deepEqual(mapped.flags, { ...flags, tcpdumpFilter: expression });
      assert.equal(mapped.warnings.length, 1);
    });
  }

  test('the warning is the command line to write instead', () => {
    const [warning] = map("-nni eth0 -s 96 'tcp port 80'").warnings;
    const instead = "--pcap-filter 'tcp port 80' --no-resolve-port --interfaces eth0 --packet-size 96";
    assert.equal(warning, `--tcpdump-filter is deprecated; this one is: ${instead}`);
    assert.match(map('tcp').warnings[0] ?? '', /it is --pcap-filter now/);
  });

  test('what has no equivalent is refused by name, its value is not taken for the expression', () => {
    const { flags, found } = map('-w /tmp/x -z gzip -r f -F g -Z root -G 5 -y RAW -D -l tcp --foo');
    assert.equal(flags.tcpdumpFilter, 'tcp');
    const names = found.map((problem) => /tcpdump's (\S+) here/.exec(problem)?.[1]);
    assert.deepEqual(names, ['-w', '-z', '-r', '-F', '-Z', '-G', '-y', '-D', '-l', '--foo']);
  });

  test('what is typed besides must say the same', () => {
    assert.deepEqual(map('-i eth0 tcp', { interfaces: 'eth0' }).found, []);
    const { found } = map('-i eth0 -n tcp', { interfaces: 'eth1', noResolveDns: false });
    assert.deepEqual(found, [
      '--tcpdump-filter: -i contradicts --interfaces eth1',
      '--tcpdump-filter: -n contradicts --no-resolve-dns false',
    ]);
  });

  test('two of its own flags that contradict one another', () => {
    assert.match(map('-x -A tcp').found[0] ?? '', /-A contradicts --print-data hex/);
  });

  test('an expression without flags is not touched, whatever it is', () => {
    const words = fc.constantFrom(
      'tcp',
      'port 80',
      'ip[2:2] - 5 = 0',
      '-ip[1] = 0',
      '  ',
      '(',
      ')',
      '& -len',
      '\\tcp',
      'é',
    );
    fc.assert(
      fc.property(fc.array(words), (parts) => {
        const text = `tcp ${parts.join(' ')}`;
        assert.equal(map(text).flags.tcpdumpFilter, text);
      }),
    );
    assert.deepEqual(map(' ').warnings, []);
  });

  test('an open quote is told', () => {
    assert.match(map("-i 'eth0").found[0] ?? '', /quote is not closed/);
  });
});
