import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { execa } from 'execa';
import { decodeResult, type WorkloadResult } from '../../src/capture/workload-spec.ts';
import { retina, retinaOk } from './support/cli.ts';
import { apply, kubectl, namespace, onNode, SCRIPTS, until } from './support/cluster.ts';
import { packetCount, tshark, unpack } from './support/judge.ts';
import { DIR, forget, tarballsOf } from './support/leavings.ts';
import { pod, startTraffic } from './support/traffic.ts';

const NS = 'e2e-what';
const NAMES = ['two', 'count', 'size', 'ring', 'listed', 'plain', 'taken'].map((name) => `what-${name}`);
/** Where `flood` sends numbered datagrams of 1,000 bytes, as fast as a shell can. */
const FLOOD_PORT = 9998;

type Bundle = { path: string; files: string[]; pcaps: string[]; result: WorkloadResult };

/** The one tarball of a capture, unpacked; capinfos must count what the result tells. */
async function bundleOf(name: string): Promise<Bundle> {
  const [tarball = assert.fail('no tarball'), ...more] = tarballsOf(name);
  assert.deepEqual(more, []);
  const file = onNode(tarball.node, `${DIR}/${tarball.name}`);
  const path = await unpack(file);
  const { stdout } = await execa('tar', ['-tzf', file]);
  const files = stdout.split('\n');
  const pcaps = files.filter((entry) => entry.includes('.pcap')).map((entry) => join(path, entry));
  const result = decodeResult(readFileSync(file.replace('.tar.gz', '.json'), 'utf8'));
  const counts = await Promise.all(pcaps.map(packetCount));
  assert.equal(
    counts.reduce((a, b) => a + b, 0),
    result.packets,
  );
  assert.equal(
    pcaps.reduce((total, pcap) => total + statSync(pcap).size, 0),
    result.pcapBytes,
  );
  assert.deepEqual(readdirSync(path).length, new Set(files.map((entry) => entry.split('/')[0])).size);
  return { path, files, pcaps, result };
}

const create = (name: string, ...flags: readonly string[]) =>
  retinaOk(['capture', 'create', '-n', NS, '--name', name, '--node-names', 'node1', ...flags]);

async function capture(name: string, ...flags: readonly string[]): Promise<Bundle> {
  await create(name, '--wait', ...flags);
  return bundleOf(name);
}

async function capturing(name: string): Promise<void> {
  await until(`${name} captures`, async () => {
    const { stdout } = await retina(['capture', 'status', name, '-n', NS]);
    return stdout.includes(' capturing ');
  });
}

/** The numbers of the datagrams in pcap files, one file after the other. */
async function numbers(pcaps: readonly string[]): Promise<number[]> {
  const all = await Promise.all(pcaps.map((pcap) => tshark(pcap, `udp.dstport == ${FLOOD_PORT}`, 'data')));
  return all.flat().map((hex) => Number(Buffer.from(hex, 'hex').toString('latin1', 0, 8)));
}

function assertGapless(seen: readonly number[]): void {
  assert.deepEqual(
    seen,
    seen.map((_, index) => (seen[0] ?? 0) + index),
  );
}

