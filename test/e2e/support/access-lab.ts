import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { apply, kubectl, namespace, STATE } from './cluster.ts';

export const NS = 'e2e-access';
export const CA = join(STATE, 'pki/ca.crt');
export const SERVER = 'https://10.240.0.1:6443';
const RBAC = 'rbac.authorization.k8s.io';

/** A file of an entry for each kind, as one kubeconfig; entries that are not given are left out. */
export type Config = { cluster?: object; user?: object; namespace?: string };

export type AccessLab = {
  directory: string;
  /** A token of the service account `reader`, which may list Jobs and pods in the namespace. */
  token: string;
  /** A certificate for user anna of group access-team, which may the same. */
  certificate: string;
  key: string;
  /** Writes a kubeconfig whose context, cluster and user have its name. Returns its path. */
  config(name: string, config: Config): string;
  write(name: string, content: string, mode?: number): string;
  end(): Promise<void>;
};

function binding(name: string, role: { kind: string; name: string }, subject: object): object {
  return {
    apiVersion: `${RBAC}/v1`,
    kind: 'RoleBinding',
    metadata: { name, namespace: NS },
    roleRef: { apiGroup: RBAC, ...role },
    subjects: [subject],
  };
}

function rights(): object[] {
  const rules = [
    { apiGroups: ['batch'], resources: ['jobs'], verbs: ['list'] },
    { apiGroups: [''], resources: ['pods'], verbs: ['list'] },
  ];
  const reader = { kind: 'ServiceAccount', name: 'reader', namespace: NS };
  const role = { kind: 'Role', name: 'reader' };
  const act = (resources: string[], resourceNames: string[], apiGroups = ['']) => ({
    ...{ apiGroups, resources, resourceNames, verbs: ['impersonate'] },
  });
  const impersonator = {
    apiVersion: `${RBAC}/v1`,
    kind: 'ClusterRole',
    metadata: { name: 'e2e-access-impersonator' },
    rules: [
      act(['users'], ['bob']),
      act(['groups'], ['access-team', 'others']),
      act(['uids'], ['42'], ['authentication.k8s.io']),
      act(['userextras/scopes'], ['view', 'edit'], ['authentication.k8s.io']),
    ],
  };
  const allowed = {
    ...{ apiVersion: `${RBAC}/v1`, kind: 'ClusterRoleBinding', metadata: { name: 'e2e-access-impersonator' } },
    roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: 'e2e-access-impersonator' },
    subjects: [reader],
  };
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'reader', namespace: NS } },
    { apiVersion: `${RBAC}/v1`, kind: 'Role', metadata: { name: 'reader', namespace: NS }, rules },
    binding('reader', role, reader),
    binding('team', role, { apiGroup: RBAC, kind: 'Group', name: 'access-team' }),
    ...[impersonator, allowed],
  ];
}

/** Makes a namespace with users of few rights, their credentials, and a folder for configurations. */
export async function startAccessLab(): Promise<AccessLab> {
  const directory = mkdtempSync(join(tmpdir(), 'retina-access-'));
  const clean = await namespace(NS);
  await apply(...rights());
  const write = (name: string, content: string, mode = 0o600): string => {
    const path = join(directory, name);
    writeFileSync(path, content, { mode });
    return path;
  };
  return {
    directory,
    token: await kubectl('create', 'token', 'reader', '-n', NS),
    ...(await clientCertificate(directory)),
    config: (name, config) => write(name, toConfig(name, config)),
    write,
    end: async () => {
      rmSync(directory, { recursive: true });
      await kubectl('delete', 'clusterrole,clusterrolebinding', 'e2e-access-impersonator');
      await clean();
    },
  };
}

function toConfig(name: string, { cluster, user, namespace: ns }: Config): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server: SERVER, 'certificate-authority': CA, ...cluster } }],
    users: [{ name, user: user ?? {} }],
    contexts: [{ name, context: { cluster: name, user: name, namespace: ns ?? NS } }],
    'current-context': name,
  });
}

async function clientCertificate(directory: string): Promise<{ certificate: string; key: string }> {
  const [key, certificate] = [join(directory, 'anna.key'), join(directory, 'anna.crt')];
  const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-keyout', key, '-out', certificate];
  const signed = ['-CA', CA, '-CAkey', join(STATE, 'pki/ca.key'), '-days', '2', '-subj', '/O=access-team/CN=anna'];
  await execa('openssl', ['req', '-x509', ...made, ...signed, '-addext', 'basicConstraints=critical,CA:FALSE']);
  return { certificate, key };
}

export type Listening = { url: string; close(): void };

async function listen(server: net.Server, scheme: string, sockets: Set<net.Socket>): Promise<Listening> {
  server.on('connection', (socket: net.Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as net.AddressInfo;
  return {
    url: `${scheme}://127.0.0.1:${port}`,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** An HTTP proxy that makes tunnels, and records what for; with a status, it refuses them all. */
export async function startProxy(refusal?: number): Promise<Listening & { asked: string[]; authorization: string[] }> {
  const asked: string[] = [];
  const authorization: string[] = [];
  const sockets = new Set<net.Socket>();
  const server = http.createServer((_request, response) => void response.writeHead(400).end());
  server.on('connect', (request, client: net.Socket, head) => {
    asked.push(request.url ?? '');
    authorization.push(request.headers['proxy-authorization'] ?? '');
    if (refusal !== undefined) return void client.end(`HTTP/1.1 ${refusal} Refused\r\ncontent-length: 0\r\n\r\n`);
    const { hostname, port } = new URL(`http://${request.url}`);
    const target = net.connect(Number(port), hostname, () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      target.write(head);
      target.pipe(client).pipe(target);
    });
    sockets.add(target);
    target.on('error', () => client.destroy());
    client.on('error', () => target.destroy());
  });
  return { ...(await listen(server, 'http', sockets)), asked, authorization };
}

export type Seen = { path: string; headers: http.IncomingHttpHeaders; encoding: string | undefined; bytes: number };

/** A plain HTTP front of the API server that asks as admin, and records what it was sent and what it sent back. */
export async function startFront(): Promise<Listening & { seen: Seen[] }> {
  const seen: Seen[] = [];
  const token = /token: (\w+)/.exec(readFileSync(join(STATE, 'kubeconfig'), 'utf8'))?.[1];
  const ca = readFileSync(CA);
  const server = http.createServer((request, response) => {
    const headers = { ...request.headers, authorization: `Bearer ${token}` };
    const onward = https.request(`${SERVER}${request.url}`, { method: request.method, headers, ca }, (answer) => {
      const entry = { path: request.url ?? '', headers: request.headers, bytes: 0 };
      const record: Seen = { ...entry, encoding: answer.headers['content-encoding'] };
      seen.push(record);
      answer.on('data', (chunk: Buffer) => {
        record.bytes += chunk.length;
      });
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    request.pipe(onward);
  });
  return { ...(await listen(server, 'http', new Set())), seen };
}
