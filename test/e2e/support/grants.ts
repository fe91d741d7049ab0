import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { CA, SERVER } from './access-lab.ts';
import { apply, kubectl, until } from './cluster.ts';

const GROUP = 'rbac.authorization.k8s.io';

export type Rule = { apiGroups: string[]; resources: string[]; verbs: string[]; resourceNames?: string[] };
export type Role = { apiVersion: string; kind: string; metadata: { name: string; namespace?: string }; rules: Rule[] };

/** A service account without rights, and a kubeconfig by which its token is used. */
export type Account = { user: string; kubeconfig: string; end(): Promise<void> };

/** Makes a service account, and a kubeconfig for it. */
export async function makeAccount(namespace: string, name: string): Promise<Account> {
  const directory = mkdtempSync(join(tmpdir(), 'retina-account-'));
  await apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } });
  const token = await kubectl('create', 'token', name, '-n', namespace);
  const kubeconfig = join(directory, 'kubeconfig');
  const config = {
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'x' },
    clusters: [{ name: 'x', cluster: { server: SERVER, 'certificate-authority': CA } }],
    users: [{ name: 'x', user: { token } }],
    contexts: [{ name: 'x', context: { cluster: 'x', user: 'x', namespace } }],
  };
  writeFileSync(kubeconfig, JSON.stringify(config), { mode: 0o600 });
  return {
    user: `system:serviceaccount:${namespace}:${name}`,
    kubeconfig,
    end: async () => rmSync(directory, { recursive: true }),
  };
}

/** Gives a user rules in a namespace; they go with it. */
export async function allow(namespace: string, user: string, rules: readonly Rule[]): Promise<void> {
  const metadata = { name: user, namespace };
  const api = { apiVersion: `${GROUP}/v1`, metadata };
  await apply(
    { ...api, kind: 'Role', rules },
    {
      ...{ ...api, kind: 'RoleBinding', roleRef: { apiGroup: GROUP, kind: 'Role', name: user } },
      subjects: [{ apiGroup: GROUP, kind: 'User', name: user }],
    },
  );
}

/** What creating, waiting for and removing captures takes in a namespace, with the reasons why pods are refused. */
export const CAPTURER: readonly Rule[] = [
  { apiGroups: ['batch'], resources: ['jobs'], verbs: ['create', 'list', 'watch', 'delete'] },
  { apiGroups: [''], resources: ['pods'], verbs: ['list', 'watch', 'patch'] },
  { apiGroups: [''], resources: ['events'], verbs: ['list', 'watch'] },
];

/** Rules for `capture create --node-names`, which are cluster-wide: call the returned function at the end. */
export async function allowNodes(user: string): Promise<() => Promise<void>> {
  const name = `${user}-nodes`;
  const api = { apiVersion: `${GROUP}/v1`, metadata: { name } };
  const roleRef = { apiGroup: GROUP, kind: 'ClusterRole', name };
  const subjects = [{ apiGroup: GROUP, kind: 'User', name: user }];
  const rules = [{ apiGroups: [''], resources: ['nodes'], verbs: ['list'] }];
  await apply({ ...api, kind: 'ClusterRole', rules }, { ...api, kind: 'ClusterRoleBinding', roleRef, subjects });
  return async () => {
    await kubectl('delete', 'clusterrole,clusterrolebinding', name, '--ignore-not-found');
  };
}

/** Waits until the API server knows that a user may, or may not, do something: it hears of new Roles a little later. */
export function untilMay(user: string, what: readonly string[], allowed = true): Promise<void> {
  return until(`${user} may${allowed ? '' : ' not'} ${what.join(' ')}`, async () => {
    const asked = await execa('kubectl', ['auth', 'can-i', ...what, '--as', user], { reject: false });
    return asked.stdout.startsWith('yes') === allowed;
  });
}

/** A policy of the cluster against pods that no Job made, in one namespace, by whose name it is called. */
export function ownersPolicy(ns: string): object[] {
  const api = { apiVersion: 'admissionregistration.k8s.io/v1', metadata: { name: ns } };
  const rule = { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] };
  const matchConstraints = {
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': ns } },
    resourceRules: [rule],
  };
  const validations = [{ expression: 'has(object.metadata.ownerReferences)', message: 'no naked pods here' }];
  const binding = { policyName: ns, validationActions: ['Deny'] };
  return [
    { ...api, kind: 'ValidatingAdmissionPolicy', spec: { failurePolicy: 'Fail', matchConstraints, validations } },
    { ...api, kind: 'ValidatingAdmissionPolicyBinding', spec: binding },
  ];
}
