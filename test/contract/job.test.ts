import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { buildDownloadJob } from '../../src/capture/download-job.ts';
import { buildJob, NO_MESH } from '../../src/capture/job.ts';
import { captureStem, tarballName } from '../../src/capture/names.ts';
import { planCapture } from '../../src/capture/plan.ts';
import type { JobSettings, NodePath } from '../../src/capture/request.ts';
import { buildUploadJob } from '../../src/capture/upload-job.ts';
import { decodeSpec, WORKLOAD_VERSION, type WorkloadSpec } from '../../src/capture/workload-spec.ts';
import { request, result, START, snapshot, spec } from '../unit/support/builders.ts';

const GOLDEN = join(import.meta.dirname, '../golden');
const RUN = { id: 'run01', startedAt: START };

function build(settings: Partial<JobSettings> = {}) {
  return buildJob(spec(), { ...request().job, ...settings }, RUN);
}

const job = build();
const pktmon = { pods: ['10.244.3.9'], include: [], exclude: [], sources: [], destinations: [] };
const windows = buildJob(spec({ node: 'w1', tool: 'pktmon', pktmon }), request().job, RUN);
const template = job.spec?.template;
const pod = template?.spec;
const [container] = pod?.containers ?? [];

suite('the Job of a capture', () => {
  for (const [name, made] of [
    ['job.json', job],
    ['job-windows.json', windows],
  ] as const) {
    test(`is the one in test/golden/${name}, byte for byte (UPDATE_GOLDEN=1 writes it anew)`, () => {
      const text = `${JSON.stringify(made, null, 2)}\n`;
      if (process.env.UPDATE_GOLDEN === '1') writeFileSync(join(GOLDEN, name), text);
      assert.equal(text, readFileSync(join(GOLDEN, name), 'utf8'));
    });
  }

  test('limits are only there when they were asked for', () => {
    const resources = (settings: Partial<JobSettings>) =>
      build(settings).spec?.template?.spec?.containers[0]?.resources;
    assert.deepEqual(resources({}), { requests: { cpu: '10m' } });
    assert.deepEqual(resources({ cpuLimit: '1' }), { requests: { cpu: '10m' }, limits: { cpu: '1' } });
    const both = resources({ cpuLimit: '1', memoryLimit: '1Gi' });
    assert.deepEqual(both?.limits, { cpu: '1', memory: '1Gi' });
  });

  test('who the pod is, what it may pull and displace: only when asked for', () => {
    const asked = build({ imagePullSecrets: ['pull'], serviceAccount: 'sa', priorityClass: 'high' });
    const podSpec = asked.spec?.template?.spec;
    assert.deepEqual(podSpec?.imagePullSecrets, [{ name: 'pull' }]);
    assert.deepEqual([podSpec?.serviceAccountName, podSpec?.priorityClassName], ['sa', 'high']);
    assert.equal(podSpec?.automountServiceAccountToken, false);
    for (const key of ['imagePullSecrets', 'serviceAccountName', 'priorityClassName']) assert.ok(!(key in (pod ?? {})));
  });

  test('it goes a week after its end, or when asked for; 0 is never', () => {
    const ttl = (settings: Partial<JobSettings>) => build(settings).spec?.ttlSecondsAfterFinished;
    assert.deepEqual([ttl({}), ttl({ ttlSeconds: 60 }), ttl({ ttlSeconds: null })], [604_800, 60, undefined]);
  });

  test('it ends by itself, an hour after it should have; without a duration it has no such limit', () => {
    const deadline = (extra: Partial<WorkloadSpec>) =>
      buildJob(spec(extra), request().job, RUN).spec?.activeDeadlineSeconds;
    assert.equal(deadline({}), 60 + 600 + 3600);
    assert.equal(deadline({ durationMs: null }), undefined);
    assert.equal(deadline({ start: { kind: 'word', withinMs: 120_000 } }), 120 + 60 + 600 + 3600);
    const at = (ms: number) => ({ kind: 'at' as const, at: new Date(RUN.startedAt.getTime() + ms).toISOString() });
    assert.equal(deadline({ start: at(86_400_000) }), 86_400 + 60 + 600 + 3600);
    assert.equal(deadline({ start: at(-1000) }), 60 + 600 + 3600);
    assert.equal(deadline({ start: at(1000), durationMs: null }), undefined);
  });

  test('the image and its policy are those of the request', () => {
    const asked = build({ image: 'a/b:c', imagePullPolicy: 'Never' }).spec?.template?.spec?.containers[0];
    assert.deepEqual([asked?.image, asked?.imagePullPolicy], ['a/b:c', 'Never']);
  });
});

