import type { Job, KubeEvent, Pod } from '../kube/cluster.ts';
import { LABEL_CAPTURE } from './names.ts';
import { secretName } from './secret.ts';
import type { Told } from './told.ts';

/** Milliseconds after a pod's creation in which its capture's own Secret may still come: it is created after a first Job. */
const SECRET_FOLLOWS = 15_000;

/** Of a namespace that is so new that its own account is not there yet, too. */
export const NO_ACCOUNT = /error looking up service account/;

const REFUSAL_HINTS: readonly (readonly [RegExp, string])[] = [
  [/exceeded quota/, 'Raise the quota, or free some of it: kubectl describe quota'],
  [NO_ACCOUNT, 'Is --service-account right? There are: kubectl get serviceaccounts'],
  [/no PriorityClass with name/, 'Is --priority-class right? There are: kubectl get priorityclasses'],
  [
    /admission webhook|ValidatingAdmissionPolicy/,
    'A rule of this cluster refuses it: ask whoever runs it, or capture in another namespace, with -n.',
  ],
  [
    /(maximum|minimum) .* usage per|limit to request ratio/,
    'A LimitRange refuses it: set --memory-limit and --cpu-limit within kubectl describe limitrange',
  ],
  [/./, 'A capture needs hostNetwork, hostPath, NET_ADMIN and NET_RAW: use a namespace that admits privileged pods.'],
];

/** What to do about pods that were refused, by the API server's words; what is not known is most often Pod Security. */
export function refusalHint(refusal: string): string | undefined {
  return REFUSAL_HINTS.find(([pattern]) => pattern.test(refusal))?.[1];
}

/** What the events tell of a Job whose pod is not there; undefined where they tell nothing. */
export function refusal(job: Job, events: readonly KubeEvent[]): Told | undefined {
  const words = newest(events.filter((event) => event.reason === 'FailedCreate'))?.message;
  if (words === undefined) return undefined;
  // Anything else (a webhook that did not answer) goes away by itself, as does the lack of a new namespace's account.
  const young = job.spec?.template?.spec?.serviceAccountName === undefined && NO_ACCOUNT.test(words);
  const denied = /is forbidden|denied/.test(words) && !young;
  if (denied) {
    return { phase: 'failed', mayStart: true, problem: `its pod was refused: ${words}`, hint: refusalHint(words) };
  }
  const { name = '', namespace = '' } = job.metadata ?? {};
  const hint = `It is tried again. See: kubectl describe job ${name} -n ${namespace}`;
  return { phase: 'waiting', problem: `its pod is not there yet: ${words}`, hint };
}

/** The events that tell why a container does not begin; the kubelet's other warnings repeat what the pod's status says. */
const HOLDS = new Set(['FailedMount', 'FailedAttachVolume', 'FailedMapVolume', 'FailedCreatePodSandBox']);

type Mount = { pattern: RegExp; problem: (found: RegExpExecArray) => string; hint: (namespace: string) => string };

/** Volumes that no patience brings, only somebody who makes them. */
const NEVER_MOUNTED: readonly Mount[] = [
  {
    pattern: /(secret|configmap) "([^"]+)" not found/i,
    problem: ([, kind, name]) => `there is no ${kind === 'configmap' ? 'ConfigMap' : 'Secret'} ${name}`,
    hint: (namespace) =>
      `Make it, or name another with --s3-secret or --blob-secret: kubectl get secrets -n ${namespace}`,
  },
  {
    pattern: /references non-existent (?:secret|config) key: (\S+)/,
    problem: ([, key]) => `the Secret has no key ${key}`,
    hint: () => 'What a Secret must hold: kubectl retina capture create --help, under --s3-secret and --blob-secret.',
  },
  {
    pattern: /hostPath type check failed: (\S+) is not a directory/,
    problem: ([, path]) => `${path} is not a directory on this node`,
    hint: () => 'Name another directory with --host-path.',
  },
  {
    pattern: /mkdir (\S+): (not a directory|read-only file system|permission denied)/,
    problem: ([, path, why]) => `the directory ${path} cannot be made on this node: ${why}`,
    hint: () => 'Name another directory with --host-path.',
  },
];

/** What the events tell of a pod that does not begin; undefined where they tell nothing. */
export function startEvent(events: readonly KubeEvent[], { metadata }: Pod): Told | undefined {
  const event = newest(
    events.filter(({ reason, involvedObject }) => HOLDS.has(reason ?? '') && involvedObject?.uid === metadata?.uid),
  );
  if (event === undefined) return undefined;
  const { name = '', namespace = '' } = metadata ?? {};
  const words = (event.message ?? event.reason ?? '').replace(/\s+/g, ' ').trim();
  for (const { pattern, problem, hint } of NEVER_MOUNTED) {
    const found = pattern.exec(words);
    if (found === null || isOnItsWay(found[2], event, metadata)) continue;
    const told = `can't start: ${problem(found)}: ${words}`;
    return { phase: 'failed', mayStart: true, problem: told, hint: hint(namespace) };
  }
  const what = event.reason === 'FailedCreatePodSandBox' ? 'its sandbox cannot be made' : 'a volume cannot be mounted';
  const hint = `It is tried again. See: kubectl describe pod ${name} -n ${namespace}`;
  return { phase: 'waiting', problem: `${what}: ${words}`, hint };
}

/** Whether what is missing is the Secret that follows the capture's first Job: a kubelet may be the faster one. */
function isOnItsWay(missing: string | undefined, event: KubeEvent, pod: Pod['metadata']): boolean {
  const capture = pod?.labels?.[LABEL_CAPTURE];
  if (capture === undefined || missing?.startsWith(secretName(capture, '')) !== true) return false;
  return Date.parse(timeOf(event)) - Date.parse(pod?.creationTimestamp ?? '') < SECRET_FOLLOWS;
}

/** By the times that their reporter gave: all of one pod's are of one kubelet. */
export function newest(events: readonly KubeEvent[]): KubeEvent | undefined {
  return events.toSorted((a, b) => (timeOf(a) < timeOf(b) ? 1 : -1))[0];
}

function timeOf({ lastTimestamp, eventTime, metadata }: KubeEvent): string {
  return lastTimestamp ?? eventTime ?? metadata?.creationTimestamp ?? '';
}
