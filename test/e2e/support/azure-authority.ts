import { readFileSync } from 'node:fs';
import { createServer as createPlainServer, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer } from 'node:https';
import { changesPods, podPolicy, subjectOf } from './pod-policy.ts';
import { HOST } from './stores.ts';

const TENANT = '11111111-2222-3333-4444-555555555555';
const CLIENT = '99999999-8888-7777-6666-555555555555';
/** Whom Azure's webhook asks the API server for tokens for. */
const AUDIENCE = 'api://AzureADTokenExchange';

/** Who asked for a token, and what for. */
type Asked = { subject: string; form: URLSearchParams };

/**
 * An authority as Microsoft Entra is one: it takes the token of a Kubernetes service account, has the cluster check it,
 * and gives one for Azure. On the port after it, the metadata service of a machine that has a managed identity.
 */
export function azureAuthority(port: number, tls: { certificate: string; key: string }) {
  const asked: Asked[] = [];
  const state = { refuses: false };
  const base = `https://${HOST}:${port}/${TENANT}`;
  const endpoints = {
    issuer: `${base}/v2.0`,
    authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
    token_endpoint: `${base}/oauth2/v2.0/token`,
    jwks_uri: `${base}/discovery/v2.0/keys`,
  };
  const authority = answering(async (from) => {
    if (from.method === 'GET') return [200, endpoints];
    const form = new URLSearchParams(await textOf(from));
    const subject = await subjectOf(form.get('client_assertion') ?? '', AUDIENCE);
    asked.push({ subject, form });
    const granted = !state.refuses && subject !== '' && form.get('client_id') === CLIENT;
    const error = { error: 'invalid_client', error_description: 'AADSTS700213: No matching federated identity record' };
    return granted ? [200, { token_type: 'Bearer', expires_in: 3600, access_token: token() }] : [400, error];
  });
  const machine = answering(async (from) => {
    if (from.headers.metadata !== 'true') return [400, { error: 'invalid_request' }];
    return [200, { token_type: 'Bearer', expires_in: '3600', expires_on: `${later()}`, access_token: token() }];
  });
  const secure = createServer({ cert: readFileSync(tls.certificate), key: readFileSync(tls.key) }, authority);
  const plain = createPlainServer(machine);
  secure.listen(port, HOST);
  plain.listen(port + 1, HOST);
  return {
    asked,
    state,
    /** What the webhook gives a pod to know, whose token is in that file. */
    env: (file: string): Record<string, string> => ({
      AZURE_CLIENT_ID: CLIENT,
      AZURE_TENANT_ID: TENANT,
      AZURE_FEDERATED_TOKEN_FILE: file,
      AZURE_AUTHORITY_HOST: `https://${HOST}:${port}/`,
    }),
    machine: { AZURE_POD_IDENTITY_AUTHORITY_HOST: `http://${HOST}:${port + 1}` },
    end: () => {
      for (const server of [secure, plain]) {
        server.close();
        server.closeAllConnections();
      }
    },
  };
}

function answering(answer: (from: IncomingMessage) => Promise<[status: number, body: object]>): RequestListener {
  return async (from, to) => {
    const [status, body] = await answer(from);
    to.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
  };
}

async function textOf(from: IncomingMessage): Promise<string> {
  return Buffer.concat(await from.toArray()).toString();
}

const later = (): number => Math.floor(Date.now() / 1000) + 3600;

/** A token that azurite takes: it looks at what is said, and at no signature. */
function token(): string {
  const said = {
    aud: 'https://storage.azure.com',
    iss: `https://sts.windows.net/${TENANT}/`,
    oid: CLIENT,
    tid: TENANT,
  };
  const claims = { ...said, nbf: later() - 7200, iat: later() - 7200, exp: later() };
  const parts = [{ alg: 'none', typ: 'JWT' }, claims].map((part) =>
    Buffer.from(JSON.stringify(part)).toString('base64url'),
  );
  return [...parts, 'none'].join('.');
}

/** What pods that ask for an identity of Azure have. */
const LABELS = { 'azure.workload.identity/use': 'true' };

/**
 * What Azure's webhook does to pods that ask for it by their label, for one service account of one namespace: here an
 * admission policy does it, which also brings the certificate of the authority in. With other variables, its pods find
 * the metadata service of a machine.
 */
export function identityPolicy(namespace: string, account: string, env: Record<string, string>): object[] {
  const serviceAccountToken = { audience: AUDIENCE, expirationSeconds: 3600, path: 'azure-identity-token' };
  const volumes = [
    { name: 'ca', configMap: { name: 'authority' } },
    { name: 'token', projected: { sources: [{ serviceAccountToken }] } },
  ];
  const variables = { ...env, NODE_EXTRA_CA_CERTS: '/azure/ca/ca.crt' };
  return podPolicy([namespace, account], { env: variables, volumes, below: '/azure' }, LABELS);
}

/** Whether a pod of the account would get what the policy adds. */
export function changesPodsOfAzure(namespace: string, account: string): Promise<boolean> {
  return changesPods([namespace, account], 'AZURE_', LABELS);
}
