import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import {
  AbortMultipartUploadCommand,
  CreateBucketCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { BlobServiceClient, ContainerSASPermissions, StorageSharedKeyCredential } from '@azure/storage-blob';
import { execa } from 'execa';
import { until } from './cluster.ts';

/** The address of the clients' namespace: what listens there is reached by the nodes, and by nothing else. */
export const HOST = '10.240.0.1';
export const CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'retina-testcluster/stores');

/** A server that runs until it is stopped; its data goes with it. */
export type Server = { url: string; start(): Promise<void>; stop(): Promise<void>; end(): Promise<void> };

/** Real credentials in every respect, but for the server that knows them. */
export const S3_KEYS = { accessKeyId: 'AKIATESTROOT', secretAccessKey: 'test-root-secret/+=%42' };
const ACCOUNT = 'devstoreaccount1';
const ACCOUNT_KEY = Buffer.from('the key of an account that exists in tests alone').toString('base64');

/** Ways into the stores of this test, by the location that the program prints; they reject what they do not hold. */
const insides: ((location: URL) => Promise<Buffer>)[] = [];

/** What lies at a location in a store of this test; undefined where none can be asked. */
export async function fromStores(location: string): Promise<Buffer | undefined> {
  for (const inside of insides) {
    const bytes = await inside(new URL(location)).catch(() => undefined);
    if (bytes !== undefined) return bytes;
  }
  return undefined;
}

export function server(
  port: number,
  path: string,
  command: (data: string) => { argv: string[]; env?: Record<string, string> },
  scheme: 'http' | 'https' = 'http',
): Server {
  const data = mkdtempSync(join(tmpdir(), 'retina-store-'));
  const url = `${scheme}://${HOST}:${port}`;
  let child: ChildProcess | undefined;
  const stop = async (): Promise<void> => {
    const running = child;
    child = undefined;
    if (running === undefined || running.exitCode !== null) return;
    await new Promise((resolve) => running.once('exit', resolve).kill('SIGKILL'));
  };
  return {
    url,
    start: async () => {
      const { argv, env } = command(data);
      const [program = '', ...args] = argv;
      child = spawn(program, args, { env: { ...process.env, ...env }, stdio: 'ignore' });
      const answers = () =>
        fetch(url + path).then(
          () => true,
          // Whoever shows a certificate that nobody knows is there.
          ({ cause }) => cause?.code === 'DEPTH_ZERO_SELF_SIGNED_CERT',
        );
      await until(`${program} answers on ${url}`, answers, 60);
    },
    stop,
    end: async () => {
      await stop();
      rmSync(data, { recursive: true, force: true });
    },
  };
}

/** Writes a certificate for the address of stores, of an authority that nobody knows, and its key into a directory. */
export async function certify(directory: string): Promise<{ certificate: string; key: string }> {
  const tls = { certificate: join(directory, 'ca.crt'), key: join(directory, 'tls.key') };
  const subject = ['-subj', '/CN=store of a test', '-addext', `subjectAltName=IP:${HOST}`];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', tls.key];
  await execa('openssl', ['req', '-x509', '-days', '2', '-out', tls.certificate, ...key, ...subject]);
  return tls;
}

/** How a server of S3 is run: by TLS, with connections that stay open as those of AWS do, or with users of another process. */
type Manner = { tls?: { certificate: string; key: string }; keepAlive?: boolean; iamSocket?: string };
export const VERSITYGW = join(CACHE, 'bin/versitygw');
export const ROOT_ENV = { ROOT_ACCESS_KEY: S3_KEYS.accessKeyId, ROOT_SECRET_KEY: S3_KEYS.secretAccessKey };

