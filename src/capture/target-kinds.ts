/** A kind of object that a capture can be aimed at by name. */
export type TargetKind = keyof typeof TARGET_KINDS;

/** One object that a capture is aimed at; but for nodes, in the capture's namespace. */
export type TargetObject = { kind: TargetKind; name: string };

/** The kinds, by their singular names: as REST paths spell them, their short names, and their API group. */
export const TARGET_KINDS = {
  pod: { plural: 'pods', short: ['po'], group: '' },
  deployment: { plural: 'deployments', short: ['deploy'], group: 'apps' },
  statefulset: { plural: 'statefulsets', short: ['sts'], group: 'apps' },
  daemonset: { plural: 'daemonsets', short: ['ds'], group: 'apps' },
  replicaset: { plural: 'replicasets', short: ['rs'], group: 'apps' },
  job: { plural: 'jobs', short: [], group: 'batch' },
  cronjob: { plural: 'cronjobs', short: ['cj'], group: 'batch' },
  service: { plural: 'services', short: ['svc'], group: '' },
  node: { plural: 'nodes', short: ['no'], group: '' },
} as const;

/** Every spelling of a kind that kubectl takes: `deploy`, `deployments`, `deployment.apps`, `deployments.v1.apps` … */
export const KIND_SPELLINGS: ReadonlyMap<string, TargetKind> = new Map(
  (Object.keys(TARGET_KINDS) as TargetKind[]).flatMap((kind) => {
    const { plural, short, group } = TARGET_KINDS[kind];
    const suffixes = group === '' ? ['', '.v1.'] : ['', `.${group}`, `.v1.${group}`];
    return [kind, plural, ...short].flatMap((word) => suffixes.map((suffix) => [`${word}${suffix}`, kind] as const));
  }),
);
