import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { execa } from 'execa';
import { CLI, retina, retinaOk } from './support/cli.ts';
import { apply, kubectl, namespace, SCRIPTS, until } from './support/cluster.ts';
import { pod } from './support/traffic.ts';

const NS = 'e2e-facts';
const SLEEP = { main: ['sleep', '3600'] };

describe('what the user is told', () => {
  let clean: () => Promise<void>;
  before(async () => {
    clean = await namespace(NS);
  });
  after(async () => {
    await retina(['capture', 'delete', '--all', '-n', NS]);
    await clean();
  });

  test('pods without an address, that have ended, or on the host network are each named in a warning', async () => {
    const nowhere = { nodeName: undefined, nodeSelector: { nowhere: 'true' } };
    const pods = [
      pod(NS, 'plain', 'node1', SLEEP),
      pod(NS, 'host', 'node2', SLEEP, { hostNetwork: true }),
      pod(NS, 'pending', 'node1', SLEEP, nowhere),
      pod(NS, 'ended', 'node1', { main: ['true'] }, { restartPolicy: 'Never' }),
    ];
    await apply(...pods);
    await kubectl('-n', NS, 'wait', '--for=condition=Ready', 'pod/plain', 'pod/host', '--timeout=60s');
    await kubectl('-n', NS, 'wait', '--for=jsonpath={.status.phase}=Succeeded', 'pod/ended', '--timeout=60s');
    const all = ['capture', 'create', '-n', NS, '--duration', '1s', '--wait', '--pod-selectors'];
    const { stderr } = await retinaOk([...all, 'app', '--name', 'warned']);
    assert.match(stderr, /warning: left out, without a node yet: pod e2e-facts\/pending\n/);
    assert.match(stderr, /warning: left out, already ended \(Succeeded\): pod e2e-facts\/ended\n/);
    assert.match(stderr, /warning: on the network of node node2, so all traffic of .*: pod e2e-facts\/host\n/);
    assert.match(stderr, /filter on node1: ip host (10\.244\.1\.\d+) or arp host \1 or ip6 host fd00:244:1::\w+ or /);
    const none = await retina([...all, 'app in (pending,ended)', '--name', 'none']);
    assert.equal(none.code, 1);
    assert.match(none.stderr, /^(warning: .*\n)*error: no pod is left to capture/);
  });

  test('a capture that lost packets says so, and how many', async () => {
    // A tenth of a CPU cannot keep up with a flood: that is why there is no limit unless one is asked for.
    const limit = ['--cpu-limit', '100m', '--max-size', '0', '--include-metadata=false', '--duration', '6s'];
    const capture = ['capture', 'create', '-n', NS, '--name', 'losing', '--node-names', 'node2', ...limit];
    await retinaOk([...capture, '--pcap-filter', 'udp port 9']);
    const status = async (): Promise<string> => (await retina(['capture', 'status', 'losing', '-n', NS])).stdout;
    const log = (): Promise<string> => kubectl('logs', '-n', NS, '-l', 'capture-name=losing');
    await until('tcpdump listens', async () => (await log().catch(() => '')).includes('capturing on'));
    const flood =
      'my $s = IO::Socket::INET->new(Proto => "udp", PeerAddr => "10.240.0.12:9"); $s->send("x" x 1400) for 1..500000';
    await execa(join(SCRIPTS, 'node'), ['exec', 'node1', 'perl', '-MIO::Socket::INET', '-e', flood]);
    await until('the capture has ended', async () => (await status()).includes('Completed'), 90);
    const told = await retinaOk(['capture', 'status', 'losing', '-n', NS]);
    assert.match(told.stderr, /warning: node node2 lost [\d,]+ packets \(\d+\.\d\d %\): [\d,]+ by the kernel/);
    const row =
      told.stdout
        .split('\n')
        .find((line) => line.startsWith('node2'))
        ?.split(/ {2,}/) ?? [];
    assert.ok(Number(row[4]?.replaceAll(',', '')) > 0, told.stdout);
    const listed = (await retinaOk(['capture', 'list', '-n', NS])).stdout
      .split('\n')
      .find((line) => line.startsWith('losing'));
    assert.equal(listed?.split(/ {2,}/)[4], row[4]);
  });

  test('a tenth of a processor is enough for traffic that is not a flood: nothing is lost', async () => {
    const limit = ['--cpu-limit', '100m', '--max-size', '0', '--include-metadata=false', '--duration', '2m'];
    const capture = ['capture', 'create', '-n', NS, '--name', 'steady', '--node-names', 'node2', ...limit];
    await retinaOk([...capture, '--pcap-filter', 'udp port 9']);
    const status = async (): Promise<string> => (await retina(['capture', 'status', 'steady', '-n', NS])).stdout;
    const logs = ['logs', '-n', NS, '-l', 'capture-name=steady', '--tail=-1'];
    const log = async (): Promise<string> => (await execa('kubectl', logs, { reject: false })).stdout;
    await until('tcpdump listens', async () => (await log()).includes('capturing on'));
    // Nobody listens there: a send that is told so by the one before sends nothing itself.
    const send = '$n++ if defined $s->send("x" x 1000); select undef, undef, undef, 0.005 unless $_ % 20';
    const steady = `my $s = IO::Socket::INET->new(Proto => "udp", PeerAddr => "10.240.0.12:9"); for (1..15000) { ${send} } print $n`;
    const sent = await execa(join(SCRIPTS, 'node'), ['exec', 'node1', 'perl', '-MIO::Socket::INET', '-e', steady]);
    await retinaOk(['capture', 'stop', 'steady', '-n', NS]);
    await until('the capture has ended', async () => (await status()).includes('Completed'), 90);
    const told = await retinaOk(['capture', 'status', 'steady', '-n', NS, '-o', 'json']);
    const { nodes } = JSON.parse(told.stdout);
    assert.deepEqual(
      [nodes[0].droppedByKernel, nodes[0].droppedByInterface, nodes[0].stopReason],
      [0, 0, 'requested'],
      told.stdout,
    );
    assert.ok(Number(sent.stdout) > 10_000);
    assert.equal(nodes[0].packets, Number(sent.stdout));
  });

  test('on a terminal: a table that is rewritten, colours, and the outcome last', async () => {
    const command = `stty cols 100 rows 30; exec '${CLI}' capture create -n ${NS} --name tty --node-names node1 --duration 2s --wait`;
    const { stdout } = await execa('script', ['-qefc', command, '/dev/null'], {
      env: { TERM: 'xterm-256color', NO_COLOR: undefined, CI: undefined },
      stdin: 'ignore',
      timeout: 60_000,
    });
    assert.ok(stdout.includes('\x1b[?25l') && stdout.includes('\x1b[?25h'), 'the cursor is hidden, and shown again');
    assert.match(stdout, /node1 {2}capturing \d+s/);
    const end = stdout.slice(stdout.lastIndexOf('\x1b[?25h', stdout.indexOf('✔')));
    assert.ok(end.includes('\x1b[32m✔\x1b[39m'), 'the mark is green');
    assert.match(end, / 1 of 1 tarball saved in [\d.]+ s: [\d,]+ packets, 0 lost, /);
  });
});
