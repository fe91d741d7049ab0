import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { apply, namespace, STATE } from './cluster.ts';
import { writeConfigs } from './wrong-files.ts';

/** Where the cases act: captures, pods and nothing else of ours. */
export const NS = 'e2e-wrong';
/** A namespace without pods. */
export const EMPTY = 'e2e-wrong-empty';
/** A capture that exists: its Job is suspended, so it has no pod. */
export const TAKEN = 'taken';
/** When the client certificate of the lab expired. */
export const EXPIRED = '2024-02-02T03:04:05';

export type Lab = {
  /** URLs and paths by the names that the cases use. */
  made: ReadonlyMap<string, string>;
  end(): Promise<void>;
};

/** Pods that are never bound to a node: their labels are all that counts. */
function labelledPod(name: string, app: string): object {
  return {
    ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: NS, labels: { app } } },
    spec: { schedulingGates: [{ name: 'test/never' }], containers: [{ name: 'c', image: 'localhost/debian:test' }] },
  };
}

function takenJob(): object {
  const labels = { 'retina.sh/app': 'capture', 'capture-name': TAKEN };
  const pod = { restartPolicy: 'Never', containers: [{ name: 'capture', image: 'localhost/debian:test' }] };
  return {
    ...{ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'taken-node1', namespace: NS, labels } },
    spec: { suspend: true, template: { metadata: { labels }, spec: pod } },
  };
}

async function listen(server: net.Server): Promise<string> {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return `127.0.0.1:${(server.address() as net.AddressInfo).port}`;
}

/** Makes namespaces, pods, servers, keys and files for the cases. */
export async function startLab(): Promise<Lab> {
  const directory = mkdtempSync(join(tmpdir(), 'retina-wrong-'));
  const clean = await Promise.all([namespace(NS), namespace(EMPTY)]);
  const web = ['web-1', 'web-2', 'web-3'].map((name) => labelledPod(name, 'web'));
  await apply(...web, labelledPod('db-1', 'db'), takenJob());
  const sockets = new Set<net.Socket>();
  const mute = net.createServer((socket) => void sockets.add(socket));
  const page = http.createServer((_request, response) => void response.end('<html>Please log in</html>'));
  const deaf = http.createServer();
  deaf.on('connect', (_request, socket) => void socket.end('HTTP/1.1 407 No\r\ncontent-length: 0\r\n\r\n'));
  const proxy = await listen(deaf);
  const silent = await listen(mute);
  const shown = await listen(page);
  const stranger = await selfSigned(directory);
  const expired = await expiredCertificate(directory);
  const configs = await writeConfigs(directory, { ...expired, other: stranger.key });
  return {
    made: new Map([
      ...configs,
      ...Object.entries({ directory, stranger: stranger.certificate }),
      ...Object.entries({ silent: `https://${silent}`, page: `http://${shown}`, 'page-tls': `https://${shown}` }),
      ['refusing-proxy', `http://${proxy}`],
    ]),
    end: async () => {
      for (const socket of sockets) socket.destroy();
      mute.close();
      for (const server of [page, deaf]) {
        server.closeAllConnections();
        server.close();
      }
      rmSync(directory, { recursive: true });
      await Promise.all(clean.map((remove) => remove()));
    },
  };
}

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc'];

type Pair = { certificate: string; key: string };

/** An authority that has signed nothing here. */
async function selfSigned(directory: string): Promise<Pair> {
  const pair = { certificate: join(directory, 'stranger.crt'), key: join(directory, 'stranger.key') };
  const out = ['-keyout', pair.key, '-out', pair.certificate];
  await execa('openssl', ['req', '-x509', ...KEY, ...out, '-subj', '/CN=stranger', '-days', '2']);
  return pair;
}

/** A client certificate by the cluster's own authority. Only `openssl ca` can date it back. */
async function expiredCertificate(directory: string): Promise<Pair> {
  const at = (name: string): string => join(directory, name);
  mkdirSync(at('ca'));
  writeFileSync(at('ca/db'), '');
  const settings = ['[ca]', 'default_ca=d', '[d]', `database=${at('ca/db')}`, `new_certs_dir=${at('ca')}`];
  writeFileSync(
    at('ca/cnf'),
    [...settings, 'rand_serial=yes', 'default_md=sha256', 'policy=p', '[p]', 'commonName=supplied'].join('\n'),
  );
  const [key, request, certificate] = [at('late.key'), at('late.csr'), at('late.crt')];
  await execa('openssl', ['req', '-new', ...KEY, '-keyout', key, '-out', request, '-subj', '/CN=late']);
  const authority = ['-cert', join(STATE, 'pki/ca.crt'), '-keyfile', join(STATE, 'pki/ca.key')];
  const stamp = `${EXPIRED.replace(/\D/g, '')}Z`;
  const dates = ['-startdate', '20240101000000Z', '-enddate', stamp];
  const files = ['-config', at('ca/cnf'), '-in', request, '-out', certificate];
  await execa('openssl', ['ca', '-batch', '-notext', ...files, ...authority, ...dates]);
  return { certificate, key };
}
