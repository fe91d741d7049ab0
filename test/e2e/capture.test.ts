import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { execa } from 'execa';
import { retina, retinaOk } from './support/cli.ts';
import { filesOn, kubectl, NODES, type NodeName, namespace, objects, onNode, SCRIPTS } from './support/cluster.ts';
import { packetCount, pcaps, spanOf, tshark, unpack } from './support/judge.ts';
import { startTraffic } from './support/traffic.ts';

const NS = 'e2e-capture';
const DIR = '/mnt/retina/captures';

/** Captures, waits, and returns each node's first pcap, with the tarballs' paths. */
async function capture(name: string, ...flags: readonly string[]) {
  const ran = await retinaOk(['capture', 'create', '-n', NS, '--name', name, '--wait', ...flags]);
  const tarballs = new Map<string, string>();
  const unpacked = new Map<string, string[]>();
  for (const line of ran.stdout.trim().split('\n')) {
    const [node = '', path = ''] = line.split(/\s+/);
    tarballs.set(node, onNode(node as NodeName, path));
    unpacked.set(node, pcaps(await unpack(onNode(node as NodeName, path))));
  }
  return {
    ran,
    tarballs,
    pcaps: (node: NodeName) => unpacked.get(node) ?? [],
    pcap: (node: NodeName) => unpacked.get(node)?.[0] ?? '',
  };
}

/** Whether numbers go up one by one, and how many there are. */
function gapless(uris: readonly string[]): { first: number; last: number; missing: number[] } {
  const numbers = new Set(uris.map((uri) => Number(/=(\d+)/.exec(uri)?.[1])));
  const first = Math.min(...numbers);
  const last = Math.max(...numbers);
  const missing = Array.from({ length: last - first + 1 }, (_, index) => first + index).filter((n) => !numbers.has(n));
  return { first, last, missing };
}