describe('what is captured', () => {
  let clean: () => Promise<void>;
  let client = '';
  /** The interface of pod `client` on its node. */
  let veth = '';
  const onNode1 = async (...command: readonly string[]): Promise<string> =>
    (await execa(join(SCRIPTS, 'node'), ['exec', 'node1', ...command])).stdout;
  before(async () => {
    forget(...NAMES);
    clean = await namespace(NS);
    const addresses = await startTraffic(NS);
    client = addresses.client;
    // Nobody listens: a refusal of one makes the next fail, which is then sent again.
    const loop = `payload=$(printf x%.0s {1..992}); exec 3<>/dev/udp/${addresses.server}/${FLOOD_PORT}
      for ((n = 1; ; n++)); do until printf '%08d%s' $n $payload >&3; do :; done 2>/dev/null; ((n % 20)) || sleep 0.01; done`;
    await apply(pod(NS, 'flood', 'node1', { udp: ['bash', '-c', loop] }));
    await kubectl('-n', NS, 'wait', '--for=condition=Ready', 'pod/flood', '--timeout=60s');
    veth = / dev (\S+)/.exec(await onNode1('ip', 'route', 'get', client))?.[1] ?? assert.fail('no interface');
    // A Service may take its time after its pods are Ready.
    const request = `tcp dst port 8080 and src host ${client} and tcp[tcpflags] & tcp-push != 0`;
    await onNode1('timeout', '60', 'tcpdump', '-Z', 'root', '-c', '1', '-i', veth, request);
  });
  after(async () => {
    await retina(['capture', 'delete', '--all', '-n', NS]);
    await clean();
    forget(...NAMES);
  });

  test('--interfaces a,b: every packet of both, in the order of time, in one pcap', async () => {
    const filter = ['--pcap-filter', `tcp dst port 8080 and src host ${client}`];
    const { files, pcaps, result } = await capture(
      'what-two',
      ...['--interfaces', `${veth},eth0`, '--duration', '5s', '--packet-size', '200', ...filter],
    );
    assert.equal(result.stopReason, 'duration');
    assert.deepEqual(
      files.slice(0, 2).map((file) => file.replace(/^.*UTC/, '')),
      ['.pcap', 'tcpdump.log'],
    );
    const [pcap = ''] = pcaps;
    const times = (await tshark(pcap, 'frame', 'frame.time_epoch')).map(Number);
    assert.deepEqual(
      times,
      times.toSorted((a, b) => a - b),
    );
    // Each request leaves the pod, and then the node; tshark takes the second for sent again, and shows no HTTP in it.
    const payloads = await tshark(pcap, 'tcp.len > 0', 'tcp.payload');
    const requests = payloads.map((hex) => Number(/seq=(\d+)/.exec(Buffer.from(hex, 'hex').toString('latin1'))?.[1]));
    const inside = requests.slice(2, -2);
    assert.ok(inside.length > 12, `${inside.length} requests`);
    assertGapless([...new Set(inside)]);
    for (const number of new Set(inside.slice(1, -1))) assert.equal(inside.filter((n) => n === number).length, 2);
    assert.ok((await tshark(pcap, 'frame', 'frame.cap_len')).every((length) => Number(length) <= 200));
  });

  test('--packet-count: exactly so many over all interfaces', async () => {
    const { result } = await capture('what-count', '--interfaces', `${veth},eth0,lo`, '--packet-count', '321');
    assert.deepEqual([result.stopReason, result.packets, result.errors], ['packet-count', 321, []]);
  });

  test('--max-size: as many packets as fit, and not a byte more', async () => {
    const filter = ['--pcap-filter', `udp dst port ${FLOOD_PORT}`, '--interfaces', 'eth0'];
    const { pcaps, result } = await capture('what-size', '--max-size', '1', ...filter);
    assert.equal(result.stopReason, 'max-size');
    assert.equal(result.packets, Math.floor((1_000_000 - 24) / (16 + 14 + 20 + 8 + 1000)));
    assertGapless(await numbers(pcaps));
  });

  test('--file-count: a ring runs until it is stopped, and then holds the newest packets', async () => {
    const filter = ['--pcap-filter', `udp dst port ${FLOOD_PORT}`, '--interfaces', 'eth0'];
    const ran = await create('what-ring', '--file-count', '3', '--max-size', '1', ...filter);
    assert.match(ran.stderr, /until it is stopped, in a ring of 3 files of 1 MB a node/);
    await capturing('what-ring');
    const ring = async (): Promise<string[]> =>
      (await onNode1('sh', '-c', `cat ${DIR}/.retina-what-ring-*/bundle/*.pcap0 2>/dev/null | md5sum`)).split(' ');
    const [first] = await ring();
    // The first file is begun anew once all three were full.
    await until('the ring goes round', async () => {
      const sizes = await onNode1(
        'sh',
        '-c',
        `stat -c %s ${DIR}/.retina-what-ring-*/bundle/*.pcap2 2>/dev/null || echo 0`,
      );
      return Number(sizes) >= 1_000_000 && (await ring())[0] !== first;
    });
    await retinaOk(['capture', 'stop', 'what-ring', '-n', NS]);
    const { pcaps, result } = await bundleOf('what-ring');
    assert.equal(result.stopReason, 'requested');
    assert.deepEqual(pcaps.map((pcap) => basename(pcap).replace(/^.*UTC/, '')).sort(), ['.pcap0', '.pcap1', '.pcap2']);
    const seen = await numbers(pcaps);
    assertGapless(seen);
    assert.ok(seen.length > 1890, `${seen.length} packets in two full files and one more`);
  });

  test('the display flags add packets.txt; --include-metadata=false leaves the state of the node out', async () => {
    const filter = ['--pcap-filter', `tcp port 8080 and host ${client}`, '--interfaces', veth, '--duration', '2s'];
    const flags = ['--no-resolve-dns', '--no-resolve-port=true', '--verbosity', 'max', '--timestamp-format', 'date'];
    const more = ['--print-data', 'ascii', '--print-link-header', '--absolute-seq', '--dont-verify-checksum'];
    const bundle = await capture('what-listed', ...filter, ...flags, ...more, '--include-metadata=false');
    const names = bundle.files.map((file) => file.replace(/^.*UTC/, ''));
    assert.deepEqual(names, ['.pcap', 'tcpdump.log', 'packets.txt']);
    const text = readFileSync(join(bundle.path, 'packets.txt'), 'latin1');
    assert.match(text, /^ +1 {2}\d{4}-\d\d-\d\d [\d:.]+ [\da-f:]{17} > [\da-f:]{17}, ethertype IPv4/);
    assert.match(text, new RegExp(`${client}\\.\\d+ > [\\d.]+\\.8080: Flags`));
    assert.match(text, /GET \/\?seq=\d+ HTTP/);
    assert.doesNotMatch(text, /cksum/);
    assert.equal(text.match(/^ *\d+ {2}\d{4}-/gm)?.length, bundle.result.packets);
    const plain = await capture('what-plain', ...filter, '--quiet-output=false', '--include-metadata=true');
    assert.ok(!plain.files.includes('packets.txt') && plain.files.includes('ip-resources.txt'));
  });

  test('--no-promiscuous, --packet-buffered, --immediate-mode and --quiet-output reach tcpdump', async () => {
    const flags = ['--no-promiscuous', '--packet-buffered', '--immediate-mode', '--quiet-output'];
    await create('what-taken', '--interfaces', veth, '--duration', '0', ...flags);
    await capturing('what-taken');
    const growing = async (): Promise<number> =>
      Number(await onNode1('sh', '-c', `stat -c %s ${DIR}/.retina-what-taken-*/bundle/*.pcap 2>/dev/null || echo 0`));
    await until('the file grows', async () => (await growing()) > 24);
    assert.match(await onNode1('ip', '-d', 'link', 'show', veth), /promiscuity 0/);
    await retinaOk(['capture', 'stop', 'what-taken', '-n', NS]);
    const { path } = await bundleOf('what-taken');
    assert.match(readFileSync(join(path, 'tcpdump.log'), 'utf8'), / -p --immediate-mode -U /);
    assert.match(readFileSync(join(path, 'packets.txt'), 'latin1'), /^ +1 {2}[\d:.]+ IP /);
  });
});