// product.md, "Contracts that others may rely on": the reference CLI and editor extensions read these.
suite('what others rely on', () => {
  test('labels, on the Job and on its pod', () => {
    const labels = { 'retina.sh/app': 'capture', 'capture-name': 'web' };
    assert.deepEqual(job.metadata?.labels, labels);
    assert.deepEqual(template?.metadata?.labels, { ...labels, ...NO_MESH.labels });
  });

  test('the container is called capture', () => {
    assert.deepEqual(
      pod?.containers.map(({ name }) => name),
      ['capture'],
    );
  });

  test('annotations of the pod: file name, timestamp, host path', () => {
    const annotations = template?.metadata?.annotations ?? {};
    assert.equal(annotations['retina-capture-filename'], 'web-node1-20261121101500UTC');
    assert.equal(annotations['retina-capture-timestamp'], '20261121101500UTC');
    assert.equal(annotations['retina-capture-hostpath'], '/mnt/retina/captures');
  });

  test('the tarball is called <capture>-<node>-<YYYYMMDDHHMMSS>UTC.tar.gz, and create tells it', () => {
    assert.equal(tarballName(captureStem('web', 'node1', START)), 'web-node1-20261121101500UTC.tar.gz');
    for (const planned of planCapture(request(), snapshot(), RUN).nodes) {
      const annotations = planned.job.spec?.template?.metadata?.annotations ?? {};
      const stem = annotations['retina-capture-filename'] ?? '';
      assert.equal(planned.tarball, `/mnt/retina/captures/${stem}.tar.gz`);
      assert.equal(decodeSpec(annotations['retina.sh/workload'] ?? '').stem, stem);
    }
  });

  test('one start time for all nodes of a capture', () => {
    const stamps = planCapture(request(), snapshot(), RUN).nodes.map(
      ({ job: each }) => each.spec?.template?.metadata?.annotations?.['retina-capture-timestamp'],
    );
    assert.deepEqual(new Set(stamps), new Set(['20261121101500UTC']));
  });

  test('the directory on the node is mounted where the workload is told that it is', () => {
    const volume = pod?.volumes?.find(({ hostPath }) => hostPath !== undefined);
    assert.deepEqual(volume?.hostPath, { path: '/mnt/retina/captures', type: 'DirectoryOrCreate' });
    const mount = container?.volumeMounts?.find(({ name }) => name === volume?.name);
    const told = decodeSpec(template?.metadata?.annotations?.['retina.sh/workload'] ?? '');
    const [to] = told.destinations;
    assert.equal(to?.kind === 'host-path' && mount?.mountPath, to?.kind === 'host-path' && to.directory);
  });

  test('a node is chosen by its name, not by its hostname label; one Pod, one try, in trouble too', () => {
    const [term, ...more] =
      pod?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
    assert.deepEqual(more, []);
    assert.deepEqual(term, { matchFields: [{ key: 'metadata.name', operator: 'In', values: ['node1'] }] });
    assert.equal(pod?.nodeSelector, undefined);
    assert.deepEqual([job.spec?.backoffLimit, pod?.restartPolicy], [0, 'Never']);
    assert.deepEqual(
      pod?.tolerations?.map(({ operator, effect }) => `${operator} ${effect}`),
      ['Exists NoSchedule', 'Exists NoExecute'],
    );
  });
});

test('the Job of a download pulls with the secrets of the capture', () => {
  const image = { image: 'a/b:c', imagePullPolicy: 'Always', imagePullSecrets: ['pull'] };
  const order = { capture: 'web', namespace: 'shop', node: 'node1', hostPath: '/x' as NodePath, id: 'x' };
  const made = buildDownloadJob({ ...order, image }).spec?.template?.spec;
  assert.deepEqual(made?.imagePullSecrets, [{ name: 'pull' }]);
  const without = buildDownloadJob({ ...order, image: { ...image, imagePullSecrets: [] } });
  assert.equal(without.spec?.template?.spec?.imagePullSecrets, undefined);
});