describe('capture create', () => {
  let clean: () => Promise<void>;
  let addresses: { server: string; client: string };
  before(async () => {
    clean = await namespace(NS);
    addresses = await startTraffic(NS);
  });
  after(async () => {
    await retina(['capture', 'delete', '--all', '-n', NS]);
    await clean();
  });

  test('by pod selectors: every request of the window, on both nodes, and nothing of other pods', async () => {
    const { ran, pcap } = await capture('by-pods', '--pod-selectors', 'app in (client,server)', '--duration', '10s');
    assert.match(ran.stderr, /✔ 2 of 2 tarballs saved/);
    const windows = [];
    for (const node of NODES) {
      const uris = await tshark(pcap(node), 'http.request.uri contains "seq="', 'http.request.uri');
      const run = gapless(uris);
      assert.deepEqual(run.missing, [], `requests missing on ${node}`);
      assert.ok(run.last - run.first > 60, `${run.last - run.first} requests in 10 s on ${node}`);
      windows.push(run);
      const { first, last } = await spanOf(pcap(node));
      assert.ok(last - first > 9.5, `packets of ${last - first} s on ${node}`);
      const foreign = `ip && !(ip.addr == ${addresses.client}) && !(ip.addr == ${addresses.server})`;
      assert.deepEqual(await tshark(pcap(node), foreign, 'frame.number'), [], `packets of other pods on ${node}`);
    }
    // On the client's node, only the traffic of the client itself, which `other` is not.
    assert.deepEqual(await tshark(pcap('node1'), 'http.request.uri contains "other="', 'frame.number'), []);
    const [here, there] = windows;
    assert.ok(here && there && Math.abs(here.first - there.first) < 30, 'both nodes began at about the same request');
  });

  test('by node selectors: holds the traffic of other pods too', async () => {
    const { pcap } = await capture('by-nodes', '--node-selectors', 'kubernetes.io/os=linux', '--duration', '4s');
    for (const node of NODES) {
      assert.notEqual((await tshark(pcap(node), 'http.request.uri contains "seq="', 'frame.number')).length, 0);
      assert.notEqual((await tshark(pcap(node), 'http.request.uri contains "other="', 'frame.number')).length, 0);
      assert.notEqual((await tshark(pcap(node), 'tcp.port == 6443 || tcp.port == 10250', 'frame.number')).length, 0);
    }
  });

  test('with a BPF expression: only what it lets through', async () => {
    const { pcap } = await capture('by-filter', '--pcap-filter', 'udp port 9999', '--duration', '4s');
    for (const node of NODES) {
      assert.notEqual(await packetCount(pcap(node)), 0);
      assert.deepEqual(await tshark(pcap(node), '!(udp.port == 9999)', 'frame.number'), []);
    }
  });

  test('pods and a BPF expression: both must hold', async () => {
    const flags = ['--pod-names', 'client', '--pcap-filter', 'tcp port 8080', '--duration', '3s'];
    const { pcap, tarballs } = await capture('by-both', ...flags);
    assert.deepEqual([...tarballs.keys()], ['node1']);
    assert.notEqual(await packetCount(pcap('node1')), 0);
    const outside = `!(tcp.port == 8080 && ip.addr == ${addresses.client})`;
    assert.deepEqual(await tshark(pcap('node1'), outside, 'frame.number'), []);
  });

  test('two interfaces: packets of both in one file', async () => {
    // Nothing of the workload passes the loopback interface: the kubelet's own health check does.
    const health = ['-c', 'for i in {1..80}; do curl -s http://127.0.0.1:10248/healthz; sleep 0.1; done'];
    const talk = execa(join(SCRIPTS, 'node'), ['exec', 'node2', 'bash', ...health]);
    const { pcaps: all } = await capture(
      'by-interfaces',
      '--node-names',
      'node2',
      '--interfaces',
      'lo,eth0',
      '--duration',
      '4s',
    );
    const [merged = '', ...others] = all('node2');
    assert.deepEqual(others, []);
    // Loopback's packets have no hardware addresses.
    for (const which of ['eth.src == 00:00:00:00:00:00', 'eth.src != 00:00:00:00:00:00'])
      assert.notEqual((await tshark(merged, which, 'frame.number')).length, 0, which);
    await talk;
  });

  test('--packet-size cuts packets, --max-size ends the capture and is never exceeded', async () => {
    const small = await capture('by-size', '--node-names', 'node1', '--packet-size', '96', '--duration', '3s');
    const lengths = (await tshark(small.pcap('node1'), 'frame', 'frame.cap_len')).map(Number);
    assert.ok(Math.max(...lengths) <= 96);
    await kubectl(
      '-n',
      NS,
      'exec',
      'client',
      '--',
      'sh',
      '-c',
      `(sleep 3; for i in 1 2 3 4 5 6; do head -c 800000 /dev/urandom | busybox nc -w 1 ${addresses.server} 8080; done) >/dev/null 2>&1 &`,
    );
    const flags = ['--node-names', 'node1', '--max-size', '1', '--duration', '60s'];
    const { ran, pcap } = await capture('by-max', ...flags);
    assert.ok(ran.seconds < 40, `took ${ran.seconds} s`);
    assert.ok(readFileSync(pcap('node1')).length <= 1_000_000);
    assert.match((await retinaOk(['capture', 'status', 'by-max', '-n', NS])).stdout, /size limit reached/);
  });

  test('the tarball has the documented layout and opens with GNU tar and BusyBox', async () => {
    const { tarballs } = await capture('by-layout', '--node-names', 'node2', '--duration', '2s');
    const tarball = tarballs.get('node2') ?? '';
    const stem = tarball.split('/').at(-1)?.replace('.tar.gz', '');
    assert.match(stem ?? '', /^by-layout-node2-\d{14}UTC$/);
    const gnu = (await execa('tar', ['-tzf', tarball])).stdout.split('\n');
    const busybox = (await execa('busybox', ['tar', '-tzf', tarball])).stdout.split('\n');
    assert.deepEqual(busybox, gnu);
    for (const file of [`${stem}.pcap`, 'tcpdump.log', 'ip-resources.txt', 'iptables-rules.txt', 'socket-stats.txt']) {
      assert.ok(gnu.includes(file), file);
    }
    assert.ok(gnu.some((file) => file.startsWith('proc-net/')) && gnu.some((file) => file.startsWith('proc-sys-net/')));
    const directory = await unpack(tarball);
    assert.match(readFileSync(join(directory, 'ip-resources.txt'), 'utf8'), /10\.240\.0\.12/);
    assert.match(readFileSync(join(directory, 'iptables-rules.txt'), 'utf8'), /KUBE-SERVICES/);
    const result = JSON.parse(readFileSync(tarball.replace('.tar.gz', '.json'), 'utf8'));
    assert.equal(result.tarball.sha256, (await execa('sha256sum', [tarball])).stdout.split(' ')[0]);
  });

  test('a node whose hostname label is not its name is captured as itself', async () => {
    const label = await kubectl('get', 'node', 'node2', '-o', 'jsonpath={.metadata.labels.kubernetes\\.io/hostname}');
    assert.notEqual(label, 'node2');
    const { tarballs } = await capture('by-name', '--node-names', 'node2', '--duration', '1s');
    assert.deepEqual([...tarballs.keys()], ['node2']);
  });

  test('two captures at once on the same nodes keep apart', async () => {
    const [tcp, udp] = await Promise.all([
      capture('at-once-tcp', '--pcap-filter', 'tcp port 8080', '--duration', '4s'),
      capture('at-once-udp', '--pcap-filter', 'udp port 9999', '--duration', '4s'),
    ]);
    for (const node of NODES) {
      assert.deepEqual(await tshark(tcp.pcap(node), '!(tcp.port == 8080)', 'frame.number'), []);
      assert.deepEqual(await tshark(udp.pcap(node), '!(udp.port == 9999)', 'frame.number'), []);
      assert.notEqual(await packetCount(tcp.pcap(node)), 0);
      assert.notEqual(await packetCount(udp.pcap(node)), 0);
    }
  });

  test('without --wait: returns at once, and its stdout names each node, Job and tarball to come', async () => {
    const ran = await retinaOk(['capture', 'create', '-n', NS, '--name', 'no-wait', '--duration', '2s']);
    const lines = ran.stdout
      .trim()
      .split('\n')
      .map((line) => line.split(/\s+/));
    assert.deepEqual(
      lines.map(([node]) => node),
      ['node1', 'node2'],
    );
    const made = (await objects(NS)).filter((object) => object.startsWith(`Job/${NS}/no-wait`));
    assert.deepEqual(lines.map(([, job = '']) => `Job/${NS}/${job.replace('job/', '')}`).sort(), made);
    await retinaOk(['capture', 'stop', 'no-wait', '-n', NS]);
    for (const [node = '', , path = ''] of lines) {
      assert.ok(filesOn(node as NodeName, DIR).includes(path.split('/').at(-1) ?? ''), `${path} on ${node}`);
    }
  });

  test('download: verified, into a folder of the capture; a second time there is nothing to fetch', async (t) => {
    const output = mkdtempSync(join(tmpdir(), 'retina-e2e-'));
    t.after(() => rmSync(output, { recursive: true }));
    const first = await retinaOk(['capture', 'download', 'by-pods', '-n', NS, '-o', output]);
    assert.match(first.stderr, /✔ 2 tarballs downloaded and verified/);
    for (const line of first.stdout.trim().split('\n')) {
      const [node = '', path = ''] = line.split(/\s+/);
      const original = onNode(node as NodeName, `${DIR}/${path.split('/').at(-1)}`);
      await execa('cmp', [path, original]);
      assert.ok(path.startsWith(join(output, 'by-pods/')));
    }
    const again = await retinaOk(['capture', 'download', 'by-pods', '-n', NS, '-o', output]);
    assert.match(again.stderr, /already here, and whole/);
    assert.equal(again.stdout, first.stdout);
    assert.deepEqual(
      (await objects(NS)).filter((object) => object.includes('download')),
      [],
    );
  });
});