/** versitygw: a real S3 server, which checks signatures and checksums. */
export function s3Server(port: number, { tls, keepAlive = false, iamSocket }: Manner = {}) {
  const running = server(
    port,
    '/healthz',
    (data) => {
      for (const name of ['iam', 'side', 'data']) mkdirSync(join(data, name), { recursive: true });
      const secure = tls === undefined ? [] : ['--cert', tls.certificate, '--key', tls.key];
      const users = iamSocket === undefined ? ['--iam-dir', `${data}/iam`] : ['--iam-standalone-endpoint', iamSocket];
      const listen = [
        '-q',
        '--port',
        `${HOST}:${port}`,
        '--health',
        '/healthz',
        ...(keepAlive ? ['--keep-alive'] : []),
      ];
      const paths = ['posix', '--sidecar', `${data}/side`, `${data}/data`];
      return { argv: [VERSITYGW, ...listen, ...secure, ...users, '--iam-cache-disable', ...paths], env: ROOT_ENV };
    },
    tls === undefined ? 'http' : 'https',
  );
  const client = new S3Client({
    region: 'us-east-1',
    endpoint: running.url,
    forcePathStyle: true,
    credentials: S3_KEYS,
    ...(tls === undefined ? {} : { requestHandler: { httpsAgent: { ca: readFileSync(tls.certificate) } } }),
  });
  const read = async (Bucket: string, Key: string): Promise<Buffer> => {
    const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
    return Buffer.from((await Body?.transformToByteArray()) ?? []);
  };
  insides.push(({ protocol, host, pathname }) =>
    protocol === 's3:' ? read(host, decodeURIComponent(pathname.slice(1))) : Promise.reject(new Error('not of S3')),
  );
  return {
    ...running,
    /** Adds a user, who may do with the objects of a bucket what is named, and nothing else. */
    addUser: async (Bucket: string, keys: typeof S3_KEYS, Action: readonly string[]) => {
      const admin = [
        'admin',
        '-a',
        S3_KEYS.accessKeyId,
        '-s',
        S3_KEYS.secretAccessKey,
        '-er',
        running.url,
        'create-user',
      ];
      await execa(VERSITYGW, [...admin, '-a', keys.accessKeyId, '-s', keys.secretAccessKey, '-r', 'user']);
      const Principal = { AWS: [keys.accessKeyId] };
      const Statement = [{ Effect: 'Allow', Principal, Action, Resource: `arn:aws:s3:::${Bucket}/*` }];
      const Policy = JSON.stringify({ Version: '2012-10-17', Statement });
      await client.send(new PutBucketPolicyCommand({ Bucket, Policy }));
    },
    makeBucket: (Bucket: string) => client.send(new CreateBucketCommand({ Bucket })),
    /** Names of the objects, sorted. */
    names: async (Bucket: string) =>
      ((await client.send(new ListObjectsV2Command({ Bucket }))).Contents ?? []).map(({ Key = '' }) => Key).sort(),
    /** Multipart uploads that were neither completed nor taken back. */
    unfinished: async (Bucket: string) =>
      ((await client.send(new ListMultipartUploadsCommand({ Bucket }))).Uploads ?? []).map(({ Key = '' }) => Key),
    write: (Bucket: string, Key: string, Body: Buffer) => client.send(new PutObjectCommand({ Bucket, Key, Body })),
    /** Takes an unfinished upload back, behind the back of whoever sends it, once so many of its parts are there. */
    takeBack: async (Bucket: string, Key: string, parts: number) => {
      const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket, Prefix: Key }));
      const [upload] = Uploads;
      if (upload === undefined) return false;
      const { Parts = [] } = await client.send(new ListPartsCommand({ Bucket, Key, UploadId: upload.UploadId }));
      if (Parts.length < parts) return false;
      await client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId: upload.UploadId }));
      return true;
    },
    metadata: async (Bucket: string, Key: string) =>
      (await client.send(new HeadObjectCommand({ Bucket, Key }))).Metadata ?? {},
    read,
  };
}

/** azurite: Microsoft's own server of Azure Blob for tests. By TLS, it also takes the tokens of identities. */
export function blobServer(port: number, tls?: { certificate: string; key: string }) {
  const secure = tls === undefined ? [] : ['--oauth', 'basic', '--cert', tls.certificate, '--key', tls.key];
  const running = server(
    port,
    `/${ACCOUNT}?comp=list`,
    (data) => ({
      argv: [
        ...[process.execPath, join(CACHE, 'azurite/node_modules/azurite/dist/src/blob/main.js')],
        ...['--blobHost', HOST, '--blobPort', String(port), '--location', data],
        ...['--silent', '--disableTelemetry', '--skipApiVersionCheck', ...secure],
      ],
      env: { AZURITE_ACCOUNTS: `${ACCOUNT}:${ACCOUNT_KEY}` },
    }),
    tls === undefined ? 'http' : 'https',
  );
  const credential = new StorageSharedKeyCredential(ACCOUNT, ACCOUNT_KEY);
  // The SDK of Azure takes no certificates of its own.
  if (tls !== undefined) setDefaultCACertificates([...getCACertificates(), readFileSync(tls.certificate, 'utf8')]);
  const service = new BlobServiceClient(`${running.url}/${ACCOUNT}`, credential);
  const read = (container: string, name: string): Promise<Buffer> =>
    service.getContainerClient(container).getBlobClient(name).downloadToBuffer();
  insides.push(({ pathname }) => {
    const [, , container = '', ...name] = decodeURIComponent(pathname).split('/');
    return read(container, name.join('/'));
  });
  return {
    ...running,
    account: `${running.url}/${ACCOUNT}`,
    makeContainer: (name: string) => service.createContainer(name),
    /** A SAS URL of a container; by default it may only write, for an hour. */
    sas: (container: string, options: { permissions?: string; seconds?: number } = {}) =>
      service.getContainerClient(container).generateSasUrl({
        permissions: ContainerSASPermissions.parse(options.permissions ?? 'w'),
        startsOn: new Date(Date.now() - 3_600_000),
        expiresOn: new Date(Date.now() + (options.seconds ?? 3600) * 1000),
      }),
    /** A SAS URL that says nothing of itself: a stored access policy of the container, of that name, has rights and time. */
    policySas: async (container: string, name: string, policy: { permissions: string; seconds: number }) => {
      const client = service.getContainerClient(container);
      const { signedIdentifiers } = await client.getAccessPolicy();
      const startsOn = new Date(Date.now() - 3_600_000);
      const expiresOn = new Date(Date.now() + policy.seconds * 1000);
      const accessPolicy = { permissions: policy.permissions, startsOn, expiresOn };
      await client.setAccessPolicy(undefined, [...signedIdentifiers, { id: name, accessPolicy }]);
      return client.generateSasUrl({ identifier: name });
    },
    names: async (container: string) => {
      const names: string[] = [];
      for await (const blob of service.getContainerClient(container).listBlobsFlat()) names.push(blob.name);
      return names.sort();
    },
    metadata: async (container: string, name: string) =>
      (await service.getContainerClient(container).getBlobClient(name).getProperties()).metadata ?? {},
    read,
  };
}
