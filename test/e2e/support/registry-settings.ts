import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE } from './stores.ts';

/** Debian's registry of images; `test/stores/build registry` fetches it. */
export const REGISTRY = join(CACHE, 'bin/docker-registry');
export const LOGIN = { user: 'puller', password: 'pull-secret' };
const HTPASSWD = 'puller:$2y$05$kR7vQ2mZ9xL4cT8wB1nYde.PWqMzkNMxlTRNPy5UtatLTqL27RHui';

/** Writes the settings of a registry that keeps its images in `data` and gives nothing without a login; returns their file. */
export function writeSettings(data: string, port: number, tls?: { certificate: string; key: string }): string {
  const [passwords, file] = [join(data, 'htpasswd'), join(data, 'config.yml')];
  writeFileSync(passwords, `${HTPASSWD}\n`);
  const settings = {
    version: '0.1',
    log: { level: 'error' },
    storage: { filesystem: { rootdirectory: data } },
    http: { addr: `127.0.0.1:${port}`, ...(tls && { tls }) },
    auth: { htpasswd: { realm: 'test', path: passwords } },
  };
  writeFileSync(file, JSON.stringify(settings));
  return file;
}
