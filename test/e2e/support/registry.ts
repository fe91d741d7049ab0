import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { execa } from 'execa';
import type { NodeName } from './cluster.ts';
import { STATE, until } from './cluster.ts';
import { LOGIN, REGISTRY, writeSettings } from './registry-settings.ts';

/** The name of the test cluster, by which its nodes' namespaces begin. */
const CLUSTER = basename(STATE, '-testcluster');

/**
 * A registry that gives nothing without a login, on a node's own loopback address: that is where containerd takes
 * images without TLS from, whatever its settings.
 */
export async function startRegistry(node: NodeName, port: number) {
  const data = mkdtempSync(join(tmpdir(), 'retina-registry-'));
  const config = writeSettings(data, port);
  const onNode = (...command: readonly string[]) => [`--net=/run/netns/${CLUSTER}-${node}`, ...command];
  const child: ChildProcess = spawn('nsenter', onNode(REGISTRY, 'serve', config), { stdio: 'ignore' });
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
     * kubelet has pulled with a Secret it gives to no pod without, by any name, and other tests need the very image. The answer is its digest.
     */
    push: async (archive: string, name: string): Promise<string> => {
      const layout = join(data, 'layout');
      await withAuthor(archive, layout);
      const login = ['--dest-creds', `${LOGIN.user}:${LOGIN.password}`, '--dest-tls-verify=false'];
      const digest = join(data, 'digest');
      const copy = ['skopeo', 'copy', '--quiet', '--all', '--digestfile', digest, ...login];
      await execa('nsenter', onNode(...copy, `oci:${layout}`, `docker://${host}/${name}`));
      return readFileSync(digest, 'utf8').trim();
    },
    end: async () => {
      await new Promise((resolve) => child.once('exit', resolve).kill('SIGKILL'));
      rmSync(data, { recursive: true });
    },
  };
}

/** Unpacks an OCI archive into a layout whose images differ from it in the author alone. */
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
  const withChanged = (manifest: { config: object & { digest: string } }) => {
    const config = { ...manifest.config, ...keep({ ...read(blob(manifest.config.digest)), author: 'a test' }) };
    return keep({ ...manifest, config });
  };
  const top = read(join(layout, 'index.json'));
  const index = read(blob(top.manifests[0].digest));
  for (const image of index.manifests) Object.assign(image, withChanged(read(blob(image.digest))));
  Object.assign(top.manifests[0], keep(index));
  writeFileSync(join(layout, 'index.json'), JSON.stringify(top));
}
