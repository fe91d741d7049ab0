/**
 * Where a right must hold: in the capture's namespace, in those that `--namespace-selectors` finds, or in the whole cluster.
 */
export type Where = 'namespace' | 'found' | 'cluster';

/** Verbs on one resource, spelled as in `kubectl auth can-i`: `jobs.batch`, `pods/log`. */
export type Rule = {
  readonly verbs: readonly string[];
  readonly resource: string;
  readonly where: Where;
  /** Whether it is needed for objects whose names the command line tells, and for no others. */
  readonly named: boolean;
};

/** A rule that one can do without; what is then not told or done, as the end of a sentence. */
export type Optional = Rule & { readonly otherwise: string };

/** One line of the table in docs/permissions.md, which is written from here. */
export type Row = {
  /** What takes these rights, in Markdown. */
  readonly use: string;
  readonly needed: readonly Rule[];
  readonly optional: readonly Optional[];
};

function rule(verbs: string, resource: string, where: Where = 'namespace'): Rule {
  return { verbs: verbs.split(' '), resource, where, named: false };
}

/** A rule for the objects alone that the command line names. */
function named(verbs: string, resource: string, where: Where = 'namespace'): Rule {
  return { ...rule(verbs, resource, where), named: true };
}

function optional(rule: Rule, otherwise: string): Optional {
  return { ...rule, otherwise };
}

function row(use: string, needed: readonly Rule[], ...extra: readonly Optional[]): Row {
  return { use, needed, optional: extra };
}

const NO_EVENTS = 'why a pod was refused, or does not begin, is not told';
const NO_READY = 'that a node is not Ready is not told';
const ONE_BY_ONE = 'those of captures on more than 32 nodes are removed one by one';
const NO_LOG = 'what holds a delivery up is not told';

const unready = optional(rule('list', 'nodes', 'cluster'), NO_READY);
const heldUp = optional(rule('get', 'pods/log'), NO_LOG);
const followed = [optional(rule('list watch', 'events'), NO_EVENTS), unready] as const;

/** The rights of each command. What is not here is neither asked for, nor printed, nor in the documentation. */
export const COMMAND_RIGHTS = {
  create: row(
    '`create`',
    [rule('create list', 'jobs.batch')],
    optional(rule('create', 'pods'), 'whether its pods are admitted is not tried before they are made'),
    optional(named('get', 'namespaces'), 'the Pod Security level of the namespace is not read'),
    optional(
      rule('list', 'resourcequotas'),
      'a quota that has room for some of its Jobs and pods only is met while they are made',
    ),
  ),
  credentials: row('`create` with credentials that are typed, or `--s3-ca-file`', [rule('create patch', 'secrets')]),
  claim: row(
    '`create --pvc`',
    [],
    optional(rule('list', 'persistentvolumeclaims'), 'the claim is not checked'),
    optional(
      rule('list', 'persistentvolumes', 'cluster'),
      "whether the claim's volume reaches the nodes is not checked",
    ),
    optional(
      rule('list', 'storageclasses.storage.k8s.io', 'cluster'),
      'whether a Pending claim will be bound is not told',
    ),
  ),
  secrets: row(
    '`create` with `--blob-secret`, `--s3-secret`, `--image-pull-secret`',
    [],
    optional(named('list', 'secrets'), 'whether it is there and has the right keys is not checked'),
  ),
  account: row(
    '`create --service-account`',
    [],
    optional(rule('get list', 'serviceaccounts'), 'whether it is there is not checked'),
  ),
  priority: row(
    '`create --priority-class`',
    [],
    optional(rule('get list', 'priorityclasses.scheduling.k8s.io', 'cluster'), 'whether it is there is not checked'),
  ),
  wait: row('`create --wait`', [rule('list watch', 'jobs.batch'), rule('list watch', 'pods')], ...followed, heldUp),
  sync: row('`create --sync`', [rule('list watch', 'jobs.batch'), rule('list watch patch', 'pods')], ...followed),
  undo: row('`create`, when it has to undo', [rule('delete', 'jobs.batch'), rule('list patch', 'pods')]),
  undoSecret: row('the same, with credentials that are typed', [rule('delete', 'secrets')]),
  status: row(
    '`list`, `status`',
    [rule('list', 'jobs.batch'), rule('list', 'pods')],
    optional(rule('list', 'events'), NO_EVENTS),
    unready,
    heldUp,
  ),
  stop: row('`stop`', [rule('list watch', 'jobs.batch'), rule('list watch patch', 'pods')]),
  delete: row(
    '`delete`',
    [rule('list delete', 'jobs.batch'), rule('list', 'pods')],
    optional(rule('delete', 'pods'), 'pods of captures that are over go with their Jobs, 20 a second'),
    optional(rule('deletecollection', 'jobs.batch'), ONE_BY_ONE),
    optional(rule('deletecollection', 'pods'), ONE_BY_ONE),
    optional(rule('list delete', 'secrets'), 'a Secret that has lost its Jobs is not removed'),
  ),
  prune: row(
    '`prune`; with `-A` in all namespaces',
    [rule('list delete', 'jobs.batch'), rule('list', 'pods')],
    optional(
      rule('delete', 'pods'),
      'pods that have lost their Jobs are not removed, and others go with their Jobs, 20 a second',
    ),
    optional(rule('list delete', 'secrets'), 'Secrets that have lost their Jobs are not removed'),
  ),
  download: row(
    '`download`',
    [rule('create list delete', 'jobs.batch'), rule('list watch', 'pods'), rule('create get', 'pods/exec')],
    optional(
      rule('list', 'nodes', 'cluster'),
      'files of a deleted capture are not looked for on all nodes, and that one is not Ready is told late',
    ),
    optional(rule('list watch', 'events'), 'why a download pod does not start is not told'),
  ),
  fetch: row('`download`, from stores', [rule('get', 'secrets')]),
} as const satisfies Record<string, Row>;

const NO_NODES = 'nodes that are not Ready, or run Windows, are not told apart';
const nodesOfPods = optional(rule('list', 'nodes', 'cluster'), NO_NODES);
const pods = rule('list', 'pods');

function workload(words: string, resource: string, ...below: readonly Rule[]): Row {
  return row(words, [named('get', resource), ...below, pods], nodesOfPods);
}

/** The rights of each kind of target. */
export const TARGET_RIGHTS = {
  nodes: row('none, `--node-selectors`, `--node-names`, `node/x`', [rule('list', 'nodes', 'cluster')]),
  pods: row('`--pod-selectors`, `--pod-names`, `pod/x`', [pods], nodesOfPods),
  found: row(
    '`--namespace-selectors`',
    [rule('list', 'namespaces', 'cluster'), rule('list', 'pods', 'found')],
    nodesOfPods,
  ),
  anywhere: row('`-A`', [rule('list', 'pods', 'cluster')], nodesOfPods),
  deployment: workload('`deploy/x`', 'deployments.apps', rule('list', 'replicasets.apps')),
  statefulset: workload('`sts/x`', 'statefulsets.apps'),
  daemonset: workload('`ds/x`', 'daemonsets.apps'),
  replicaset: workload('`rs/x`', 'replicasets.apps'),
  job: workload('`job/x`', 'jobs.batch'),
  cronjob: workload('`cronjob/x`', 'cronjobs.batch', rule('list', 'jobs.batch')),
  service: workload('`svc/x`', 'services', rule('list', 'endpointslices.discovery.k8s.io')),
} as const satisfies Record<string, Row>;
