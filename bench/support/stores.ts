import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import {
  AccountSASPermissions,
  AccountSASResourceTypes,
  AccountSASServices,
  generateAccountSASQueryParameters,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import { execa } from 'execa';
import { KEY_BLOB_URL } from '../../src/capture/names.ts';
import type { DestinationSpec } from '../../src/capture/workload-spec.ts';
import type { Lab } from '../../test/local/lab.ts';
import { writeKeys } from './keys.ts';

const CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'retina-testcluster/stores');
export const KEYS = { id: 'AKIABENCH', secret: 'bench-secret' };
const ACCOUNT = { name: 'bench', key: Buffer.from('the key of an account of benchmarks alone').toString('base64') };
const PATIENT = ['-sf', '--retry', '50', '--retry-connrefused', '--retry-delay', '1'];
export const S3_URL = 'http://127.0.0.1:9100';
const BLOB_URL = 'http://127.0.0.1:9101';

/** A place that is delivered to, in the lab's namespace. */
export type Place = { to: DestinationSpec; stop(): void };

/** The arguments by which `ip` runs a command in the lab's namespace. */
export function inside(lab: Lab, ...argv: string[]): string[] {
  return ['netns', 'exec', lab.namespace, ...argv];
}

/** A directory on the node. */
export async function directory(lab: Lab): Promise<Place> {
  const path = join(lab.directory, 'out');
  await mkdir(path, { recursive: true });
  return { to: { kind: 'host-path', path, directory: path }, stop: () => undefined };
}

/** versitygw, with a bucket. */
export async function s3(lab: Lab): Promise<Place> {
  const data = join(lab.directory, 'store');
  for (const name of ['side', 'data/evidence']) await mkdir(join(data, name), { recursive: true });
  const listen = ['-q', '--port', new URL(S3_URL).host, '--health', '/healthz', '--keep-alive'];
  const argv = [join(CACHE, 'bin/versitygw'), ...listen, 'posix', '--sidecar', `${data}/side`, `${data}/data`];
  const child = serve(lab, argv, { ROOT_ACCESS_KEY: KEYS.id, ROOT_SECRET_KEY: KEYS.secret });
  await execa('ip', inside(lab, 'curl', ...PATIENT, `${S3_URL}/healthz`));
  const access = { secret: 'keys', directory: await writeKeys(lab.directory, KEYS) };
  const store = { bucket: 'evidence', region: 'us-east-1', endpoint: S3_URL, prefix: '', ca: null };
  return { to: { kind: 's3', ...store, checksums: 'when_supported', access }, stop: () => void child.kill() };
}

/** Azurite, with a container. */
export async function blob(lab: Lab): Promise<Place> {
  const main = join(CACHE, 'azurite/node_modules/azurite/dist/src/blob/main.js');
  const listen = ['--blobHost', '127.0.0.1', '--blobPort', new URL(BLOB_URL).port, '--silent', '--disableTelemetry'];
  const argv = [process.execPath, main, ...listen, '--location', join(lab.directory, 'blobs'), '--skipApiVersionCheck'];
  const child = serve(lab, argv, { AZURITE_ACCOUNTS: `${ACCOUNT.name}:${ACCOUNT.key}` });
  const values = {
    permissions: AccountSASPermissions.parse('rwc'),
    services: AccountSASServices.parse('b').toString(),
    resourceTypes: AccountSASResourceTypes.parse('co').toString(),
    expiresOn: new Date(Date.now() + 86_400_000),
  };
  const sas = `${generateAccountSASQueryParameters(values, new StorageSharedKeyCredential(ACCOUNT.name, ACCOUNT.key))}`;
  const url = `${BLOB_URL}/${ACCOUNT.name}/evidence`;
  const make = ['-X', 'PUT', '-H', 'Content-Length: 0', `${url}?restype=container&${sas}`];
  await execa('ip', inside(lab, 'curl', ...PATIENT, ...make));
  const keys = join(lab.directory, 'sas');
  await mkdir(keys);
  await writeFile(join(keys, KEY_BLOB_URL), `${url}?${sas}`);
  return {
    to: { kind: 'blob', container: url, access: { secret: 'sas', directory: keys } },
    stop: () => void child.kill(),
  };
}

function serve(lab: Lab, argv: readonly string[], env: Record<string, string>): ChildProcess {
  return spawn('ip', inside(lab, ...argv), { env: { ...process.env, ...env }, stdio: 'ignore' });
}
