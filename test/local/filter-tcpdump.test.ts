import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { execa } from 'execa';
import { checkExpression } from '../../src/bpf/check.ts';
import { LINK_TYPES, type LinkType } from '../../src/bpf/compiler.ts';
import { composeFilter } from '../../src/capture/filter.ts';
import { compileAll, type Program, runner } from '../unit/support/bpf.ts';
import { filterModel } from '../unit/support/builders.ts';
import { makePackets } from '../unit/support/packets.ts';
import { labProblem } from './lab.ts';

const DLT = { ethernet: 'EN10MB', any: 'LINUX_SLL2' } as const;
const PODS = ['10.244.1.7', 'fd00:244:1::7'];
const MANY = Array.from({ length: 300 }, (_, n) => `10.244.${n >> 7}.${(2 * n) & 255}`);
const endpoint = (address: string | undefined, port?: number) => ({ address, port });

/** Filters as we write them. */
const filters = [
  composeFilter(PODS, filterModel()),
  composeFilter([...PODS, ...MANY], filterModel()),
  composeFilter(
    PODS,
    filterModel({ include: [endpoint('10.2.0.0/16', 80), endpoint(undefined, 53), endpoint('::1')] }),
  ),
  composeFilter(
    [],
    filterModel({ exclude: [endpoint(undefined, 22), endpoint('10.2.3.4'), endpoint('fd00::/8', 53)] }),
  ),
  composeFilter(MANY, filterModel({ sources: ['10.0.0.0/8', 'fd00::/8'], destinations: ['10.2.3.4'] })),
  composeFilter(PODS, filterModel({ expression: 'tcp[tcpflags] & tcp-syn != 0 or not ip proto 17' })),
  composeFilter([], filterModel({ include: [80, 53, 9].map((port) => endpoint(undefined, port)), expression: 'ip6' })),
];

/** A program as `tcpdump -ddd` prints it. */
function decimal(program: Program): string {
  const rows = Array.from({ length: (program?.length ?? 0) / 4 }, (_, at) =>
    program?.slice(4 * at, 4 * at + 4).join(' '),
  );
  return [rows.length, ...rows].join('\n');
}

/** A pcap file in which the nth packet was captured n seconds after 1970. */
function pcapFile(packets: readonly Uint8Array[], linkType: LinkType): Buffer {
  const words = (...values: readonly number[]): Buffer => Buffer.from(Uint32Array.from(values).buffer);
  const records = packets.flatMap((bytes, n) => [words(n, 0, bytes.length, bytes.length), Buffer.from(bytes)]);
  return Buffer.concat([words(0xa1b2c3d4, 0x00040002, 0, 0, 262_144, LINK_TYPES[linkType]), ...records]);
}

suite('this machine’s tcpdump and our filter compiler', { skip: labProblem() ?? false }, () => {
  for (const linkType of ['ethernet', 'any'] as const) {
    test(`make the same programs, on ${linkType}`, async () => {
      const programs = await compileAll(filters, linkType);
      for (const [index, filter] of filters.entries()) {
        const { stdout } = await execa('tcpdump', ['-ddd', '-y', DLT[linkType], '--', filter]);
        assert.equal(decimal(programs[index]), stdout, filter);
      }
    });

    test(`keep the same packets, on ${linkType}`, async (t) => {
      const directory = await mkdtemp(join(tmpdir(), 'retina-filter-'));
      t.after(() => rm(directory, { recursive: true }));
      const file = join(directory, 'made.pcap');
      const pairs = [
        ['10.244.1.7', '10.2.3.4'],
        ['10.2.3.4', '10.244.0.8'],
        ['fd00:244:1::7', '2001:db8::5'],
        ['2001:db8::5', 'ff02::1:ff00:7'],
      ] as const;
      const packets = makePackets(pairs, linkType);
      await writeFile(
        file,
        pcapFile(
          packets.map(({ bytes }) => bytes),
          linkType,
        ),
      );
      const programs = await compileAll(filters, linkType);
      const passes = runner();
      for (const [index, filter] of filters.entries()) {
        const { stdout } = await execa('tcpdump', ['-r', file, '-nttq', '--', filter]);
        const theirs = stdout.split('\n').flatMap((line) => /^(\d+)\.\d+ /.exec(line)?.[1] ?? []);
        const ours = packets.flatMap(({ bytes }, n) => (passes(programs[index], bytes) ? [`${n}`] : []));
        assert.notEqual(ours.length, 0, filter);
        assert.deepEqual(theirs, ours, filter);
      }
    });
  }

  test('say the same about wrong expressions', async () => {
    for (const text of [
      'tcp prot 80',
      'tcp and',
      'port 65536',
      'net 10.0.0.1/8',
      'ip host ::1',
      'ip and ip6',
      'vlan 5000',
    ]) {
      const { stderr, failed } = await execa('tcpdump', ['-d', '-y', 'EN10MB', '--', text], { reject: false });
      assert.ok(failed, text);
      const verdict = await checkExpression(text, 'ethernet');
      const ours = verdict.kind === 'wrong' ? verdict.error : verdict.kind;
      assert.equal(
        ours,
        stderr
          .replace(/^tcpdump: /gm, '')
          .replace(/^can't parse filter expression: /, '')
          .trim(),
        text,
      );
    }
  });
});
