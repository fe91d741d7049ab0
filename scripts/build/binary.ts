import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { log } from '@yao-pkg/pkg/lib-es5/log.js';
import pkg from '@yao-pkg/pkg/lib-es5/sea.js';
import type { Target } from './targets.ts';

/**
 * Runs before the caches are taken. None needs a network or a cluster: the ones that ask a cluster are refused by this
 * machine, after they have loaded all the code that a request needs.
 */
const warmUps: readonly (readonly string[])[] = [
  ['--help'],
  ['capture', '--help'],
  ['capture', 'create', '--help'],
  ['capture', 'list'],
  ['capture', 'create', '--name', 'warm-up', '--node-names', 'none', '--duration', '1s'],
  ['version', '--client'],
  ['__complete', 'capture', 'status', ''],
];

const kubeconfig = `apiVersion: v1
kind: Config
current-context: none
clusters: [{name: none, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: none, user: {token: none}}]
contexts: [{name: none, context: {cluster: none, user: none}}]
`;

/** Node without its symbols, which are a fifth of it; as it is if there is no `strip`, or if that breaks it. */
export function stripNode(source: string, target: Target, work: string): string {
  const stripped = join(work, `node-${target.name}`);
  const done = spawnSync('strip', ['--strip-all', '-o', stripped, source]).status === 0;
  const check = done && target.runner ? runNode(stripped, target, ['--version']).stdout.trim() : '';
  if (check === `v${target.nodeVersion}`) return stripped;
  copyFileSync(source, stripped);
  chmodSync(stripped, 0o755);
  const found = runNode(stripped, target, ['--version']).stdout.trim();
  if (target.runner && found !== `v${target.nodeVersion}`)
    throw new Error(`${source} is Node ${found}, expected ${target.nodeVersion}: run make deps`);
  return stripped;
}

/** Runs the program from its chunks, which leaves their code caches beside them. Returns the number of caches. */
export function warmCaches(node: string, target: Target, chunks: string, scripts: string): number {
  if (!target.runner) return 0;
  const home = join(chunks, '..', `home-${target.name}`);
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, 'kubeconfig'), kubeconfig);
  const env = { PATH: process.env.PATH, HOME: home, KUBECONFIG: join(home, 'kubeconfig') };
  for (const args of warmUps)
    runNode(node, target, ['--random-seed=1', join(scripts, 'warm.cjs'), chunks, ...args], env);
  return readdirSync(chunks).filter((file) => file.endsWith('.cache')).length;
}

function runNode(node: string, target: Target, args: readonly string[], env: NodeJS.ProcessEnv = process.env) {
  const [command, ...rest] = [...(target.runner ?? []), node, ...args];
  return spawnSync(command ?? node, rest, {
    env,
    encoding: 'utf8',
    timeout: 30_000,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** Puts the chunks and their caches into a copy of Node. `work` is a temporary folder. */
export async function packBinary(node: string, target: Target, options: PackOptions): Promise<void> {
  seedPkgCache(node, target, options.work);
  const assets = readdirSync(options.chunks).map((file) => [file, join(options.chunks, file)]);
  const seaConfig = {
    disableExperimentalSEAWarning: true,
    useSnapshot: false,
    useCodeCache: false, // it would warn on a machine that rejects it; ours are silent
    execArgvExtension: 'none', // or Node would obey the user's NODE_OPTIONS
    assets: Object.fromEntries(assets),
  };
  const output = join(options.work, `binary-${target.name}`);
  const { platform, arch } = target;
  log.info = () => {}; // its warnings and errors still show
  await withHome(join(options.work, 'home'), () =>
    pkg.default(join(options.scripts, 'loader.cjs'), {
      signature: true,
      targets: [{ platform, arch, nodeRange: `node${target.nodeVersion}`, output }],
      seaConfig,
    }),
  );
  chmodSync(output, 0o755);
  mkdirSync(dirname(options.output), { recursive: true });
  renameSync(output, options.output);
}

export interface PackOptions {
  readonly work: string;
  readonly chunks: string;
  readonly scripts: string;
  readonly output: string;
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

async function withHome(home: string, action: () => Promise<void>): Promise<void> {
  const before = process.env.HOME;
  process.env.HOME = home;
  try {
    await action();
  } finally {
    if (before === undefined) delete process.env.HOME;
    else process.env.HOME = before;
  }
}

/** The binary's own answer to `version --client`; throws if it does not start. */
export function tryBinary(binary: string): string {
  return execFileSync(binary, ['version', '--client'], { encoding: 'utf8', timeout: 30_000 }).trim();
}
