import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { retina, retinaOk } from './support/cli.ts';
import { kubectl, type NodeName, namespace, objects, onNode } from './support/cluster.ts';
import { packetCount, pcaps, tshark, unpack } from './support/judge.ts';
import { startTraffic } from './support/traffic.ts';

const NS = 'e2e-filters';

/** Captures on node1 for a few seconds; the pcap, and what the program said. */
async function capture(name: string, ...flags: readonly string[]) {
  const all = ['capture', 'create', '-n', NS, '--name', name, '--wait', '--duration', '4s', ...flags];
  const ran = await retinaOk(all);
  const [node = '', path = ''] = ran.stdout.trim().split('\n')[0]?.split(/\s+/) ?? [];
  const [pcap = ''] = pcaps(await unpack(onNode(node as NodeName, path)));
  return { ran, pcap };
}

/** Fails unless there are packets, and tshark finds that this holds for every one. */
async function assertOnly(pcap: string, filter: string): Promise<void> {
  assert.notEqual(await packetCount(pcap), 0, 'no packet at all');
  assert.deepEqual(await tshark(pcap, `!(${filter})`, 'frame.number'), [], `packets that are not ${filter}`);
}

describe('filters', () => {
  let clean: () => Promise<void>;
  let ip: { server: string; client: string };
  const six = { server: '', client: '' };
  before(async () => {
    clean = await namespace(NS);
    ip = await startTraffic(NS);
    for (const name of ['server', 'client'] as const) {
      const all = await kubectl('-n', NS, 'get', 'pod', name, '-o', 'jsonpath={.status.podIPs[*].ip}');
      six[name] = all.split(' ').find((address) => address.includes(':')) ?? '';
    }
    // Datagrams over IPv6, ten a second: to port 7007 and to port 7008.
    const beat = `exec 3<>/dev/udp/${six.server}/7007 4<>/dev/udp/${six.server}/7008; while sleep 0.1; do echo a >&3; echo b >&4; done`;
    await kubectl('-n', NS, 'exec', 'client', '--', 'bash', '-c', `(${beat}) >/dev/null 2>&1 &`);
  });
  after(async () => {
    await retina(['capture', 'delete', '--all', '-n', NS]);
    await clean();
  });

  test('include: an address with a port, a port alone', async () => {
    const both = await capture('inc-both', '--node-names', 'node1', '--include-filter', `${ip.server}:9999`);
    await assertOnly(both.pcap, `udp.port == 9999 && ip.addr == ${ip.server}`);
    const port = await capture('inc-port', '--pod-names', 'other', '--include-filter', '9999');
    await assertOnly(port.pcap, 'udp.port == 9999');
  });

  test('include: IPv6 with a port; a network', async () => {
    const { pcap } = await capture('inc-six', '--node-names', 'node1', '--include-filter', `[${six.server}]:7007`);
    await assertOnly(pcap, `udp.port == 7007 && ipv6.addr == ${six.server}`);
    const net = await capture('inc-net', '--pod-names', 'client', '--include-filter', `[${six.server}/128]:7008`);
    await assertOnly(net.pcap, 'udp.port == 7008');
  });

  test('exclude: neither its port nor anything of its address is left', async () => {
    const { pcap } = await capture('exc-port', '--pod-names', 'other', '--exclude-filter', '*:9999');
    // Nobody listens there: the ICMP errors that say so quote the datagram, and are packets of their own.
    await assertOnly(pcap, '!(udp.port == 9999) || icmp');
    assert.notEqual((await tshark(pcap, 'tcp.port == 8080', 'frame.number')).length, 0);
    const none = await capture('exc-ip', '--node-names', 'node1', '--exclude-filter', `${ip.client}:*,[${six.client}]`);
    await assertOnly(none.pcap, `!(ip.addr == ${ip.client}) && !(ipv6.addr == ${six.client})`);
  });

  test('sources and destinations: one direction only', async () => {
    const flags = ['--source-ips', `${ip.client},fd00:244:1::/64`, '--destination-ips', `${ip.server}/32`];
    const { pcap } = await capture('one-way', '--node-names', 'node1', ...flags);
    await assertOnly(pcap, `ip.src == ${ip.client} && ip.dst == ${ip.server}`);
  });

  test('all of them at once, with an expression that has an `or`', async () => {
    const flags = [
      ...['--pod-names', 'client,other', '--include-filter', '8080,9999', '--exclude-filter', `${ip.client}`],
      ...['--source-ips', '10.244.0.0/16', '--destination-ips', ip.server, '--pcap-filter', 'udp or tcp port 8080'],
    ];
    const { pcap, ran } = await capture('all-at-once', ...flags, '-v');
    await assertOnly(
      pcap,
      `ip.dst == ${ip.server} && (udp.port == 9999 || tcp.port == 8080) && !(ip.addr == ${ip.client})`,
    );
    assert.match(ran.stderr, /filter on node1: .* and \(udp or tcp port 8080\)$/m);
  });

  test('the old flag, with flags of tcpdump in it', async () => {
    const { pcap, ran } = await capture(
      'raw',
      '--node-names',
      'node1',
      '--tcpdump-filter',
      '-nni eth0 -s 96 tcp port 8080',
    );
    const instead = "--pcap-filter 'tcp port 8080' --no-resolve-port --interfaces eth0 --packet-size 96";
    assert.ok(ran.stderr.includes(`--tcpdump-filter is deprecated; this one is: ${instead}`), ran.stderr);
    await assertOnly(pcap, 'tcp.port == 8080 && frame.cap_len <= 96');
  });

  test('a host name is resolved by the node, with a warning', async () => {
    const { pcap, ran } = await capture(
      'name',
      '--node-names',
      'node1',
      '--pcap-filter',
      `host host.test or host ${ip.server}`,
    );
    assert.match(ran.stderr, /each node resolves host\.test by itself/);
    await assertOnly(pcap, `ip.addr == ${ip.server} || ip.addr == 10.240.0.1 || arp || ipv6.addr == fd00:240::1`);
  });

  test('status tells what the filter became, nodes with the same filter together', async () => {
    const flags = ['--name', 'shown', '--pcap-filter', 'udp port 9999', '--exclude-filter', '22', '--duration', '1s'];
    await retinaOk(['capture', 'create', '-n', NS, '--wait', ...flags]);
    const { stdout } = await retinaOk(['capture', 'status', 'shown', '-n', NS]);
    assert.match(stdout, /^ {2}filter on node1, node2: \(not \(port 22\)\) and \(udp port 9999\)$/m);
  });

  test('a wrong expression, and filters that no packet can pass: nothing is created', async () => {
    const there = await objects(NS);
    for (const [flags, code, told] of [
      [['--pcap-filter', 'tcp prot 80'], 2, /syntax error\n {6}tcp prot 80\n {10}\^{4}$/],
      [['--pcap-filter', 'a or b) or (c'], 2, /syntax error/],
      [['--pcap-filter', 'vlan 5'], 2, /no VLAN support.*name --interfaces/s],
      [['--pcap-filter', 'ip6', '--source-ips', '10.0.0.1'], 2, /contradict one another/],
      [['--pod-names', 'client', '--pcap-filter', 'ether proto 0x88cc'], 1, /no packet can pass the filter on node1/],
    ] as const) {
      const ran = await retina(['capture', 'create', '-n', NS, ...flags]);
      assert.equal(ran.code, code, ran.stderr);
      assert.match(ran.stderr, told);
    }
    assert.deepEqual(await objects(NS), there);
  });
});
