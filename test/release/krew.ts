import { execFileSync } from 'node:child_process';
import { createReadStream, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, delimiter, join } from 'node:path';
import { execa } from 'execa';
import { folder, root } from './release.ts';

// Krew, with a home and an index of its own.

type Cleaner = { after(action: () => void): void };

/** The folder of Krew, its validator and kubectl; `make test-release` has built them. */
export function toolsFolder(): string {
  return execFileSync(join(root, 'test/release/tools'), { encoding: 'utf8' }).trim();
}

/** All files below a folder, sorted. */
export function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort();
}

/** Listens on this machine until the test ends; returns the address. */
export async function serve(t: Cleaner, listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Serves the archives of the release; returns Krew's manifest, but that it names them there. */
export async function serveRelease(t: Cleaner): Promise<string> {
  const url = await serve(t, (request, response) => {
    createReadStream(join(folder, basename(request.url ?? ''))).pipe(response);
  });
  const text = readFileSync(join(folder, 'krew-manifest.yaml'), 'utf8');
  return text.replaceAll(/uri: \S+(?=\/)/g, `uri: ${url}`);
}

/** An index of plugins in git, as Krew clones it. */
export async function makeIndex(index: string, plugins: Readonly<Record<string, string>>): Promise<string> {
  mkdirSync(join(index, 'plugins'), { recursive: true });
  writeFileSync(join(index, 'plugins/README'), 'git keeps no empty folder');
  for (const [name, manifest] of Object.entries(plugins)) writeFileSync(join(index, `plugins/${name}.yaml`), manifest);
  const git = (...args: readonly string[]) =>
    execa('git', ['-c', 'user.name=test', '-c', 'user.email=test@localhost', ...args], { cwd: index });
  await git('init', '--quiet');
  await git('add', '.');
  await git('commit', '--quiet', '--allow-empty', '--message', 'An index');
  return index;
}

/** What a user of Krew has: a home, Krew's folder in it, and both in PATH. */
export function makeUser(home: string, env: Readonly<Record<string, string>> = {}) {
  const [krewRoot, own] = [join(home, 'krew'), join(home, 'bin')];
  mkdirSync(own, { recursive: true });
  const PATH = [join(krewRoot, 'bin'), own, toolsFolder(), '/usr/bin', '/bin'].join(delimiter);
  // No question to the internet whether there is a newer Krew.
  const all = { PATH, HOME: home, KREW_ROOT: krewRoot, KREW_NO_UPGRADE_CHECK: '1', ...env };
  return {
    krewRoot,
    /** A folder of the user's own in PATH. */
    own,
    run: (command: string, ...args: readonly string[]) =>
      execa(command, args, { env: all, extendEnv: false, preferLocal: false, all: true, stdin: 'ignore' }),
  };
}
