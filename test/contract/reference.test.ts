import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { buildJob, NO_MESH } from '../../src/capture/job.ts';
import { captureSelector, captureStem, isTarballOf, tarballName } from '../../src/capture/names.ts';
import { nodeOfJob } from '../../src/capture/node-of-job.ts';
import type { NodePath } from '../../src/capture/request.ts';
import { findSources } from '../../src/capture/sources.ts';
import { summarize } from '../../src/capture/status.ts';
import type { Cluster, Job, Pod, Secret } from '../../src/kube/cluster.ts';
import { request, START, spec } from '../unit/support/builders.ts';
import { clusterPart } from '../unit/support/cluster-part.ts';

function golden<T>(name: string): T {
  return JSON.parse(readFileSync(join(import.meta.dirname, '../golden', name), 'utf8')) as T;
}

/** What the reference CLI sent to an API server (microsoft/retina at 532c5aa2), without what the server added. */
const recorded = golden<Job>('reference-job.json');
const secrets = golden<Secret[]>('reference-secrets.json');
const theirs: Job = {
  ...recorded,
  metadata: { ...recorded.metadata, namespace: 'shop', uid: 'u', creationTimestamp: '2026-11-21T11:35:27Z' },
};
const ours = buildJob(spec(), request().job, { id: 'run01', startedAt: START });
const STEM = 'ref-node1-20261121113527UTC';

/** Its pod, once its one container has ended. */
function ended(exitCode: number): Pod {
  const terminated = { exitCode, reason: exitCode === 0 ? 'Completed' : 'Error' };
  const { metadata, spec: podSpec } = theirs.spec?.template ?? {};
  return {
    metadata: {
      ...metadata,
      namespace: 'shop',
      name: 'ref-x',
      ownerReferences: [{ apiVersion: 'batch/v1', kind: 'Job', name: 'ref', uid: 'u' }],
    },
    spec: { ...podSpec, containers: podSpec?.containers ?? [], nodeName: 'node1' },
    status: {
      phase: exitCode === 0 ? 'Succeeded' : 'Failed',
      containerStatuses: [
        { name: 'capture', image: '', imageID: '', ready: false, restartCount: 0, state: { terminated } },
      ],
    },
  };
}

/** Of a cluster, only what reads captures. */
function clusterOf(pods: readonly Pod[]): Cluster {
  const lists: Record<string, unknown[]> = { jobs: [theirs], pods: [...pods], events: [] };
  const list = async (kind: string) => lists[kind] ?? [];
  return clusterPart({ namespace: 'shop', now: () => START, list });
}

suite('captures of the reference CLI, read by ours', () => {
  test('state, node, directory and file name', () => {
    const [capture] = summarize({ jobs: [theirs], pods: [ended(0)], events: [] }, START);
    const [node] = capture?.nodes ?? [];
    assert.deepEqual([capture?.name, capture?.namespace, capture?.state], ['ref', 'shop', 'Completed']);
    assert.deepEqual([node?.node, node?.phase, node?.stem], ['node1', 'completed', STEM]);
    assert.equal(node?.hostPath, '/var/log/retina/captures/refcap');
    // Its image does not hold this program: a download must not run it.
    assert.equal(node?.image, undefined);
  });

  test('without a pod too, and when it failed', () => {
    assert.equal(nodeOfJob(theirs), 'node1');
    const [waiting] = summarize({ jobs: [theirs], pods: [], events: [] }, START);
    assert.deepEqual([waiting?.state, waiting?.nodes[0]?.stem], ['Pending', STEM]);
    const [failed] = summarize({ jobs: [theirs], pods: [ended(1)], events: [] }, START);
    assert.deepEqual([failed?.state, failed?.nodes[0]?.problem], ['Failed', 'Error (exit code 1)']);
  });

  test('its tarball is found where it is', async () => {
    const sources = await findSources(clusterOf([ended(0)]), 'ref', {
      hostPath: '/x' as NodePath,
      nodes: undefined,
      partial: false,
    });
    assert.deepEqual([sources.missing, sources.known], [[], true]);
    const [source] = sources.found;
    assert.equal(source?.node, 'node1');
    assert.deepEqual(source?.ways, [{ kind: 'directory', hostPath: '/var/log/retina/captures/refcap' }]);
    assert.equal(source?.tarball, `${STEM}.tar.gz`);
    assert.ok(isTarballOf(`${STEM}.tar.gz`, 'ref', 'node1'));
  });

  test('its Job, pods and Secrets have the labels by which we delete', () => {
    const all = [theirs.metadata, theirs.spec?.template?.metadata, ...secrets.map(({ metadata }) => metadata)];
    for (const metadata of all) {
      const labels = Object.entries(metadata?.labels ?? {}).map(([key, value]) => `${key}=${value}`);
      assert.deepEqual(labels.sort(), captureSelector('ref').split(',').sort());
    }
  });

  test('its Secrets have the keys that ours have', () => {
    const keys = secrets.flatMap(({ data }) => Object.keys(data ?? {}));
    assert.deepEqual(keys, ['blob-upload-url', 's3-access-key-id', 's3-secret-access-key']);
  });
});

