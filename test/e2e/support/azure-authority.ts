import { readFileSync } from 'node:fs';
import { createServer as createPlainServer, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer } from 'node:https';
import { execa } from 'execa';
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
    const subject = await subjectOf(form.get('client_assertion') ?? '');
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

/** Whose token it is, as the API server says; empty where it is nobody's. */
async function subjectOf(federated: string): Promise<string> {
  const review = {
    ...{ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview' },
    spec: { token: federated, audiences: [AUDIENCE] },
  };
  const { stdout } = await execa('kubectl', ['create', '-f', '-', '-o', 'json'], { input: JSON.stringify(review) });
  return JSON.parse(stdout).status.user?.username ?? '';
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

/**
 * What Azure's webhook does to pods that ask for it by their label, for one service account of one namespace: here an
 * admission policy does it, which also brings the certificate of the authority in. With other variables, its pods find
 * the metadata service of a machine.
 */
export function identityPolicy(namespace: string, account: string, env: Record<string, string>): object[] {
  const metadata = { name: `${namespace}-${account}` };
  const api = { apiVersion: 'admissionregistration.k8s.io/v1', metadata };
  const rule = { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] };
  const pods = {
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
    objectSelector: { matchLabels: { 'azure.workload.identity/use': 'true' } },
    resourceRules: [rule],
  };
  const variables = Object.entries({ ...env, NODE_EXTRA_CA_CERTS: '/azure/ca/ca.crt' });
  const serviceAccountToken = { audience: AUDIENCE, expirationSeconds: 3600, path: 'azure-identity-token' };
  const volumes = [
    { name: 'ca', configMap: { name: 'authority' } },
    { name: 'token', projected: { sources: [{ serviceAccountToken }] } },
  ];
  const added: [path: string, value: unknown][] = [
    ['containers/0/env', variables.map(([name, value]) => ({ name, value }))],
    ...volumes.flatMap((volume): [string, unknown][] => [
      ['volumes/-', volume],
      ['containers/0/volumeMounts/-', { name: volume.name, mountPath: `/azure/${volume.name}`, readOnly: true }],
    ]),
  ];
  const patches = added.map(([path, value]) => `JSONPatch{op: 'add', path: '/spec/${path}', value: ${celOf(value)}}`);
  const policy = {
    failurePolicy: 'Fail',
    reinvocationPolicy: 'Never',
    matchConstraints: pods,
    matchConditions: [{ name: 'account', expression: `object.spec.serviceAccountName == '${account}'` }],
    mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression: `[${patches}]` } }],
  };
  return [
    { ...api, kind: 'MutatingAdmissionPolicy', spec: policy },
    { ...api, kind: 'MutatingAdmissionPolicyBinding', spec: { policyName: metadata.name } },
  ];
}

/** Whether a pod of the account would get what the policy adds: API servers hear of a new one a little later. */
export async function changesPods(namespace: string, serviceAccountName: string): Promise<boolean> {
  const labels = { 'azure.workload.identity/use': 'true' };
  const volumeMounts = [{ name: 'x', mountPath: '/x' }];
  const pod = {
    ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'tried', namespace, labels } },
    spec: {
      serviceAccountName,
      containers: [{ name: 'capture', image: 'x', volumeMounts }],
      volumes: [{ name: 'x', emptyDir: {} }],
    },
  };
  const tried = ['create', '-f', '-', '--dry-run=server', '-o', 'json'];
  const { stdout } = await execa('kubectl', tried, { input: JSON.stringify(pod) });
  return stdout.includes('AZURE_');
}

/** A value as CEL, whose maps would have values of one type alone. */
function celOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(celOf)}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return `{${Object.entries(value).map(([key, each]) => `'${key}': dyn(${celOf(each)})`)}}`;
}