suite('the Job of a Windows node', () => {
  const windowsPod = windows.spec?.template?.spec;
  const [windowsContainer] = windowsPod?.containers ?? [];

  test('a HostProcess container of the system, on the network of its node', () => {
    assert.deepEqual(windowsPod?.os, { name: 'windows' });
    assert.deepEqual(windowsPod?.securityContext?.windowsOptions, {
      hostProcess: true,
      runAsUserName: 'NT AUTHORITY\\SYSTEM',
    });
    assert.equal(windowsPod?.hostNetwork, true);
  });

  test('Windows has no SIGTERM: before its end, the workload is told so', () => {
    assert.deepEqual(windowsContainer?.lifecycle?.preStop?.exec?.command, ['kubectl-retina.exe', 'end-workload']);
    assert.equal(container?.lifecycle, undefined);
    const recipe = readFileSync(join(import.meta.dirname, '../../Dockerfile.windows'), 'utf8');
    assert.match(recipe, /^COPY dist\/kubectl-retina-win-x64\.exe kubectl-retina\.exe$/m);
    assert.match(recipe, /^ENTRYPOINT \["kubectl-retina\.exe"\]$/m);
  });

  test('nothing that only Linux has: the API server refuses it for Windows', () => {
    assert.deepEqual(Object.keys(windowsPod?.securityContext ?? {}), ['windowsOptions']);
    assert.equal(windowsPod?.shareProcessNamespace, undefined);
    assert.equal(windowsContainer?.securityContext, undefined);
  });

  test('all else is as on Linux: orders, mounts, labels, node', () => {
    assert.deepEqual(windowsContainer?.volumeMounts, container?.volumeMounts);
    assert.deepEqual(windowsPod?.volumes, pod?.volumes);
    assert.deepEqual(windows.spec?.template?.metadata?.labels, template?.metadata?.labels);
    assert.equal(
      decodeSpec(windows.spec?.template?.metadata?.annotations?.['retina.sh/workload'] ?? '').tool,
      'pktmon',
    );
  });
});

suite('least privilege', () => {
  test('capabilities: all dropped but those that tcpdump needs; never privileged', () => {
    const security = container?.securityContext;
    assert.deepEqual(security?.capabilities, { drop: ['ALL'], add: ['NET_ADMIN', 'NET_RAW', 'SETGID', 'SETUID'] });
    assert.equal(security?.allowPrivilegeEscalation, false);
    assert.equal(security?.privileged, undefined);
  });

  test('the root file system is read-only, seccomp is on', () => {
    assert.equal(container?.securityContext?.readOnlyRootFilesystem, true);
    assert.deepEqual(pod?.securityContext?.seccompProfile, { type: 'RuntimeDefault' });
  });

  test('no token of a service account, no environment, no other namespaces of the host', () => {
    assert.equal(pod?.automountServiceAccountToken, false);
    assert.equal(pod?.serviceAccountName, undefined);
    assert.equal(pod?.enableServiceLinks, false);
    assert.deepEqual([pod?.hostNetwork, pod?.hostPID, pod?.hostIPC], [true, undefined, undefined]);
    assert.deepEqual([container?.env, container?.envFrom, container?.command], [undefined, undefined, undefined]);
  });

  test('no sidecar of a service mesh: in none of the pods', () => {
    const order = { capture: 'web', namespace: 'shop', node: 'node1', hostPath: '/x' as NodePath, id: 'x' };
    const image = { image: 'a/b:c', imagePullPolicy: 'Always', imagePullSecrets: [] };
    const reads = { result: result(), place: { path: '/x', directory: '/captures' }, destinations: [] };
    const uploaded = { ...reads, version: WORKLOAD_VERSION, timeoutMs: 1, removeCopy: false } as const;
    const upload = { spec: uploaded, namespace: 'shop', image, serviceAccount: undefined, id: 'x' };
    for (const made of [job, windows, buildDownloadJob({ ...order, image }), buildUploadJob(upload)]) {
      const { labels, annotations } = made.spec?.template?.metadata ?? {};
      assert.equal(labels?.['sidecar.istio.io/inject'], 'false');
      assert.equal(annotations?.['sidecar.istio.io/inject'], 'false');
      assert.equal(annotations?.['linkerd.io/inject'], 'disabled');
    }
  });

  test('volumes: its orders, read-only, and the one directory on the node', () => {
    assert.deepEqual(
      pod?.volumes?.map(({ name, ...source }) => Object.keys(source)),
      [['downwardAPI'], ['hostPath']],
    );
    const orders = container?.volumeMounts?.find(({ name }) => name === pod?.volumes?.[0]?.name);
    assert.equal(orders?.readOnly, true);
  });
});
