import { UsageError } from '../errors.ts';
import type { ConnectionOptions } from './cluster.ts';
import type { Impersonation, KubeUser } from './kubeconfig.ts';

type Acting = Partial<Impersonation> & { user: string | undefined };

/** Whom to act as: each flag replaces what the kubeconfig has. */
export function toImpersonation(
  options: ConnectionOptions,
  base: Acting,
): Pick<KubeUser, 'impersonateUser' | 'impersonation'> {
  const user = options.as ?? base.user;
  const groups = options.asGroup ?? base.groups ?? [];
  const uid = options.asUid ?? base.uid;
  const extra = options.asUserExtra === undefined ? (base.extra ?? {}) : toExtra(options.asUserExtra);
  if (!user && (groups.length > 0 || uid !== undefined || Object.keys(extra).length > 0)) {
    const flag = groups.length > 0 ? '--as-group' : uid === undefined ? '--as-user-extra' : '--as-uid';
    throw new UsageError(`${flag}: whom to act as is missing: --as USER`);
  }
  return { ...(user ? { impersonateUser: user } : {}), impersonation: { groups, uid, extra } };
}

function toExtra(typed: readonly string[]): Record<string, string[]> {
  const extra: Record<string, string[]> = {};
  for (const text of typed) {
    const [, key, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
    if (key === undefined || value === undefined) {
      throw new UsageError(`--as-user-extra: "${text}" is not KEY=VALUE`);
    }
    extra[key] = [...(extra[key] ?? []), value];
  }
  return extra;
}

/** The headers beside Impersonate-User, which client-node sends. */
export function impersonationHeaders({ impersonation }: KubeUser): Record<string, string | string[]> {
  if (impersonation === undefined) return {};
  const { groups, uid, extra } = impersonation;
  return {
    ...(groups.length > 0 ? { 'Impersonate-Group': [...groups] } : {}),
    ...(uid === undefined ? {} : { 'Impersonate-Uid': uid }),
    ...Object.fromEntries(
      Object.entries(extra).map(([key, values]) => [`Impersonate-Extra-${encodeURIComponent(key)}`, [...values]]),
    ),
  };
}
