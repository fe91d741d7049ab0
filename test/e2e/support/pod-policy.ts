import { execa } from 'execa';

/** What is added to the container of pods: variables, and volumes, each mounted below a directory by its name. */
export type Added = { env: Record<string, string>; volumes: readonly { name: string }[]; below: string };

/** An admission policy that does to pods of one service account of one namespace what a cloud's webhook does there. */
export function podPolicy(
  [namespace, account]: readonly [namespace: string, account: string],
  { env, volumes, below }: Added,
  matchLabels: Record<string, string> = {},
): object[] {
  const metadata = { name: `${namespace}-${account}` };
  const api = { apiVersion: 'admissionregistration.k8s.io/v1', metadata };
  const rule = { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] };
  const pods = {
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
    objectSelector: { matchLabels },
    resourceRules: [rule],
  };
  const added: [path: string, value: unknown][] = [
    ['containers/0/env', Object.entries(env).map(([name, value]) => ({ name, value }))],
    ...volumes.flatMap((volume): [string, unknown][] => [
      ['volumes/-', volume],
      ['containers/0/volumeMounts/-', { name: volume.name, mountPath: `${below}/${volume.name}`, readOnly: true }],
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
export async function changesPods(
  [namespace, serviceAccountName]: readonly [namespace: string, account: string],
  word: string,
  labels: Record<string, string> = {},
): Promise<boolean> {
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
  return stdout.includes(word);
}

/** Whose token it is, as the API server says; empty where it is nobody's. */
export async function subjectOf(token: string, audience: string): Promise<string> {
  const review = {
    ...{ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview' },
    spec: { token, audiences: [audience] },
  };
  const { stdout } = await execa('kubectl', ['create', '-f', '-', '-o', 'json'], { input: JSON.stringify(review) });
  return JSON.parse(stdout).status.user?.username ?? '';
}

/** A value as CEL, whose maps would have values of one type alone. */
function celOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(celOf)}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return `{${Object.entries(value).map(([key, each]) => `'${key}': dyn(${celOf(each)})`)}}`;
}
