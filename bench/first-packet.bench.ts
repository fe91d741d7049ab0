// From the start of the command to the first packet in the capture, on the test cluster, beside a bare tcpdump in a Job of
// the same image that `kubectl create` starts. Run it in the cluster: test/cluster/exec node bench/first-packet.bench.ts
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { report } from './support/results.ts';

const ROUNDS = 5;
const NODE = 'node1';
const binary = join(resolve(import.meta.dirname, '..'), 'dist/kubectl-retina');
const state = process.env.RETINA_TESTCLUSTER ?? '/tmp/retina-testcluster';
const directory = '/mnt/retina/bench';
const image = process.env.RETINA_AGENT_IMAGE ?? '';

/** Seconds since the epoch of the first packet of a pcap. */
async function firstPacket(pcap: string): Promise<number> {
  const { stdout } = await execa('tshark', ['-r', pcap, '-c', '1', '-T', 'fields', '-e', 'frame.time_epoch']);
  return Number(stdout);
}

async function ours(): Promise<number> {
  const start = Date.now() / 1000;
  const flags = ['--node-names', NODE, '--duration', '2s', '--name', 'bench', '--host-path', directory, '--wait'];
  const { stdout } = await execa(binary, ['capture', 'create', ...flags]);
  await execa(binary, ['capture', 'delete', 'bench']);
  const tarball = join(state, 'nodes', NODE, stdout.split(/\s+/)[1] ?? '');
  const work = mkdtempSync(join(tmpdir(), 'retina-bench-'));
  await execa('sh', ['-c', `tar -xzf ${tarball} -C ${work} --wildcards '*.pcap'`]);
  return (await firstPacket(join(work, tarball.split('/').at(-1)?.replace('.tar.gz', '.pcap') ?? ''))) - start;
}

async function bare(): Promise<number> {
  const job = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'bench-bare', namespace: 'default' },
    spec: {
      template: {
        spec: {
          nodeName: NODE,
          hostNetwork: true,
          restartPolicy: 'Never',
          containers: [
            {
              name: 'c',
              image,
              command: ['timeout', '2', 'tcpdump', '-Z', 'root', '-U', '-i', 'any', '-w', '/out/bare.pcap'],
              volumeMounts: [{ name: 'out', mountPath: '/out' }],
            },
          ],
          volumes: [{ name: 'out', hostPath: { path: directory, type: 'DirectoryOrCreate' } }],
        },
      },
      backoffLimit: 0,
    },
  };
  const file = join(mkdtempSync(join(tmpdir(), 'retina-bench-')), 'job.json');
  writeFileSync(file, JSON.stringify(job));
  const start = Date.now() / 1000;
  await execa('kubectl', ['create', '-f', file]);
  await execa('kubectl', ['wait', '--for=condition=Failed', 'job/bench-bare', '--timeout=30s']);
  await execa('kubectl', ['delete', 'job', 'bench-bare']);
  return (await firstPacket(join(state, 'nodes', NODE, directory, 'bare.pcap'))) - start;
}

const times: Record<'ours' | 'bare', number[]> = { ours: [], bare: [] };
for (let round = 0; round < ROUNDS; round += 1) {
  times.ours.push(await ours());
  times.bare.push(await bare());
}
const baseline = { name: 'a bare tcpdump in a Job', values: times.bare };
const later = times.ours.map((time, round) => time - (times.bare[round] ?? 0));
report({ title: 'First packet', command: 'test/cluster/exec node bench/first-packet.bench.ts' }, [
  { what: 'command to first packet', unit: 's', ours: times.ours, baseline },
  { what: 'later than it, in the same round', unit: 's', ours: later, target: { most: 1 } },
]);
