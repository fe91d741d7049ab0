import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A package of npm whose code may be in the binary. */
export interface Package {
  readonly name: string;
  readonly version: string;
  /** An SPDX expression. */
  readonly license: string;
  /** The SHA-512 of its archive, in hexadecimal. */
  readonly sha512: string;
  /** Where it is installed, below the project. */
  readonly folder: string;
}

interface Entry {
  readonly name?: string;
  readonly version: string;
  readonly license?: string;
  readonly integrity: string;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly optional?: boolean;
}

function readLock(file: string): [folder: string, entry: Entry][] {
  const { packages } = JSON.parse(readFileSync(file, 'utf8')) as { packages: Record<string, Entry> };
  return Object.entries(packages).filter(([folder]) => folder !== '');
}

function toPackage(folder: string, entry: Entry): Package {
  const name = entry.name ?? folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length);
  const [algorithm, digest = ''] = entry.integrity.split('-');
  if (algorithm !== 'sha512') throw new Error(`${name} is not pinned by SHA-512`);
  const sha512 = Buffer.from(digest, 'base64').toString('hex');
  return { name, version: entry.version, license: entry.license ?? 'NOASSERTION', sha512, folder };
}

/**
 * The production packages of the lockfile, by name. (`npm sbom --omit dev` is no help: it leaves out those that a
 * development package needs too, `tar` for one.) Optional ones count if they are installed; Node itself does not.
 */
export function productionPackages(root: string): Package[] {
  return readLock(join(root, 'package-lock.json'))
    .filter(
      ([folder, { dev, devOptional }]) => !dev && !devOptional && !/\/node-(linux|darwin|win)-/.test(`/${folder}`),
    )
    .filter(([folder, { optional }]) => !optional || existsSync(join(root, folder)))
    .map(([folder, entry]) => toPackage(folder, entry))
    .sort((a, b) => (a.folder < b.folder ? -1 : 1));
}

/** The package of npm that holds the Node of a platform; `program` is its path in it or in a folder above. */
export function nodePackage(root: string, program: string): Package {
  const folder = program.slice(program.lastIndexOf('node_modules/')).replace(/\/bin\/.*$/, '');
  const locks = [join(root, 'package-lock.json'), join(root, 'scripts/build/platforms/package-lock.json')];
  const found = locks.flatMap(readLock).find(([name]) => name === folder);
  if (!found) throw new Error(`no lockfile names ${folder}`);
  return toPackage(...found);
}

/** What is in the binary of libpcap: src/bpf/pcap-filter.json, which scripts/pcap-filter/build makes. */
export interface PcapFilter {
  readonly version: string;
  /** An SPDX expression. */
  readonly license: string;
  readonly notice: string;
  /** The SHA-256 of the source archive. */
  readonly sha256: string;
}

/** Reads what the project says of its libpcap. */
export function pcapFilter(root: string): PcapFilter {
  const read = (file: string) => readFileSync(join(root, file), 'utf8');
  const version = JSON.parse(read('src/bpf/pcap-filter.json')).source.replace('libpcap ', '');
  const notice = read('src/bpf/pcap-filter.LICENSE.txt').trim();
  return { version, license: 'BSD-3-Clause', notice, sha256: read('scripts/pcap-filter/libpcap.sha256').trim() };
}
