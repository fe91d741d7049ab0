import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import type { NodeName } from './cluster.ts';
import { until } from './cluster.ts';
import { CACHE } from './stores.ts';

export const LOGIN = { user: 'puller', password: 'pull-secret' };
const HTPASSWD = 'puller:$2y$05$kR7vQ2mZ9xL4cT8wB1nYde.PWqMzkNMxlTRNPy5UtatLTqL27RHui';

/**
 * A registry that gives nothing without a login, on a node's own loopback address: that is where containerd takes
 * images without TLS from, whatever its settings.
 */
export async function startRegistry(node: NodeName, port: number) {
  const data = mkdtempSync(join(tmpdir(), 'retina-registry-'));
  const [passwords, config] = [join(data, 'htpasswd'), join(data, 'config.yml')];
  writeFileSync(passwords, `${HTPASSWD}\n`);
  const settings = {
    version: '0.1',
    log: { level: 'error' },
    storage: { filesystem: { rootdirectory: data } },
    http: { addr: `127.0.0.1:${port}` },
    auth: { htpasswd: { realm: 'test', path: passwords } },
  };
  writeFileSync(config, JSON.stringify(settings));
  const onNode = (...command: readonly string[]) => [`--net=/run/netns/retina-${node}`, ...command];
  const program = join(CACHE, 'bin/docker-registry');
  const child: ChildProcess = spawn('nsenter', onNode(program, 'serve', config), { stdio: 'ignore' });
  const host = `localhost:${port}`;
  const answers = async () => {
    const { stdout } = await execa('nsenter', onNode('curl', '-s', `http://${host}/v2/`), { reject: false });
    return stdout.includes('UNAUTHORIZED');
  };
  await until(`a registry that wants a login answers on ${node}`, answers);
  return {
    host,
    /**
     * Imports an OCI archive, as a user does it beside the registry, with another author in its configuration: what a
     * kubelet has pulled with a Secret it gives to no pod without, by any name, and other tests need the very image.
     */
    push: async (archive: string, name: string) => {
      const layout = join(data, 'layout');
      await withAuthor(archive, layout);
      const login = ['--dest-creds', `${LOGIN.user}:${LOGIN.password}`, '--dest-tls-verify=false'];
      const copy = ['skopeo', 'copy', '--quiet', ...login, `oci:${layout}`, `docker://${host}/${name}`];
      await execa('nsenter', onNode(...copy));
    },
    end: async () => {
      await new Promise((resolve) => child.once('exit', resolve).kill('SIGKILL'));
      rmSync(data, { recursive: true });
    },
  };
}

/** Unpacks an OCI archive into a layout whose image differs from it in the author alone. */
async function withAuthor(archive: string, layout: string): Promise<void> {
  mkdirSync(layout);
  await execa('tar', ['-xf', archive, '-C', layout]);
  const blob = (digest: string): string => join(layout, 'blobs/sha256', digest.replace('sha256:', ''));
  const read = (path: string) => JSON.parse(readFileSync(path, 'utf8'));
  const keep = (document: object): { digest: string; size: number } => {
    const text = JSON.stringify(document);
    const digest = `sha256:${createHash('sha256').update(text).digest('hex')}`;
    writeFileSync(blob(digest), text);
    return { digest, size: Buffer.byteLength(text) };
  };
  const index = read(join(layout, 'index.json'));
  const manifest = read(blob(index.manifests[0].digest));
  Object.assign(manifest.config, keep({ ...read(blob(manifest.config.digest)), author: 'a test' }));
  Object.assign(index.manifests[0], keep(manifest));
  writeFileSync(join(layout, 'index.json'), JSON.stringify(index));
}
