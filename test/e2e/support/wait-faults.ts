import { retina } from './cli.ts';
import { items, until } from './cluster.ts';
import { writes } from './leavings.ts';
import { killWorkload, starveWorkload } from './planted.ts';
import type { Fault } from './seen.ts';

export const NS = 'e2e-waits';
/** May do all that captures need but read Secrets and volumes: what is wrong with those shows in the pod alone. */
export const BLIND = ['--as', 'e2e-waits-blind'];
export const ONE = ['--node-names', 'node1', '--duration', '10m'];
export const FILE = '/mnt/retina/e2e-waits-file';

type PodNow = { metadata: { name: string; uid: string } };

/** The name of the one pod of a capture; empty when it is gone. */
export async function podOf(name: string): Promise<string> {
  const [pod] = await items<PodNow>('pods', '-n', NS, '-l', `capture-name=${name}`);
  return pod?.metadata.name ?? '';
}

/** Waits until a capture captures on so many nodes. */
export async function capturing(name: string, nodes = 1): Promise<void> {
  await until(`${name} captures`, async () => {
    const { stdout } = await retina(['capture', 'status', name, '-n', NS]);
    return stdout.match(/ capturing /g)?.length === nodes;
  });
}

/** The rights of that user. */
export const rights = (): object[] => {
  const metadata = { name: 'e2e-waits-blind' };
  const role = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'e2e-waits-blind' };
  const rule = (apiGroups: string[], resources: string[], verbs: string[]): object => ({ apiGroups, resources, verbs });
  return [
    {
      ...{ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata },
      rules: [
        rule(['batch'], ['jobs'], ['*']),
        rule([''], ['pods', 'pods/log', 'pods/exec', 'events', 'nodes', 'persistentvolumeclaims'], ['*']),
      ],
    },
    {
      ...{ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRoleBinding', metadata, roleRef: role },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'e2e-waits-blind' }],
    },
  ];
};

/** Refuses every pod of one capture, as a rule of a company may. */
export const policy = (): object[] => {
  const metadata = { name: 'e2e-waits-refusal' };
  const api = { apiVersion: 'admissionregistration.k8s.io/v1' };
  const here = { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': NS } } };
  return [
    {
      ...{ ...api, kind: 'ValidatingAdmissionPolicy', metadata },
      spec: {
        matchConstraints: {
          resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
        },
        validations: [
          {
            expression:
              "!has(object.metadata.labels) || !('capture-name' in object.metadata.labels) || object.metadata.labels['capture-name'] != 'ruled'",
            message: 'no captures of this name',
          },
        ],
      },
    },
    {
      ...{ ...api, kind: 'ValidatingAdmissionPolicyBinding', metadata },
      spec: { policyName: 'e2e-waits-refusal', validationActions: ['Deny'], matchResources: here },
    },
  ];
};

/** What keeps a capture from beginning, or from ending well. Those that are waited for are bounded by --timeout. */
export const FAULTS: readonly (Fault & { state: 'Failed' | 'Pending' })[] = [
  {
    name: 'large',
    flags: [...ONE, '--memory-limit', '900Gi', '--timeout', '6s'],
    sign: { kind: 'pods', shows: /large-.*Insufficient memory/ },
    words: /cannot be scheduled: .*Insufficient memory/,
    hint: /Ask for less \(--memory-limit, --cpu-limit\), or make room: kubectl describe node node1/,
    state: 'Pending',
  },
  {
    name: 'unbound',
    flags: [...ONE, ...BLIND, '--pvc', 'elsewhere', '--timeout', '6s'],
    sign: { kind: 'pods', shows: /unbound-.*PersistentVolume's node affinity/ },
    words: /cannot be scheduled: .*PersistentVolume's node affinity/,
    hint: /kubectl describe pvc -n e2e-waits/,
    state: 'Pending',
  },
  {
    name: 'nowhere',
    flags: [...ONE, '--image', 'registry.invalid/retina:none'],
    sign: { kind: 'pods', shows: /nowhere-.*ErrImagePull/ },
    words: /the image can't be pulled: registry\.invalid\/retina:none: the name of the registry cannot be resolved/,
    hint: /Try --image/,
    state: 'Failed',
  },
  {
    name: 'closed',
    flags: [...ONE, '--image', 'localhost:1/retina:none'],
    sign: { kind: 'pods', shows: /closed-.*ErrImagePull/ },
    words: /the image can't be pulled: localhost:1\/retina:none: the registry refuses the connection/,
    hint: /Can the node reach its registry\?/,
    state: 'Failed',
  },
  {
    name: 'never',
    flags: [...ONE, '--image', 'localhost/none:x', '--image-pull-policy', 'Never'],
    sign: { kind: 'pods', shows: /never-.*ErrImageNeverPull/ },
    words: /can't start: the image is not on the node, and may not be pulled: localhost\/none:x/,
    hint: /--image-pull-policy IfNotPresent/,
    state: 'Failed',
  },
  {
    name: 'ruled',
    flags: ONE,
    sign: { kind: 'events', shows: /ruled-.*no captures of this name/ },
    words: /its pod was refused: .*no captures of this name/,
    hint: /A rule of this cluster refuses it/,
    state: 'Failed',
  },
  {
    name: 'filed',
    flags: [...ONE, '--host-path', FILE],
    sign: { kind: 'events', shows: /filed-.*hostPath type check failed/ },
    words: /can't start: \/mnt\/retina\/e2e-waits-file is not a directory on this node: .*hostPath type check failed/,
    hint: /Name another directory with --host-path/,
    state: 'Failed',
  },
  {
    name: 'keyless',
    flags: [
      ...ONE,
      ...BLIND,
      '--s3-secret',
      'nobody',
      '--s3-bucket',
      'evidence',
      '--s3-endpoint',
      'http://10.240.0.1:9',
    ],
    sign: { kind: 'events', shows: /keyless-.*secret \\?\\?"nobody\\?\\?" not found/ },
    words: /can't start: there is no Secret nobody: .*not found/,
    hint: /--s3-secret or --blob-secret: kubectl get secrets -n e2e-waits/,
    state: 'Failed',
  },
  {
    name: 'foreign',
    flags: [...ONE, '--image', 'localhost/debian:test'],
    sign: { kind: 'pods', shows: /foreign-.*executable file not found/ },
    words: /can't start: .*executable file not found/,
    hint: /Is --image one of this program\?/,
    state: 'Failed',
  },
  {
    name: 'thirsty',
    flags: [...ONE, '--memory-limit', '160Mi'],
    sign: { kind: 'pods', shows: /thirsty-.*OOMKilled/ },
    words: /killed, out of memory: OOMKilled \(exit code 137\)/,
    hint: /Raise --memory-limit, or leave it out/,
    meanwhile: async () => {
      await until('it writes', () => writes('thirsty', 'node1'));
      await starveWorkload(NS, 'thirsty', 154 * 2 ** 20);
    },
    state: 'Failed',
  },
  {
    name: 'slain',
    flags: ONE,
    sign: { kind: 'pods', shows: /slain-.*"exitCode":137/ },
    words: /killed \(SIGKILL\): Error \(exit code 137\)/,
    hint: /What was not delivered is on node1, .*kubectl retina capture download slain -n e2e-waits --partial/,
    meanwhile: async () => {
      await until('it writes', () => writes('slain', 'node1'));
      await killWorkload(NS, 'slain');
    },
    state: 'Failed',
  },
];
