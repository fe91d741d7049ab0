import { chmodSync, copyFileSync, mkdirSync, readdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { log } from '@yao-pkg/pkg/lib-es5/log.js';
import pkg from '@yao-pkg/pkg/lib-es5/sea.js';
import { signMachO } from './mach-o.ts';
import { runProgram } from './run.ts';
import { cacheHome, type Target } from './targets.ts';

/**
 * Runs before the caches are taken. None needs a network or a cluster: the ones that ask a cluster ask a SERVER that
 * warm.cjs plays. What no run comes to is compiled at each start.
 */
const warmUps: readonly (readonly string[])[] = [
  ['--help'],
  ['capture', '--help'],
  ['capture', 'create', '--help'],
  ['capture', 'list', '--server', 'SERVER'],
  ['capture', 'create', '--name', 'warm-up', '--node-names', 'none', '--server', 'SERVER'],
  ['capture', 'create', ...['--name', 'warm-up', '--node-names', 'none', '--dry-run=client', '--server', 'SERVER']],
  ['version', '--client'],
  // Of what needs no cluster: an answer that is late is not waited for, and would leave another cache.
  ['__complete', 'capture', ''],
];

/** Threads that collect garbage side by side leave other marks in the functions of a cache each time. */
const STEADY = ['--random-seed=1', '--no-parallel-scavenge'];

const kubeconfig = `apiVersion: v1
kind: Config
current-context: none
clusters: [{name: none, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: none, user: {token: none}}]
contexts: [{name: none, context: {cluster: none, user: none}}]
`;

/** Runs the program from its chunks, which leaves their code caches beside them. Returns the number of caches. */
export function warmCaches(node: string, target: Target, chunks: string, scripts: string): number {
  if (!target.runner) return 0;
  const home = join(chunks, '..', `home-${target.name}`);
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, 'kubeconfig'), kubeconfig);
  const env = { PATH: process.env.PATH, HOME: home, KUBECONFIG: join(home, 'kubeconfig'), XDG_CACHE_HOME: cacheHome };
  const warm = [...STEADY, join(scripts, 'warm.cjs'), chunks];
  for (const args of warmUps) {
    const { status, stdout, stderr, error } = runProgram(node, target, [...warm, ...args], env);
    // Its cache would lack what it should have come to, and only a slow start would tell.
    const told = `status ${status}, not 0: ${error?.message ?? ''}${stdout}${stderr}`;
    if (status !== 0) throw new Error(`the program for ${target.name}, to warm up with ${args.join(' ')}: ${told}`);
  }
  const count = readdirSync(chunks).filter((file) => file.endsWith('.cache')).length;
  if (count === 0) throw new Error(`no run of the program for ${target.name} left a code cache`);
  return count;
}

/** Puts the chunks and their caches into a copy of Node. `work` is a temporary folder. */
export async function packBinary(node: string, target: Target, options: PackOptions): Promise<void> {
  seedPkgCache(node, target, options.work);
  if (target.hostNode !== target.node)
    seedPkgCache(options.hostNode, { ...target, platform: 'linux', arch: 'x64' }, options.work);
  const assets = readdirSync(options.chunks)
    .sort()
    .map((file) => [file, join(options.chunks, file)]);
  const seaConfig = {
    // This name stays in the binary: not one of this machine's. pkg works in a folder of TMPDIR.
    main: '../loader.cjs',
    disableExperimentalSEAWarning: true,
    useSnapshot: false,
    useCodeCache: false, // it would warn on a machine that rejects it; ours are silent
    execArgvExtension: 'none', // or Node would obey the user's NODE_OPTIONS
    assets: Object.fromEntries(assets),
  };
  copyFileSync(join(options.scripts, 'loader.cjs'), join(options.work, 'loader.cjs'));
  const output = join(options.work, `binary-${target.name}`);
  const { platform, arch } = target;
  log.info = () => {}; // its warnings and errors still show
  await withEnvironment({ HOME: join(options.work, 'home'), TMPDIR: options.work }, () =>
    pkg.default(join(options.work, 'loader.cjs'), {
      signature: false, // below: pkg would need Apple's tools
      targets: [{ platform, arch, nodeRange: `node${target.nodeVersion}`, output }],
      seaConfig,
    }),
  );
  if (platform === 'macos') signMachO(output, 'kubectl-retina');
  chmodSync(output, 0o755);
  mkdirSync(dirname(options.output), { recursive: true });
  renameSync(output, options.output);
}

export interface PackOptions {
  readonly work: string;
  readonly chunks: string;
  readonly scripts: string;
  readonly output: string;
  /** This machine's Node of the target's version. */
  readonly hostNode: string;
}

/** pkg takes Node from `$HOME/.pkg-cache/sea` if the files that mark a verified download are there: no network. */
function seedPkgCache(node: string, target: Target, work: string): void {
  const os = target.platform === 'macos' ? 'darwin' : target.platform;
  const cache = join(work, 'home/.pkg-cache/sea');
  const base = join(cache, `node-v${target.nodeVersion}-${os}-${target.arch}`);
  const archive = `${base}.${os === 'win' ? 'zip' : 'tar.gz'}`;
  const program = os === 'win' ? `${base}.exe` : join(base, 'bin/node');
  mkdirSync(dirname(program), { recursive: true });
  symlinkSync(node, program);
  for (const file of [archive, `${archive}.ok`, `${program}.ok`]) writeFileSync(file, '');
}

async function withEnvironment(changes: NodeJS.ProcessEnv, action: () => Promise<void>): Promise<void> {
  const before = { ...process.env };
  Object.assign(process.env, changes);
  try {
    await action();
  } finally {
    process.env = before;
  }
}

/** The binary's own answer to `version --client`; throws if it does not start. */
export function tryBinary(binary: string, target: Target): string {
  const { status, stdout, stderr } = runProgram(binary, target, ['version', '--client']);
  if (status !== 0) throw new Error(`${binary} version --client: ${stderr || `status ${status}`}`);
  return stdout.trim();
}