suite('our captures, read by the reference CLI', () => {
  // cli/cmd/capture/{table_util,delete,download}.go list by LabelPrefix+"/app" and "capture-name" (pkg/label/k8s.go).
  test('labels of the Job and of its pods: the same keys, and the same application', () => {
    const keys = (made: Job) =>
      [made.metadata?.labels, made.spec?.template?.metadata?.labels].map((l) => Object.keys(l ?? {}).sort());
    const [job, pod = []] = keys(ours);
    // That of a mesh is ours alone.
    const shared = pod.filter((key) => !Object.hasOwn(NO_MESH.labels, key));
    assert.deepEqual([job, shared], keys(theirs));
    assert.equal(ours.metadata?.labels?.['retina.sh/app'], theirs.metadata?.labels?.['retina.sh/app']);
  });

  // pkg/capture/constants/annotations.go: without file name and host path, its download ends with an error.
  test('annotations of the pod: all that it writes, in its forms', () => {
    const [own, its] = [ours, theirs].map((job) => job.spec?.template?.metadata?.annotations ?? {});
    for (const key of Object.keys(its ?? {})) assert.notEqual(own?.[key], undefined, key);
    const stamp = /^\d{14}UTC$/;
    for (const annotations of [own, its]) {
      assert.match(annotations?.['retina-capture-timestamp'] ?? '', stamp);
      assert.match(annotations?.['retina-capture-filename'] ?? '', /^[a-z0-9-]+-node1-\d{14}UTC$/);
    }
  });

  // pkg/capture/constants/job_specification.go: CaptureContainername.
  test('the container has its name', () => {
    const names = [ours, theirs].map((job) => job.spec?.template?.spec?.containers.map(({ name }) => name));
    assert.deepEqual(names[0], names[1]);
  });

  // cli/cmd/capture/download.go reads <host path>/<file name>.tar.gz.
  test('the tarball lies where it looks, under the name that it forms', () => {
    const annotations = ours.spec?.template?.metadata?.annotations ?? {};
    const volume = ours.spec?.template?.spec?.volumes?.find(({ hostPath }) => hostPath !== undefined);
    assert.equal(volume?.hostPath?.path, annotations['retina-capture-hostpath']);
    assert.equal(`${annotations['retina-capture-filename']}.tar.gz`, tarballName(captureStem('web', 'node1', START)));
    assert.equal(captureStem('ref', 'node1', new Date('2026-11-21T11:35:27Z')), STEM);
  });

  // table_util.go prints Succeeded/Completions; download.go takes pods in phase Succeeded only.
  test('a Job of one pod that is not tried again', () => {
    assert.equal(ours.spec?.completions ?? 1, theirs.spec?.completions);
    assert.equal(ours.spec?.backoffLimit, theirs.spec?.backoffLimit);
    assert.equal(ours.spec?.template?.spec?.restartPolicy, theirs.spec?.template?.spec?.restartPolicy);
  });
});
