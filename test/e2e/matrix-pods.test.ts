import { after, before, describe } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { retina } from './support/cli.ts';
import { apply, items, kubectl, namespace, until } from './support/cluster.ts';
import { absent, type Fault, fails, faultRows, fine, goes } from './support/matrix.ts';
import { killWorkload } from './support/planted.ts';

const NS = 'e2e-matrix-pods';
const NAMESPACES = { jobs: `${NS}-jobs`, quota: `${NS}-quota`, security: `${NS}-security`, policy: `${NS}-policy` };

type Cells = Pick<Fault, 'create' | 'wait' | 'stop' | 'download' | 'delete'>;

/** A capture that is refused before anything is created. */
const never = (...words: readonly RegExp[]): Cells => ({
  ...{ create: fails(...words), wait: fails(...words), stop: absent, download: fails(), delete: absent },
});

/** A capture that is ended in good order from outside: what it has is saved. */
const early = (...words: readonly RegExp[]): Cells => ({
  create: fine(),
  wait: fine(...words, /✔ 1 of 1 tarball saved/),
  stop: fine(/1 of 1 tarball saved/),
  download: fine(),
  delete: goes,
});

/** A capture that is ended before it can deliver. */
const lost = (...words: readonly RegExp[]): Cells => ({
  create: fine(),
  wait: fails(...words, /✖ 0 of 1 tarball saved/),
  stop: fails(...words),
  download: fails(/has no tarball/),
  delete: goes,
});

async function evict(capture: string): Promise<void> {
  const pods = await items<{ metadata: { name: string } }>('pods', '-n', NS, '-l', `capture-name=${capture}`);
  for (const { metadata } of pods) {
    const name = { name: metadata.name, namespace: NS };
    const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: name };
    const path = `/api/v1/namespaces/${NS}/pods/${metadata.name}/eviction`;
    await execa('kubectl', ['create', '--raw', path, '-f', '-'], { input: JSON.stringify(eviction) });
  }
}

const faults: readonly Fault[] = [
  {
    name: 'pod: its workload is killed (SIGKILL)',
    id: 'kill',
    flags: () => [],
    strike: (capture) => killWorkload(NS, capture),
    ...lost(/exit code 137/),
  },
  {
    name: 'pod: deleted by somebody (SIGTERM)',
    id: 'podgone',
    flags: () => [],
    strike: (capture) => kubectl('delete', 'pod', '-n', NS, '-l', `capture-name=${capture}`, '--wait=false'),
    ...early(/ended early: its pod was deleted/),
  },
  {
    name: 'pod: evicted by the API (drain)',
    id: 'evict',
    flags: () => [],
    strike: evict,
    ...early(/ended early: .*evict/),
  },
  {
    name: 'Job: deleted by somebody',
    id: 'jobgone',
    flags: () => [],
    strike: async (capture) => {
      await kubectl('delete', 'job', '-n', NS, '-l', `capture-name=${capture}`, '--wait=false');
      await sleep(500);
    },
    create: fine(),
    wait: fails(/was deleted while it was waited for/),
    stop: fails(),
    download: fine(),
    delete: absent,
  },
];

describe('faults of pods and Jobs', () => {
  const cleaners: (() => Promise<void>)[] = [];
  before(async () => {
    for (const name of [NS, ...Object.values(NAMESPACES)]) cleaners.push(await namespace(name));
    const quota = (ns: string, hard: Record<string, string>) => ({
      ...{ apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'tight', namespace: ns }, spec: { hard } },
    });
    await apply(
      quota(NAMESPACES.jobs, { 'count/jobs.batch': '0' }),
      quota(NAMESPACES.quota, { pods: '0' }),
      policy('ValidatingAdmissionPolicy', {
        failurePolicy: 'Fail',
        matchConstraints: {
          resourceRules: [{ apiGroups: ['batch'], apiVersions: ['v1'], operations: ['CREATE'], resources: ['jobs'] }],
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': NAMESPACES.policy } },
        },
        validations: [{ expression: 'false', message: 'no Jobs after office hours' }],
      }),
      policy('ValidatingAdmissionPolicyBinding', { policyName: NS, validationActions: ['Deny'] }),
    );
    await kubectl('label', 'namespace', NAMESPACES.security, 'pod-security.kubernetes.io/enforce=restricted');
    const counts = async (ns: string): Promise<boolean> =>
      (await kubectl('-n', ns, 'get', 'quota', 'tight', '-o', 'jsonpath={.status.used}')) !== '';
    for (const ns of [NAMESPACES.jobs, NAMESPACES.quota]) await until('the quota counts', () => counts(ns));
  });
  after(async () => {
    await retina(['capture', 'delete', '--all', '-n', NS]);
    await kubectl('delete', 'validatingadmissionpolicy,validatingadmissionpolicybinding', NS);
    for (const clean of cleaners) await clean();
  });

  faultRows(NS, faults);
  const refused = (name: string, id: string, ns: string, ...words: RegExp[]): void =>
    faultRows(ns, [{ name, id, flags: () => [], ...never(...words) }]);
  refused('quota: no more Jobs', 'jobs', NAMESPACES.jobs, /exceeded quota: tight/);
  refused('quota: no more pods', 'pods', NAMESPACES.quota, /exceeded quota: tight/);
  refused('Pod Security refuses the pods', 'psa', NAMESPACES.security, /violates PodSecurity/);
  refused('an admission policy refuses the Jobs', 'policy', NAMESPACES.policy, /no Jobs after office hours/);
});

function policy(kind: string, spec: object): object {
  return { apiVersion: 'admissionregistration.k8s.io/v1', kind, metadata: { name: NS }, spec };
}
