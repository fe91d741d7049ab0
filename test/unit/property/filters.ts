import assert from 'node:assert/strict';
import { BlockList, isIP } from 'node:net';
import fc from 'fast-check';
import { maskNetwork, networkText, parseNetwork } from '../../../src/capture/address.ts';
import type { EndpointTerm } from '../../../src/capture/request.ts';
import { toFilter } from '../../../src/commands/filter-flags.ts';
import { Problems } from '../../../src/commands/flags.ts';
import type { SettingsFlags } from '../../../src/commands/settings-flags.ts';
import { mapTcpdumpFlags } from '../../../src/commands/tcpdump-flags.ts';
import { tcpdumpComplaint } from '../../../src/workload/tcpdump-output.ts';
import { almost, hostile, long } from './inputs.ts';
import { assertTold, property } from './property.ts';

const PIECES = ['.', ':', '::', '/', '[', ']', '%eth0', '*', ',', '0', '1', '255', '256', 'f', 'g', ' ', '-', '\u202e'];
const address = fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom('::', '::1', '::ffff:10.0.0.1', '010.0.0.1', '1.2.3'));
const prefix = fc.oneof(
  fc.constant(''),
  fc.nat(130).map((bits) => `/${bits}`),
);
const network = fc.tuple(address, prefix).map((parts) => parts.join(''));

property(
  'addresses: what is taken is the network that Node knows, and is read again as it was',
  4000,
  almost(network, PIECES),
  (text) => {
    const read = parseNetwork(text);
    if (read instanceof Error) return assertTold(read.message, /is not an IP address or a CIDR|prefix/);
    const masked = networkText(maskNetwork(read));
    const [base = '', bits] = masked.split('/');
    const family = isIP(base) === 6 ? 'ipv6' : 'ipv4';
    const [typed = ''] = text.split('/');
    const list = new BlockList();
    list.addSubnet(base, bits === undefined ? (family === 'ipv6' ? 128 : 32) : Number(bits), family);
    assert.ok(list.check(typed, family), `${typed} is not in ${masked}`);
    const again = parseNetwork(masked);
    assert.ok(!(again instanceof Error));
    assert.equal(networkText(again), masked);
  },
);

const port = fc.oneof(fc.integer({ min: 0, max: 65_536 }).map(String), fc.constantFrom('*', 'http', '', '-1', '1e3'));
const endpoint = fc.oneof(
  network,
  port,
  fc.tuple(network, port).map(([host, at]) => (host.includes(':') ? `[${host}]:${at}` : `${host}:${at}`)),
  port.map((at) => `*:${at}`),
);
const endpoints = fc.array(endpoint, { minLength: 1, maxLength: 4 }).map((all) => all.join(','));

function written({ address: host, port: at }: EndpointTerm): string {
  if (host === undefined) return `*:${at}`;
  const bare = host.includes(':') ? `[${host}]` : host;
  return at === undefined ? `${bare}:*` : `${bare}:${at}`;
}

property(
  'endpoints: refused by the flag, or terms that are read again as they were',
  4000,
  almost(endpoints, PIECES),
  async (text) => {
    const problems = new Problems();
    const { include } = await toFilter({ includeFilter: text }, problems);
    for (const problem of problems.found) assertTold(problem, /^--include-filter: ./);
    for (const warning of problems.warnings) assertTold(warning, /^--include-filter: .* is taken as the network /s);
    if (problems.found.length > 0 || include.length === 0) return;
    const again = await toFilter({ includeFilter: include.map(written).join(',') }, problems);
    assert.deepEqual(again.include, include);
    for (const { port: at } of include) assert.ok(at === undefined || (at >= 1 && at <= 65_535));
  },
);

property('source and destination lists', 2000, almost(endpoints, PIECES), async (text) => {
  const problems = new Problems();
  const { sources, destinations } = await toFilter({ sourceIps: text }, problems);
  for (const problem of problems.found) assertTold(problem, /^--source-ips: ./);
  assert.deepEqual(destinations, []);
  for (const source of sources) assert.ok(!(parseNetwork(source) instanceof Error), source);
});

property(
  'endpoints of long runs are judged at once',
  200,
  long(['1.', ':', '[', '1,', '::', '9', '*:']),
  async (text) => {
    const problems = new Problems();
    await toFilter({ includeFilter: text }, problems);
    for (const problem of problems.found) assertTold(problem, /^--include-filter: ./);
  },
);

/** Flags of old scripts, each with what it means here. */
const FLAGS: readonly (readonly [text: string, flags: SettingsFlags])[] = [
  ['-i eth0', { interfaces: 'eth0' }],
  ['-ieth0', { interfaces: 'eth0' }],
  ['--interface=eth0', { interfaces: 'eth0' }],
  ['-s 96', { packetSize: '96' }],
  ['-c5', { packetCount: '5' }],
  ['-C 10', { maxSize: '10' }],
  ['-W 3', { fileCount: '3' }],
  ['-p', { noPromiscuous: true }],
  ['-U', { packetBuffered: true }],
  ['-e', { printLinkHeader: true }],
  ['-q', { quietOutput: true }],
  ['-S', { absoluteSeq: true }],
  ['-K', { dontVerifyChecksum: true }],
  ['-vv', { verbosity: 'extra' }],
  ['-tttt', { timestampFormat: 'date' }],
  ['--immediate-mode', { immediateMode: true }],
];
const expression = fc.constantFrom('', 'tcp port 80', 'ip[2:2] - 5 > 0', 'host 10.0.0.1 and not arp', 'vlan 5');
const old = fc.tuple(
  fc.uniqueArray(fc.constantFrom(...FLAGS), { maxLength: 5, selector: ([text]) => text }),
  expression,
);

property('old flags of tcpdump become those that mean the same, in any order', 2000, old, ([given, rest]) => {
  const problems = new Problems();
  const typed = [...given.map(([text]) => text), rest].join(' ');
  const { tcpdumpFilter, ...flags } = mapTcpdumpFlags({ tcpdumpFilter: typed }, problems);
  assert.deepEqual(problems.found, []);
  assert.deepEqual(flags, Object.assign({}, ...given.map(([, meaning]) => meaning)));
  assert.equal(tcpdumpFilter?.trim(), rest);
});

const oldText = old.map(([given, rest]) => [...given.map(([text]) => text), rest].join(' '));

property('old flags that are almost right', 3000, fc.oneof(almost(oldText), hostile), (text) => {
  const problems = new Problems();
  mapTcpdumpFlags({ tcpdumpFilter: text }, problems);
  for (const problem of problems.found) assertTold(problem.replaceAll(/\p{Cc}/gu, '\uFFFD'), /^--tcpdump-filter: ./);
});

property(
  'old flags of long runs are judged at once',
  150,
  long(['-n', '-i x ', "'", '"', '- ', '(', 'a[', '-n ']),
  (text) => {
    mapTcpdumpFlags({ tcpdumpFilter: text }, new Problems());
  },
);

property(
  "tcpdump's complaints are told in one line",
  1500,
  fc.array(fc.oneof(hostile, fc.constantFrom('tcpdump: (x)', '5 packets captured', '(x)'))),
  (lines) => {
    const told = tcpdumpComplaint(lines.flatMap((line) => line.split('\n')));
    assert.ok(!told.includes('\n'));
  },
);
