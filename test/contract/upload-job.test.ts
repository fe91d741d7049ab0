import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { planCapture } from '../../src/capture/plan.ts';
import type { Destination, S3Keys } from '../../src/capture/request.ts';
import { summarize } from '../../src/capture/status.ts';
import { buildUploadJob } from '../../src/capture/upload-job.ts';
import { planUploads, type UploadRequest } from '../../src/capture/upload-plan.ts';
import { decodeUploadSpec } from '../../src/capture/upload-spec.ts';
import { encodeResult, type WorkloadResult } from '../../src/capture/workload-spec.ts';
import type { Job } from '../../src/kube/cluster.ts';
import { podOf, request, result, START, snapshot } from '../unit/support/builders.ts';

const GOLDEN = join(import.meta.dirname, '../golden/job-upload.json');
const RESCUED = '/var/lib/retina/rescued/web-node1.tar.gz';
const KEYS: S3Keys = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'example/secret', sessionToken: undefined };
const PLACE = { bucket: 'evidence', region: 'eu-central-1', endpoint: null, prefix: 'retina', ca: null } as const;
const BUCKET: Destination = {
  kind: 's3',
  place: { ...PLACE, checksums: 'when_supported' },
  access: { kind: 'keys', keys: KEYS },
};
const FAILED = {
  kind: 's3',
  location: 's3://evidence/retina/web-node1.tar.gz',
  ok: false,
  error: 'AccessDenied: no',
} as const;
const COPY = { kind: 'host-path', location: '/mnt/retina/captures/web-node1.tar.gz', ok: true } as const;

/** A capture to a bucket, and to other places too, whose nodes have ended in these ways. */
function captured(results: readonly (Partial<WorkloadResult> | undefined)[], more: readonly Destination[] = []) {
  const job = { ...request().job, serviceAccount: 'writer', image: 'registry.example/capture:v1' };
  const plan = planCapture(request({ destinations: [...more, BUCKET], job }), snapshot(), {
    id: 'run01',
    startedAt: START,
  });
  const jobs = plan.nodes.map(({ job: made, node }): Job => ({ ...made, metadata: { ...made.metadata, uid: node } }));
  const pods = jobs.map((made, index) => {
    const told = results[index];
    const node = plan.nodes[index]?.node ?? '';
    const message = told === undefined ? '' : encodeResult(result({ node, ...told }));
    const pod = podOf(made, { terminated: { exitCode: 1, message } });
    const annotations = made.spec?.template?.metadata?.annotations ?? {};
    return { ...pod, metadata: { ...pod.metadata, annotations } };
  });
  const [capture] = summarize({ jobs, pods, events: [] }, START);
  assert.ok(capture !== undefined);
  return capture;
}

const again = (extra: Partial<UploadRequest> = {}): UploadRequest => ({
  ...{ nodes: undefined, destinations: [], bucket: undefined, timeoutMs: 600_000, removeCopy: false },
  image: () => ({ image: 'registry.example/capture:v1', imagePullPolicy: 'IfNotPresent', imagePullSecrets: [] }),
  ...extra,
});
const LOST = { destinations: [FAILED], rescued: RESCUED };
const TAKEN = { destinations: [{ kind: 's3', location: FAILED.location, ok: true }] } satisfies Partial<WorkloadResult>;

