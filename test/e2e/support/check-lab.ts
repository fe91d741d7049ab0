import { retina } from './cli.ts';
import { apply, kubectl, namespace, until } from './cluster.ts';
import { allow, allowNodes, CAPTURER, ownersPolicy, untilMay } from './grants.ts';

/** Namespaces that hinder captures in their ways, and a user who may capture in each, and try no pod in any. */
export type CheckLab = { ns: string; strict: string; full: string; owned: string; user: string; end(): Promise<void> };

/** Makes one that takes everything, one with Pod Security, one with a quota for pods, one with a policy against naked pods. */
export async function startCheckLab(ns: string): Promise<CheckLab> {
  const [strict, full, owned, user] = [`${ns}-strict`, `${ns}-full`, `${ns}-owned`, `${ns}-user`];
  const all = [ns, strict, full, owned];
  const clean = await Promise.all(all.map((each) => namespace(each)));
  await kubectl('label', 'namespace', strict, 'pod-security.kubernetes.io/enforce=restricted');
  const quota = { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'none', namespace: full } };
  await apply({ ...quota, spec: { hard: { pods: '0' } } }, ...ownersPolicy(owned));
  await Promise.all(all.map((each) => allow(each, user, CAPTURER)));
  const forget = await allowNodes(user);
  await untilMay(user, ['list', 'nodes']);
  await Promise.all(all.map((each) => untilMay(user, ['create', 'jobs.batch', '-n', each])));
  await until('the quota counts', async () =>
    (await kubectl('-n', full, 'get', 'quota', 'none', '-o', 'jsonpath={.status.hard}')).includes('pods'),
  );
  return {
    ...{ ns, strict, full, owned, user },
    end: async () => {
      await Promise.all(all.map((each) => retina(['capture', 'delete', '--all', '-n', each])));
      const policies = 'validatingadmissionpolicy,validatingadmissionpolicybinding';
      await kubectl('delete', policies, owned, '--ignore-not-found');
      await Promise.all([forget, ...clean].map((remove) => remove()));
    },
  };
}
