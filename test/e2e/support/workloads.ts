import { apply, items, kubectl, until } from './cluster.ts';
import { pod } from './traffic.ts';

const IMAGE = 'localhost/debian:test';
const SLEEP = ['sleep', '3600'];
const EVERYWHERE = [{ operator: 'Exists' }];

function container(command: readonly string[] = SLEEP): object {
  return { name: 'main', image: IMAGE, command };
}

function template(labels: Record<string, string>, spec: object, command?: readonly string[]): object {
  const pods = { terminationGracePeriodSeconds: 0, tolerations: EVERYWHERE, containers: [container(command)] };
  return { metadata: { labels }, spec: { ...pods, ...spec } };
}

/** One object of each kind that has pods; the numbers and nodes of those are known. */
function controllers(namespace: string, command: readonly string[]): object[] {
  const [app, core, batch] = [{ apiVersion: 'apps/v1' }, { apiVersion: 'v1' }, { apiVersion: 'batch/v1' }];
  const named = (name: string) => ({ metadata: { name, namespace } });
  const select = (name: string) => ({ selector: { matchLabels: { app: name } } });
  const one = (name: string, node: string, extra = {}) => template({ app: name }, { nodeName: node, ...extra });
  const apart = {
    podAntiAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [
        { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: 'web', real: 'yes' } } },
      ],
    },
  };
  const web = { replicas: 2, selector: { matchExpressions: [{ key: 'app', operator: 'In', values: ['web', 'x'] }] } };
  const linux = { nodeSelector: { 'kubernetes.io/os': 'linux' } };
  const once = one('once', 'node1', { restartPolicy: 'Never' });
  const tick = one('tick', 'node2', { restartPolicy: 'Never' });
  const service = (name: string, spec: object) => ({ ...core, kind: 'Service', ...named(name), spec });
  const ports = [{ port: 80 }];
  return [
    {
      ...{ ...app, kind: 'Deployment', ...named('web') },
      spec: { ...web, template: template({ app: 'web', real: 'yes' }, { affinity: apart }, command) },
    },
    {
      ...{ ...app, kind: 'StatefulSet', ...named('db') },
      spec: { ...select('db'), serviceName: 'db', template: one('db', 'node1') },
    },
    {
      ...app,
      kind: 'DaemonSet',
      ...named('agent'),
      spec: { ...select('agent'), template: template({ app: 'agent' }, linux) },
    },
    { ...app, kind: 'ReplicaSet', ...named('lone'), spec: { ...select('lone'), template: one('lone', 'node2') } },
    { ...batch, kind: 'Job', ...named('once'), spec: { template: once } },
    {
      ...batch,
      kind: 'CronJob',
      ...named('tick'),
      spec: { schedule: '0 0 1 1 *', jobTemplate: { spec: { template: tick } } },
    },
    {
      ...batch,
      kind: 'CronJob',
      ...named('never'),
      spec: { schedule: '0 0 1 1 *', jobTemplate: { spec: { template: tick } } },
    },
    {
      ...app,
      kind: 'Deployment',
      ...named('empty'),
      spec: { ...select('empty'), replicas: 0, template: one('empty', 'node1') },
    },
    service('web', { selector: { app: 'web' }, ports }),
    service('db', { clusterIP: 'None', selector: { app: 'db' }, ports }),
    service('slow', { selector: { app: 'slow' }, ports }),
    service('none', { selector: { app: 'none' }, ports }),
    service('manual', { ports }),
  ];
}

/** Pods in every state that is no ordinary one, by their names. */
function oddPods(namespace: string): object[] {
  const gate = { nodeName: undefined, schedulingGates: [{ name: 'test/never' }] };
  const unmounted = { volumes: [{ name: 'v', configMap: { name: 'missing' } }] };
  const never = { restartPolicy: 'Never' };
  const probe = { readinessProbe: { exec: { command: ['false'] }, periodSeconds: 60 } };
  return [
    // Has the labels of the Deployment and of the StatefulSet, and belongs to neither.
    {
      ...pod(namespace, 'decoy', 'node1', { c: SLEEP }),
      metadata: { name: 'decoy', namespace, labels: { app: 'web' } },
    },
    {
      ...pod(namespace, 'db-decoy', 'node2', { c: SLEEP }),
      metadata: { name: 'db-decoy', namespace, labels: { app: 'db' } },
    },
    pod(namespace, 'slow', 'node2', {}, { containers: [{ ...container(), ...probe }] }),
    pod(namespace, 'gated', 'node1', { c: SLEEP }, gate),
    pod(
      namespace,
      'bare',
      'node1',
      {},
      { containers: [{ ...container(), volumeMounts: [{ name: 'v', mountPath: '/v' }] }], ...unmounted },
    ),
    pod(namespace, 'done', 'node1', { c: ['true'] }, never),
    pod(namespace, 'broken', 'node2', { c: ['false'] }, never),
    pod(namespace, 'host', 'node2', { c: SLEEP }, { hostNetwork: true }),
    pod(namespace, 'leaving', 'node1', { c: SLEEP }, { terminationGracePeriodSeconds: 300 }),
  ];
}

type PodNow = {
  metadata: { name: string; ownerReferences?: { name: string }[] };
  spec: { nodeName: string };
  status: { podIPs?: { ip: string }[] };
};

/** Makes them all, waits until they are as they shall be, and returns the addresses of each running pod, by its name. */
export async function startWorkloads(namespace: string, command: readonly string[]): Promise<Map<string, PodNow>> {
  await apply(...controllers(namespace, command), ...oddPods(namespace));
  await kubectl('-n', namespace, 'create', 'job', 'tick-1', '--from=cronjob/tick');
  const phase = (name: string) => kubectl('-n', namespace, 'get', 'pod', name, '-o', 'jsonpath={.status.phase}');
  const ready = ['decoy', 'db-decoy', 'host', 'leaving'].map((name) => `pod/${name}`);
  const rollouts = ['deploy/web', 'sts/db', 'ds/agent'];
  await Promise.all([
    kubectl('-n', namespace, 'wait', '--for=condition=Ready', '--timeout=60s', ...ready),
    ...rollouts.map((name) => kubectl('-n', namespace, 'rollout', 'status', name, '--timeout=60s')),
    ...['app=once', 'app=tick', 'app=lone'].map((label) =>
      until(`a pod with ${label}`, async () => (await running(namespace, label)) > 0, 60),
    ),
    until('slow runs', async () => (await phase('slow')) === 'Running', 60),
    until('done has ended', async () => (await phase('done')) === 'Succeeded', 60),
    until('broken has failed', async () => (await phase('broken')) === 'Failed', 60),
  ]);
  await kubectl('-n', namespace, 'delete', 'pod', 'leaving', '--wait=false');
  const pods = await items<PodNow>('pods', '-n', namespace);
  await apply(slice(namespace, pods.find(({ metadata }) => metadata.name === 'db-0')?.status.podIPs?.[0]?.ip ?? ''));
  return new Map(pods.map((each) => [each.metadata.name, each]));
}

async function running(namespace: string, label: string): Promise<number> {
  return (await items('pods', '-n', namespace, '-l', label, '--field-selector', 'status.phase=Running')).length;
}

/** What stands behind a service without a selector: a pod, by its address alone, and something outside. */
function slice(namespace: string, address: string): object {
  return {
    ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: 'IPv4' },
    metadata: { name: 'manual-1', namespace, labels: { 'kubernetes.io/service-name': 'manual' } },
    endpoints: [{ addresses: [address] }, { addresses: ['192.0.2.1'] }],
    ports: [{ port: 80 }],
  };
}
