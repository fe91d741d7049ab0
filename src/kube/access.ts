import type { Access, Cluster } from './cluster.ts';
import type { Rest } from './rest.ts';

/** What the API server tells of the user who asks: every authenticated user may ask it, unless a cluster says otherwise. */
export function accessOf(rest: Rest, signal: AbortSignal): Pick<Cluster, 'mayUser' | 'userName'> {
  return {
    mayUser: async (access) => (await review<Reviewed>('authorization', accessReview(access))).status?.allowed === true,
    userName: async () => {
      const kind = 'SelfSubjectReview';
      return (await review<Asker>('authentication', { kind, spec: {} })).status?.userInfo?.username ?? '';
    },
  };

  function review<T>(group: string, { kind, spec }: { kind: string; spec: object }): Promise<T> {
    const apiVersion = `${group}.k8s.io/v1`;
    const path = `/apis/${apiVersion}/${kind.toLowerCase()}s`;
    return rest.json<T>({ method: 'POST', path, body: { apiVersion, kind, spec }, signal });
  }
}

type Reviewed = { status?: { allowed?: boolean } };
type Asker = { status?: { userInfo?: { username?: string } } };

function accessReview(resourceAttributes: Access): { kind: string; spec: object } {
  return { kind: 'SelfSubjectAccessReview', spec: { resourceAttributes } };
}
