import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { planCapture } from '../../src/capture/plan.ts';
import type { Destination } from '../../src/capture/request.ts';
import { parseSasUrl } from '../../src/capture/sas.ts';
import { request, START, snapshot } from '../unit/support/builders.ts';

const GOLDEN = join(import.meta.dirname, '../golden');
const RUN = { id: 'run01', startedAt: START };

suite('the Job and Secret of a capture to all destinations', () => {
  const sas = parseSasUrl('https://acct.blob.core.windows.net/caps?sv=2026-10-06&sr=c&sp=w&sig=c2VjcmV0');
  assert.ok(!(sas instanceof Error));
  const keys = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'example/secret', sessionToken: 'example-token' };
  const s3Place = {
    bucket: 'evidence',
    region: 'eu-central-1',
    endpoint: null,
    prefix: 'retina/captures',
    ca: null,
    checksums: 'when_supported',
  } as const;
  const destinations: readonly Destination[] = [
    ...request().destinations,
    { kind: 'pvc', claim: 'shared' },
    { kind: 'blob', access: { kind: 'sas', sas } },
    { kind: 's3', place: s3Place, access: { kind: 'keys', keys } },
  ];
  const storage = {
    claims: [{ name: 'shared', phase: 'Bound', modes: ['ReadWriteMany'], ...{ block: false, deleted: false } }].map(
      (claim) => ({ ...claim, waits: undefined, nodes: undefined }),
    ),
    secrets: undefined,
  };
  const plan = planCapture(request({ destinations, cleanup: 'cluster' }), snapshot({ storage }), RUN);
  const [first] = plan.nodes;

  test('are the ones in test/golden/job-stores.json, byte for byte', () => {
    const text = `${JSON.stringify({ secret: plan.secret, job: first?.job }, null, 2)}\n`;
    const golden = join(GOLDEN, 'job-stores.json');
    if (process.env.UPDATE_GOLDEN === '1') writeFileSync(golden, text);
    assert.equal(text, readFileSync(golden, 'utf8'));
  });

  test('no credential is in the Job: it is in the Secret, mounted read-only for root alone', () => {
    const text = JSON.stringify(first?.job);
    for (const credential of ['c2VjcmV0', 'AKIAEXAMPLE', 'example/secret', 'example-token']) {
      assert.ok(!text.includes(credential), credential);
      assert.ok(JSON.stringify(plan.secret?.stringData).includes(credential), credential);
    }
    const { volumes = [], containers = [] } = first?.job.spec?.template?.spec ?? {};
    const mounted = volumes.filter(({ secret }) => secret !== undefined);
    assert.deepEqual(
      mounted.map(({ secret }) => [secret?.secretName, secret?.defaultMode]),
      [
        ['web-run01', 0o400],
        ['web-run01', 0o400],
      ],
    );
    for (const { name } of mounted)
      assert.equal(containers[0]?.volumeMounts?.find((mount) => mount.name === name)?.readOnly, true);
  });

  test('the Secret has the keys of the reference and the labels of the capture', () => {
    const names = ['blob-upload-url', 's3-access-key-id', 's3-secret-access-key', 's3-session-token'];
    assert.deepEqual(Object.keys(plan.secret?.stringData ?? {}), names);
    assert.deepEqual(plan.secret?.metadata?.labels, first?.job.metadata?.labels);
    assert.equal(plan.secret?.metadata?.annotations?.['retina.sh/run'], 'run01');
  });

  test('Secrets that are there already are mounted and none is made; an identity needs none', () => {
    const mountedOf = (...to: Destination[]) => {
      const planned = planCapture(request({ destinations: to }), snapshot(), RUN);
      assert.equal(planned.secret, undefined);
      const volumes = planned.nodes[0]?.job.spec?.template?.spec?.volumes ?? [];
      return volumes.flatMap(({ secret }) => secret?.secretName ?? []);
    };
    const named = { kind: 'secret', name: 'mine' } as const;
    assert.deepEqual(mountedOf({ kind: 'blob', access: named }), ['mine']);
    assert.deepEqual(mountedOf({ kind: 's3', place: s3Place, access: named }), ['mine']);
    assert.deepEqual(mountedOf({ kind: 's3', place: s3Place, access: { kind: 'identity' } }), []);
  });

  test("an identity of Azure: no Secret, and the pod has the label that Azure's webhook looks for; others have not", () => {
    const container = 'https://acct.blob.core.windows.net/caps';
    const to: Destination = { kind: 'blob', access: { kind: 'identity', container } };
    const planned = planCapture(request({ destinations: [to] }), snapshot(), RUN);
    assert.equal(planned.secret, undefined);
    const { metadata, spec } = planned.nodes[0]?.job.spec?.template ?? {};
    const label = 'azure.workload.identity/use';
    assert.equal(metadata?.labels?.[label], 'true');
    assert.deepEqual(
      spec?.volumes?.flatMap(({ secret }) => secret?.secretName ?? []),
      [],
    );
    assert.equal(spec?.automountServiceAccountToken, false);
    assert.equal(first?.job.spec?.template.metadata?.labels?.[label], undefined);
  });

  test('certificates of further authorities travel in the own Secret, beside one that is there already', () => {
    const access = { kind: 'secret', name: 'mine' } as const;
    const to: Destination = { kind: 's3', place: { ...s3Place, ca: 'PEM' }, access };
    const planned = planCapture(request({ destinations: [to] }), snapshot(), RUN);
    assert.deepEqual(planned.secret?.stringData, { 's3-ca.crt': 'PEM' });
    const { volumes = [] } = planned.nodes[0]?.job.spec?.template?.spec ?? {};
    assert.deepEqual(
      volumes.flatMap(({ secret }) => secret?.secretName ?? []),
      ['mine', 'web-run01'],
    );
  });

  test('packets lie on the node: in the host path, or in /var/lib/retina, never in an emptyDir', () => {
    const volumes = first?.job.spec?.template?.spec?.volumes ?? [];
    assert.ok(volumes.every(({ emptyDir }) => emptyDir === undefined));
    assert.deepEqual(
      volumes.flatMap(({ hostPath }) => hostPath?.path ?? []),
      ['/mnt/retina/captures', '/var/lib/retina'],
    );
  });

  test('create tells every place', () => {
    const name = 'web-node1-20261121101500UTC.tar.gz';
    assert.deepEqual(
      [first?.tarball, ...(first?.elsewhere ?? [])],
      [
        `/mnt/retina/captures/${name}`,
        `pvc/shared/${name}`,
        `https://acct.blob.core.windows.net/caps/${name}`,
        `s3://evidence/retina/captures/${name}`,
      ],
    );
  });
});
