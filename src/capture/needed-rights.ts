import type { Access } from '../kube/cluster.ts';
import type { CaptureRequest, Destination } from './request.ts';
import { COMMAND_RIGHTS, type Row, type Rule, TARGET_RIGHTS } from './rights.ts';
import type { TargetKind } from './target-kinds.ts';

/**
 * `create`: nothing can be created, or waited for, without it. `undo`: what was created could not be removed again.
 * `later`: another command of the capture's life needs it. `optional`: something is not told, or not done.
 */
export type Level = 'create' | 'undo' | 'later' | 'optional';

/** A right that a command line needs. */
export type Need = Access & {
  level: Level;
  /** The commands that need it; of an optional right, what is not told or done without it. */
  why: readonly string[];
};

/** Where a capture is, and what its command line does besides creating it. */
export type Place = {
  namespace: string;
  wait: boolean;
  /** The namespaces that `--namespace-selectors` found; undefined where they are not known, which takes all. */
  searched: readonly string[] | undefined;
};

const LEVELS: readonly Level[] = ['create', 'undo', 'later', 'optional'];

/** The rights for creating a capture, and for all that can be done with it until it is deleted; each once. */
export function neededRights(request: CaptureRequest, place: Place): Need[] {
  const { destinations, job, start, target } = request;
  const typed = destinations.some(isTyped);
  const secrets = [...destinations.flatMap(existingSecret), ...job.imagePullSecrets];
  const all = (row: Row, level: Level, word: string, names: readonly string[] = []): Need[] => [
    ...row.needed.flatMap((rule) => accesses(rule, place, names).map((to) => ({ ...to, level, why: [word] }))),
    ...row.optional.flatMap(({ otherwise, ...rule }) =>
      accesses(rule, place, names).map((to): Need => ({ ...to, level: 'optional', why: [otherwise] })),
    ),
  ];
  const only = (wanted: boolean, needs: readonly Need[]): readonly Need[] => (wanted ? needs : []);
  const rights = COMMAND_RIGHTS;
  const stored = destinations.some(({ kind }) => kind === 'blob' || kind === 's3');
  const fetched = typed || destinations.some((to) => existingSecret(to).length > 0);
  return distinct([
    ...all(rights.create, 'create', 'create', [place.namespace]),
    ...only(typed, all(rights.credentials, 'create', 'create')),
    ...targetRights(target).flatMap(({ row, name }) => all(row, 'create', 'create', [name])),
    ...only(place.wait, all(rights.wait, 'create', 'create --wait')),
    ...only(start?.kind === 'together', all(rights.sync, 'create', 'create --sync')),
    ...all(rights.undo, 'undo', 'its undoing'),
    ...only(typed, all(rights.undoSecret, 'undo', 'its undoing')),
    ...all(rights.status, 'later', 'status'),
    ...all(rights.stop, 'later', 'stop'),
    ...all(rights.download, 'later', 'download'),
    ...only(stored && fetched, all(rights.fetch, 'later', 'download')),
    ...all(rights.delete, 'later', 'delete'),
    ...only(
      destinations.some(({ kind }) => kind === 'pvc'),
      all(rights.claim, 'create', 'create'),
    ),
    ...only(secrets.length > 0, all(rights.secrets, 'create', 'create', secrets)),
    ...only(job.serviceAccount !== undefined, all(rights.account, 'create', 'create')),
    ...only(job.priorityClass !== undefined, all(rights.priority, 'create', 'create')),
  ]);
}

/** A right as `kubectl auth can-i` has it, without its verb: `jobs.batch`, `pods/log`. */
export function resourceWords({ resource, subresource, group }: Access): string {
  const whole = subresource === undefined ? resource : `${resource}/${subresource}`;
  return group === '' ? whole : `${whole}.${group}`;
}

function isTyped(to: Destination): boolean {
  const typed = 'access' in to && (to.access.kind === 'sas' || to.access.kind === 'keys');
  return typed || (to.kind === 's3' && to.place.ca !== null);
}

function existingSecret(to: Destination): string[] {
  return 'access' in to && to.access.kind === 'secret' ? [to.access.name] : [];
}

function targetRights(target: CaptureRequest['target']): { row: Row; name: string }[] {
  const one = (row: Row) => [{ row, name: '' }];
  switch (target.kind) {
    case 'nodes':
    case 'node-names':
      return one(TARGET_RIGHTS.nodes);
    case 'pods':
      return one(target.namespaces === undefined ? TARGET_RIGHTS.pods : TARGET_RIGHTS.found);
    case 'pod-names':
      return one(TARGET_RIGHTS.pods);
    case 'pods-anywhere':
      return one(TARGET_RIGHTS.anywhere);
    case 'objects':
      return target.objects.map(({ kind, name }) => ({ row: TARGET_RIGHTS[ROW_OF[kind]], name }));
    default:
      return target satisfies never;
  }
}

const ROW_OF: Readonly<Record<TargetKind, keyof typeof TARGET_RIGHTS>> = {
  ...{ pod: 'pods', node: 'nodes', deployment: 'deployment', statefulset: 'statefulset', daemonset: 'daemonset' },
  ...{ replicaset: 'replicaset', job: 'job', cronjob: 'cronjob', service: 'service' },
};

function accesses(rule: Rule, { namespace, searched }: Place, names: readonly string[]): Access[] {
  const [whole = '', ...group] = rule.resource.split('.');
  const [resource = '', subresource] = whole.split('/');
  const what = { group: group.join('.'), resource, ...(subresource === undefined ? {} : { subresource }) };
  const places = { namespace: [namespace], cluster: [undefined], found: searched ?? [undefined] }[rule.where];
  const objects = rule.named ? names : [undefined];
  return rule.verbs.flatMap((verb) =>
    places.flatMap((where) => objects.map((name) => ({ verb, ...what, namespace: where, name }))),
  );
}

/**
 * Each right once, with the gravest of its levels; what a wider one that is needed covers is left out. Of optional ones, each
 * tells its own.
 */
function distinct(needs: readonly Need[]): Need[] {
  const rank = ({ level }: Need): number => LEVELS.indexOf(level);
  const groups = Map.groupBy(needs, ({ level: _level, why: _why, ...access }) => JSON.stringify(access));
  const merged = [...groups.values()].flatMap((same): Need[] => {
    const [first] = same.toSorted((a, b) => rank(a) - rank(b));
    if (first === undefined) return [];
    const alike = same.filter((need) => (need.level === 'optional') === (first.level === 'optional'));
    return [{ ...first, why: [...new Set(alike.flatMap(({ why }) => why))] }];
  });
  return merged.filter(
    (need) => !merged.some((wide) => wide.level !== 'optional' && rank(wide) <= rank(need) && covers(wide, need)),
  );
}

function covers(wide: Need, need: Need): boolean {
  const same = wide !== need && wide.verb === need.verb && resourceWords(wide) === resourceWords(need);
  const place = wide.namespace === undefined || wide.namespace === need.namespace;
  return same && place && (wide.name === undefined || wide.name === need.name);
}