suite('the Job of an upload', () => {
  const plan = planUploads(captured([LOST, TAKEN]), again(), 'abcde');
  const [order] = plan.orders;
  assert.ok(order !== undefined);
  const job = buildUploadJob(order);

  test('is the one in test/golden/job-upload.json, byte for byte', () => {
    const text = `${JSON.stringify(job, null, 2)}\n`;
    if (process.env.UPDATE_GOLDEN === '1') writeFileSync(GOLDEN, text);
    assert.equal(text, readFileSync(GOLDEN, 'utf8'));
  });

  test('has no capability, no token, a directory that is read-only, and the Secret and account of the capture', () => {
    const pod = job.spec?.template?.spec;
    const { containers = [], volumes = [] } = pod ?? {};
    assert.deepEqual(containers[0]?.securityContext?.capabilities, { drop: ['ALL'] });
    assert.deepEqual([pod?.automountServiceAccountToken, pod?.serviceAccountName], [false, 'writer']);
    assert.equal(containers[0]?.volumeMounts?.find(({ name }) => name === 'kept')?.readOnly, true);
    assert.deepEqual(volumes.find(({ name }) => name === 'kept')?.hostPath, {
      path: '/var/lib/retina/rescued',
      type: 'Directory',
    });
    assert.deepEqual(
      volumes.flatMap(({ secret }) => secret?.secretName ?? []),
      ['web-run01'],
    );
    const removing = { ...order, spec: { ...order.spec, removeCopy: true } };
    const mounts = buildUploadJob(removing).spec?.template?.spec?.containers[0]?.volumeMounts;
    assert.equal(mounts?.find(({ name }) => name === 'kept')?.readOnly, false);
  });

  test('is no capture for whoever looks for captures, and its order can be read back', () => {
    assert.equal(job.metadata?.labels?.['capture-name'], undefined);
    const text = job.spec?.template?.metadata?.annotations?.['retina.sh/upload'] ?? '';
    assert.deepEqual(decodeUploadSpec(text), order.spec);
    assert.throws(() => decodeUploadSpec(text.replace('"version":3', '"version":2')), /has version 2/);
  });
});

suite('what is sent again, and to where', () => {
  const placesOf = (of: ReturnType<typeof planUploads>) =>
    of.orders.map(({ spec }) => [spec.result.node, spec.place.path, ...spec.destinations.map(({ kind }) => kind)]);

  test('without flags: what was refused, to who refused it, from where it is kept', () => {
    const both = captured([LOST, { destinations: [COPY, FAILED] }], request().destinations);
    assert.deepEqual(placesOf(planUploads(both, again(), 'x')), [
      ['node1', '/var/lib/retina/rescued', 'host-path', 's3'],
      ['node2', '/mnt/retina/captures', 's3'],
    ]);
    assert.deepEqual(placesOf(planUploads(both, again({ nodes: ['node2'] }), 'x')).length, 1);
    assert.throws(() => planUploads(both, again({ nodes: ['node3'] }), 'x'), /capture web has no node node3/);
    assert.deepEqual(planUploads(captured([TAKEN, TAKEN]), again(), 'x').orders, []);
  });

  test('with another destination: every copy goes there, and nowhere else; typed credentials are in a Secret alone', () => {
    const other: Destination = { ...BUCKET, place: { ...BUCKET.place, bucket: 'other' } };
    const plan = planUploads(captured([LOST, TAKEN]), again({ destinations: [other] }), 'x');
    assert.deepEqual(placesOf(plan), [['node1', '/var/lib/retina/rescued', 's3']]);
    assert.deepEqual(
      plan.missing.map(({ node }) => node),
      ['node2'],
    );
    assert.equal(plan.secret?.stringData?.['s3-secret-access-key'], KEYS.secretAccessKey);
    const text = JSON.stringify(plan.orders.map(buildUploadJob));
    assert.ok(!text.includes(KEYS.secretAccessKey) && !text.includes(KEYS.accessKeyId));
    assert.ok(text.includes(`"secretName":"${plan.secret?.metadata?.name}"`));
  });

  test('the same bucket in another way: what is not given stays as it was', () => {
    const access = { kind: 'secret', name: 'mine' } as const;
    const changed = (bucket: UploadRequest['bucket']) => {
      const [order] = planUploads(captured([LOST, TAKEN]), again({ bucket }), 'x').orders;
      const [to] = order?.spec.destinations ?? [];
      return to?.kind === 's3' ? [to.bucket, to.prefix, to.endpoint, to.access?.secret] : [];
    };
    assert.deepEqual(changed({ place: {}, access }), ['evidence', 'retina', null, 'mine']);
    const moved = { place: { endpoint: 'https://s3.example' }, access: undefined };
    assert.deepEqual(changed(moved), ['evidence', 'retina', 'https://s3.example', 'web-run01']);
  });

  test('a node that cannot be helped is told, with the reason', () => {
    const none = { destinations: [FAILED], tarball: null, errors: ['node1: the disk failed'] };
    const { missing, orders } = planUploads(captured([none, undefined]), again(), 'x');
    assert.deepEqual(orders, []);
    assert.match(missing[0]?.why ?? '', /^has no tarball: the disk failed/);
    assert.match(
      missing[1]?.why ?? '',
      /^has told no result, so nothing is known of its tarball: Error \(exit code 1\)/,
    );
  });
});
