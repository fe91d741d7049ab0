import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { kubectl } from './cluster.ts';

type Config = { users: object[]; clusters: { cluster: object }[] };

function withCluster(good: Config, more: object): object {
  const [first] = good.clusters;
  return { ...first, cluster: { ...first?.cluster, ...more } };
}

/** Writes configurations that are wrong, each in its own way, into a folder. Returns their paths by name. */
export async function writeConfigs(
  directory: string,
  expired: { certificate: string; key: string; other: string },
): Promise<[name: string, path: string][]> {
  const good = JSON.parse(await kubectl('config', 'view', '--raw', '--flatten', '-o', 'json')) as Config;
  const withUser = (user: object) => ({ ...good, users: [{ ...good.users[0], user }] });
  const plugin = (command: string, extra: object) => {
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', interactiveMode: 'Never', command, ...extra };
    return withUser({ exec });
  };
  const certificate = { 'client-certificate': expired.certificate };
  const context = { name: 'c', context: { cluster: 'gone', user: 'admin' } };
  const server = [{ ...good.clusters[0], cluster: { server: 'nonsense' } }];
  const files: Record<string, string | object> = {
    nobody: withUser({}),
    expired: withUser({ ...certificate, 'client-key': expired.key }),
    'no-key': withUser({ ...certificate, 'client-key': '/no/such.key' }),
    'other-key': withUser({ ...certificate, 'client-key': expired.other }),
    'plugin-missing': plugin('no-such-plugin', { installHint: 'See https://plugin.test' }),
    'plugin-fails': plugin('sh', { args: ['-c', 'echo noise >&2; echo "session expired, run: login" >&2; exit 3'] }),
    'plugin-nonsense': plugin('echo', { args: ['hi'] }),
    'plugin-empty': plugin('echo', { args: ['{"kind":"ExecCredential","status":{}}'] }),
    'plugin-mute': plugin('false', {}),
    'plugin-path': plugin('./no-such-plugin', {}),
    'lost-token': withUser({ tokenFile: 'lost-token-file' }),
    'dead-proxy': { ...good, clusters: [withCluster(good, { 'proxy-url': 'http://127.0.0.1:1' })] },
    'bad-proxy': { ...good, clusters: [withCluster(good, { 'proxy-url': 'ftp://me:SECRET@x' })] },
    broken: 'clusters: [\nusers: "\n token: SECRET',
    other: 'apiVersion: v1\nkind: Pod\nmetadata: {name: x}\n',
    empty: '',
    dangling: { clusters: [], contexts: [context], 'current-context': 'c' },
    'no-current': { clusters: [], contexts: [context] },
    'bad-server': { ...good, clusters: server },
  };
  return Object.entries(files).map(([name, content]) => {
    const path = join(directory, name);
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
    return [name, path];
  });
}
