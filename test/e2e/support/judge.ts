import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';

const unpacked: string[] = [];
process.once('exit', () => {
  for (const directory of unpacked) rmSync(directory, { recursive: true, force: true });
});

/** Unpacks a tarball with GNU tar and returns the directory, which goes when this process ends. */
export async function unpack(tarball: string): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'retina-e2e-'));
  unpacked.push(directory);
  await execa('tar', ['-xzf', tarball, '-C', directory]);
  return directory;
}

/** The pcap files of an unpacked tarball, sorted. */
export function pcaps(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith('.pcap'))
    .sort()
    .map((name) => join(directory, name));
}

/** One column of what tshark reads from a pcap, for the packets that a display filter lets through. */
export async function tshark(pcap: string, filter: string, field: string): Promise<string[]> {
  const { stdout } = await execa('tshark', ['-r', pcap, '-Y', filter, '-T', 'fields', '-e', field]);
  return stdout.split('\n').filter((line) => line !== '');
}

/** How many packets capinfos counts in a pcap; it fails for a file that is cut short. */
export async function packetCount(pcap: string): Promise<number> {
  const { stdout } = await execa('capinfos', ['-c', '-M', '-T', '-r', pcap]);
  return Number(stdout.split('\t').at(-1));
}

/** Seconds between the first and the last packet. */
export async function spanOf(pcap: string): Promise<{ first: number; last: number }> {
  const times = (await tshark(pcap, 'frame', 'frame.time_epoch')).map(Number);
  return { first: Math.min(...times), last: Math.max(...times) };
}

/** SHA-256 in hex. */
export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** How many packets a tarball holds, over all its pcap files. */
export async function packetsIn(tarball: Buffer): Promise<number> {
  const file = join(tmpdir(), `retina-e2e-${sha256(tarball)}.tar.gz`);
  writeFileSync(file, tarball);
  const directory = await unpack(file);
  const counts = await Promise.all(pcaps(directory).map(packetCount));
  for (const path of [file, directory]) rmSync(path, { recursive: true });
  return counts.reduce((total, packets) => total + packets, 0);
}
