import type { Need } from './needed-rights.ts';

const GROUP = 'rbac.authorization.k8s.io';
const SERVICE_ACCOUNT = /^system:serviceaccount:([^:]+):([^:]+)$/;

/** Rules of RBAC, as a Role has them. */
export type PolicyRule = {
  apiGroups: readonly string[];
  resources: readonly string[];
  resourceNames?: readonly string[];
  verbs: readonly string[];
};

/** A Role or ClusterRole with its binding, and the rules that one can do without, each with what it is for. */
export type Grant = {
  role: { apiVersion: string; kind: 'Role' | 'ClusterRole'; metadata: object; rules: readonly PolicyRule[] };
  binding: object;
  optional: readonly { rule: PolicyRule; why: readonly string[] }[];
};

/** The fewest rights for a user to do all that is needed: a Role in each namespace, a ClusterRole for what takes one. */
export function grantsFor(needs: readonly Need[], who: { user: string; namespace: string }): Grant[] {
  const places = Map.groupBy(needs, ({ namespace }) => namespace);
  return [...places]
    .filter(([, there]) => there.some(({ level }) => level !== 'optional'))
    .map(([namespace, there]) => grantFor(namespace, there, who));
}

function grantFor(
  namespace: string | undefined,
  needs: readonly Need[],
  who: { user: string; namespace: string },
): Grant {
  // Names of Roles are parts of URLs; the user's keeps those of several apart, and the namespace those of the whole cluster.
  const user = who.user.replace(/[^\w:@.-]/g, '-').slice(0, 150);
  const metadata =
    namespace === undefined
      ? { name: `retina-capture:${who.namespace}:${user}` }
      : { name: `retina-capture:${user}`, namespace };
  const kind = namespace === undefined ? 'ClusterRole' : 'Role';
  const apiVersion = `${GROUP}/v1`;
  const optional = Map.groupBy(
    needs.filter(({ level }) => level === 'optional'),
    resourceOf,
  );
  return {
    role: { apiVersion, kind, metadata, rules: rulesOf(needs.filter(({ level }) => level !== 'optional')) },
    binding: {
      ...{ apiVersion, kind: `${kind}Binding`, metadata },
      roleRef: { apiGroup: GROUP, kind, name: metadata.name },
      subjects: [subjectOf(who.user)],
    },
    optional: [...optional.values()].flatMap((some) =>
      rulesOf(some).map((rule) => ({ rule, why: [...new Set(some.flatMap(({ why }) => why))] })),
    ),
  };
}

function subjectOf(user: string): object {
  const [, namespace, name] = SERVICE_ACCOUNT.exec(user) ?? [];
  return name === undefined
    ? { apiGroup: GROUP, kind: 'User', name: user }
    : { kind: 'ServiceAccount', name, namespace };
}

/** One rule for each resource; the objects that are named alone have one of their own. */
function rulesOf(needs: readonly Need[]): PolicyRule[] {
  return [...Map.groupBy(needs, resourceOf)]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, same]) => {
      const [first] = same;
      if (first === undefined) return [];
      const { group, resource, subresource, name } = first;
      const rule = {
        apiGroups: [group],
        resources: [subresource === undefined ? resource : `${resource}/${subresource}`],
        ...(name === undefined ? {} : { resourceNames: [name] }),
        verbs: [...new Set(same.map(({ verb }) => verb))].sort(),
      };
      return [rule];
    });
}

function resourceOf({ group, resource, subresource = '', name = '' }: Need): string {
  return [group, resource, subresource, name].join('/');
}
