import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { execa } from 'execa';
import { CLI, IMAGE, retina } from './cli.ts';
import { apply, kubectl, NODES, namespace, onNode, STATE } from './cluster.ts';
import { blobServer, S3_KEYS, s3Server } from './stores.ts';
import { makeVolumes, removeVolumes } from './volumes.ts';

/** Where the commands of one page run. */
export type DocLab = { namespace: string; directory: string; s3: string; blob: string; sas: string };

type StandIn = readonly [what: RegExp, standIn: (lab: DocLab) => string];

/** What pages name, and what takes its place here; anything else is run as it is written. */
const STAND_INS: readonly StandIn[] = [
  [/(?<=(-n |namespace |metadata\.name=|--serviceaccount=))(shop|captures)\b/gu, (lab) => lab.namespace],
  [/(?<=--duration )[1-9]\w*/gu, () => '1s'],
  [/(?<=capture create)(?![^|;]*(--duration|--file-count))/gu, () => ' --duration 1s'],
  [/https:\/\/acct\.blob\.core\.windows\.net\/caps/gu, (lab) => lab.blob],
  [/--s3-region eu-central-1/gu, (lab) => `--s3-endpoint ${lab.s3}`],
  [/https:\/\/minio\.example:9000/gu, (lab) => lab.s3],
  [/registry\.example\/retina-capture:\S+/gu, () => IMAGE],
  // Not of a namespace, so of no other page or test.
  [/\bcapturer-nodes\b/gu, (lab) => `${lab.namespace}-nodes`],
];

/** A page's command as it is run here. */
export function standIn(script: string, lab: DocLab): string {
  return STAND_INS.reduce((text, [what, by]) => text.replaceAll(what, () => by(lab)), script);
}

const SERVE_AND_ASK =
  'echo ok >/index.html; busybox httpd -p 80 -h /; while :; do busybox wget -qO /dev/null http://web/; sleep 0.2; done';

/** A Deployment, a Service, a StatefulSet and a pod called web-0: what the pages aim at. */
function workload(ns: string): object[] {
  const metadata = (name: string) => ({ name, namespace: ns, labels: { app: name } });
  const container = { name: 'main', image: 'localhost/debian:test', command: ['sh', '-c', SERVE_AND_ASK] };
  const pod = { terminationGracePeriodSeconds: 0, tolerations: [{ operator: 'Exists' }], containers: [container] };
  // One on each node, as the recorded session has them.
  const spread = (app: string) => [
    {
      ...{ maxSkew: 1, topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'DoNotSchedule' },
      labelSelector: { matchLabels: { app } },
    },
  ];
  const template = (app: string) => ({
    metadata: { labels: { app } },
    spec: { ...pod, topologySpreadConstraints: spread(app) },
  });
  const pods = (app: string) => ({ selector: { matchLabels: { app } }, template: template(app) });
  return [
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata: metadata('web'), spec: { ...pods('web'), replicas: 2 } },
    {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: metadata('db'),
      spec: { ...pods('db'), serviceName: 'db' },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: metadata('web'),
      spec: { selector: { app: 'web' }, ports: [{ port: 80 }] },
    },
    { apiVersion: 'v1', kind: 'Pod', metadata: metadata('web-0'), spec: pod },
  ];
}

/** Captures that pages delete by themselves: `list` names them no more when their files are removed. */
export const DELETED = ['ci-3', 'first', 'gh-1', 'gl-2', 'j-3', 'slow', 'slow-api'];

/** Where pages have files on the nodes, besides the usual directory. */
const DIRECTORIES = ['/mnt/evidence'];

/** Makes a namespace with all that a page's commands name; call the returned function at its end, which tells its captures. */
export async function openLab(lab: DocLab): Promise<() => Promise<string[]>> {
  const { namespace: ns, directory } = lab;
  const clean = await namespace(ns);
  await apply(...workload(ns));
  await makeVolumes(ns, { evidence: {} });
  mkdirSync(directory);
  cpSync(join(STATE, 'pki/ca.crt'), join(directory, 'ca.crt'));
  const config = readFileSync(process.env.KUBECONFIG ?? '', 'utf8');
  writeFileSync(join(directory, 'kubeconfig'), config, { mode: 0o600 });
  await kubectl('--kubeconfig', join(directory, 'kubeconfig'), 'config', 'set-context', '--current', '--namespace', ns);
  await Promise.all(
    ['deploy/web', 'sts/db'].map((name) => kubectl('-n', ns, 'rollout', 'status', name, '--timeout=90s')),
  );
  await kubectl('-n', ns, 'wait', '--for=condition=Ready', 'pod/web-0', '--timeout=60s');
  return async () => {
    const { stdout } = await retina(['capture', 'list', '-n', ns, '-o', 'name']);
    await retina(['capture', 'delete', '--all', '-n', ns]);
    const roles = [`${ns}-nodes`, `retina-capture:${ns}:anna`];
    await kubectl('delete', 'clusterrole,clusterrolebinding', ...roles, '--ignore-not-found');
    await removeVolumes(ns);
    await clean();
    for (const path of DIRECTORIES)
      for (const node of NODES) rmSync(onNode(node, path), { recursive: true, force: true });
    const names = stdout.split('\n').map((name) => name.split('/').at(-1) ?? '');
    return names.filter((name) => name !== '');
  };
}

/** Runs what a page says, as a reader's shell would; resolves to its exit code and all that it printed. */
export async function runAsReader(script: string, lab: DocLab): Promise<{ code: number; output: string }> {
  const env = {
    ...{ PATH: [dirname(CLI), process.env.PATH].join(delimiter), HOME: lab.directory, NO_COLOR: '1' },
    ...{ KUBECONFIG: join(lab.directory, 'kubeconfig'), RETINA_AGENT_IMAGE: IMAGE },
    ...{ AWS_ACCESS_KEY_ID: S3_KEYS.accessKeyId, AWS_SECRET_ACCESS_KEY: S3_KEYS.secretAccessKey },
    ...{ RETINA_BLOB_SAS_URL: lab.sas, SAS: lab.sas },
    ...{ GITHUB_RUN_ID: '1', CI_JOB_ID: '2', BUILD_NUMBER: '3' },
  };
  const options = { cwd: lab.directory, env, reject: false, all: true, stdin: 'ignore', timeout: 90_000 } as const;
  const { exitCode = -1, all } = await execa('bash', ['-euo', 'pipefail', '-c', standIn(script, lab)], options);
  return { code: exitCode, output: all };
}

/** The stores that pages deliver to. */
export async function openStores() {
  const [s3, blob] = [s3Server(17091), blobServer(17092)];
  await Promise.all([s3.start(), blob.start()]);
  await Promise.all([s3.makeBucket('evidence'), blob.makeContainer('caps')]);
  const sas = await blob.sas('caps', { permissions: 'rcwl' });
  const stores = { s3: s3.url, blob: sas.slice(0, sas.indexOf('?')), sas };
  return { stores, end: () => Promise.all([s3.end(), blob.end()]) };
}
