import { readFileSync } from 'node:fs';
import { load } from 'js-yaml';

type Config = {
  clusters: [{ cluster: { server: string; 'certificate-authority-data': string } }];
  users: [{ user: { token: string } }];
};

/** The connection of KUBECONFIG, with a token, as the test cluster's is. */
export function connection(): { server: string; ca: Buffer; headers: Record<string, string> } {
  const { clusters, users } = load(readFileSync(process.env.KUBECONFIG ?? '', 'utf8')) as Config;
  const { server, 'certificate-authority-data': authority } = clusters[0].cluster;
  const headers = { authorization: `Bearer ${users[0].user.token}`, 'content-type': 'application/json' };
  return { server, ca: Buffer.from(authority, 'base64'), headers };
}
