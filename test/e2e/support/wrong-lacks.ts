import type { WrongCase } from './wrong-flags.ts';
import { EMPTY, NS, TAKEN } from './wrong-lab.ts';

const create = (...flags: readonly string[]): readonly string[] => ['capture', 'create', '-n', NS, ...flags];
const capture = (...words: readonly string[]): readonly string[] => ['capture', ...words, '-n', NS];
const there = new RegExp(`Captures (there|in namespace ${NS}): ${TAKEN}`);
const podsThere = /Pods there have app=web \(3\), app=db \(1\)\./;

const rows: readonly (readonly [what: string, args: readonly string[], message: RegExp, hint?: RegExp])[] = [
  [
    'an unknown node',
    create('--node-names', 'node9'),
    /^there is no node node9$/,
    /Nodes: node1, node2.*Did you mean: node/s,
  ],
  [
    'a known node and an unknown one',
    create('--node-names', 'node1,far-away'),
    /^there is no node far-away$/,
    /Nodes: node1, node2/,
  ],
  [
    'a node selector that no node has',
    create('--node-selectors', 'kubernetes.io/os=linus'),
    /^no node has the labels kubernetes.io\/os=linus$/,
    /os=linux \(2\).*Did you mean: kubectl retina capture create --node-selectors kubernetes.io\/os=linux/s,
  ],
  [
    'a node selector with an unknown key',
    create('--node-selectors', 'pool=gpu'),
    /no node has the labels pool=gpu/,
    /Nodes have these labels: .*kubernetes.io/,
  ],
  [
    'a pod selector with a slip in its value',
    create('--pod-selectors', 'app=wbe'),
    /^no pod in namespace e2e-wrong has the labels app=wbe$/,
    /app=web \(3\), app=db \(1\)\..*Did you mean: kubectl retina capture create --pod-selectors app=web -n e2e-wrong/s,
  ],
  [
    'a pod selector with a slip in its key',
    create('--pod-selectors', 'ap in (web,db)'),
    /has the labels ap in \(web,db\)/,
    /Did you mean: .*--pod-selectors 'app in \(web,db\)'/,
  ],
  ['a pod selector that is quite another', create('--pod-selectors', 'app=frontend'), /no pod in namespace/, podsThere],
  [
    'labels that no pod has at once',
    create('--pod-selectors', 'app=web,app=db'),
    /no pod in/,
    /app=web \(3\), app=db \(1\), but none has all/,
  ],
  [
    'pods that have no node',
    create('--pod-selectors', 'app=web'),
    /no pod is left to capture: left out, without a node yet: pods e2e-wrong\/web-1/,
    /kubectl get pods -n e2e-wrong/,
  ],
  [
    'an unknown pod',
    create('--pod-names', 'web-9'),
    /there is no pod web-9 in namespace e2e-wrong/,
    /db-1, web-1, web-2, web-3.*Did you mean: web-1/s,
  ],
  [
    'an unknown pod, as a target',
    create('pod/web-9'),
    /^there is no pod web-9 in namespace e2e-wrong$/,
    /Pods there: db-1, web-1.*Did you mean: pod\/web-1/s,
  ],
  [
    'an unknown node, as a target',
    create('no', 'node9'),
    /^there is no node node9$/,
    /Nodes: node1, node2\n {2}Did you mean: node\/node1/,
  ],
  [
    'workloads where there are none',
    create('deploy/web', 'sts/db'),
    /^there is no deployment web, no statefulset db in namespace e2e-wrong$/,
    /There are no deployments in namespace e2e-wrong at all/,
  ],
  [
    'a workload in a namespace that is not there',
    ['capture', 'create', '-n', 'e2e-wrogn', 'ds/a'],
    /there is no namespace e2e-wrogn/,
    /Did you mean: -n e2e-wrong/,
  ],
  [
    'labels that no pod has anywhere',
    create('-A', '--pod-selectors', 'app=web,app=db'),
    /no pod in any namespace has the labels app=web,app=db/,
    /none has all of these/,
  ],
  [
    'more Jobs than allowed',
    create('--job-num-limit', '1'),
    /this capture needs 2 Jobs, .* --job-num-limit allows 1/,
    /fewer nodes/,
  ],
  [
    'an unknown service account',
    create('--service-account', 'defualt'),
    /there is no service account defualt in namespace e2e-wrong/,
    /There: default\n {2}Did you mean: default/,
  ],
  [
    'an unknown priority class',
    create('--priority-class', 'urgent'),
    /there is no priority class urgent: no pod/,
    /There: system-cluster-critical, system-node-critical/,
  ],
  [
    'a namespace without pods',
    ['capture', 'create', '-n', EMPTY, '--pod-selectors', 'a=b'],
    /there are no pods in namespace e2e-wrong-empty/,
    /kubectl get pods -A/,
  ],
  [
    'a namespace that is not there',
    ['capture', 'create', '-n', 'e2e-wrogn', '--pod-names', 'a'],
    /there is no namespace e2e-wrogn/,
    /Did you mean: -n e2e-wrong/,
  ],
  [
    'a namespace that is not there, for nodes',
    ['capture', 'create', '-n', 'e2e-wrogn'],
    /there is no namespace e2e-wrogn/,
    /kubectl get namespaces/,
  ],
  [
    'a namespace selector that none has',
    create('--pod-selectors', 'app=web', '--namespace-selectors', 'kubernetes.io/metadata.name=e2e-wrogn'),
    /no namespace has the labels kubernetes.io\/metadata.name=e2e-wrogn/,
    /Did you mean: .*--namespace-selectors kubernetes.io\/metadata.name=e2e-wrong/,
  ],
  [
    'a name that is taken',
    create('--name', TAKEN),
    /there is already a capture taken in namespace e2e-wrong/,
    /--name, or remove it: kubectl retina capture delete taken -n e2e-wrong/,
  ],
  [
    'status of what is not there',
    capture('status', 'tkaen'),
    /there is no capture tkaen in namespace e2e-wrong/,
    there,
  ],
  ['stop of what is not there', capture('stop', 'tkaen'), /there is no capture tkaen in namespace e2e-wrong/, there],
  [
    'delete of what is not there',
    capture('delete', 'tkaen', TAKEN),
    /there is no capture tkaen in namespace e2e-wrong/,
    there,
  ],
  [
    'download of what is not there',
    capture('download', 'tkaen', '--host-path', '/mnt/none'),
    /no file of a capture tkaen was found in \/mnt\/none/,
    there,
  ],
  [
    'download from an unknown node',
    capture('download', TAKEN, '--node-names', 'node9'),
    /capture taken has no node node9/,
    /Its nodes: /,
  ],
  [
    'download of a deleted capture from an unknown node',
    capture('download', 'old', '--node-names', 'node9'),
    /there is no node node9/,
    /Nodes: node1, node2/,
  ],
];

/** Right command lines that ask for what the cluster does not hold. */
export function lackCases(): WrongCase[] {
  return rows.map(([what, args, message, hint]) => ({ what, args, code: 1, message, ...(hint ? { hint } : {}) }));
}
