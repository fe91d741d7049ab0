import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Answered } from '../../../src/capture/access.ts';
import { type Finding, planFindings, rightsFindings } from '../../../src/capture/findings.ts';
import { neededRights } from '../../../src/capture/needed-rights.ts';
import type { CaptureRequest } from '../../../src/capture/request.ts';
import type { Snapshot } from '../../../src/capture/snapshot.ts';
import { node, request, START, snapshot } from '../support/builders.ts';

const RUN = { id: 'r1', startedAt: START };
const PLACE = { namespace: 'shop', wait: true, searched: [] };

function found(order: Partial<CaptureRequest>, there: Partial<Snapshot> = {}, targetRead = true): string[] {
  const read = { snapshot: snapshot(there), targetRead };
  return planFindings(request(order), read, { run: RUN, answers: [] }).findings.map(line);
}

const line = ({ check, state, message }: Finding): string => `${state} ${check}: ${message}`;

/** The answers of an API server that denies what matches. */
function answers(denied: RegExp, order = request()): Answered[] {
  return neededRights(order, PLACE).map((need) => ({
    ...need,
    allowed: !denied.test(`${need.verb} ${need.resource}/${need.subresource ?? ''}`),
  }));
}

const job = (extra: Partial<CaptureRequest['job']>) => ({ job: { ...request().job, ...extra } });

suite('what is found before a capture is created', () => {
  test('nothing is wrong: a line for each check', () => {
    assert.deepEqual(found({}), [
      'ok target: node1, node2',
      'ok nodes: 2 of 2 Ready',
      'ok image: registry.example/capture:v1, IfNotPresent',
      'ok destination: /mnt/retina/captures on each node',
    ]);
  });

  test('everything that is wrong is named, not the first alone', () => {
    const settings = job({ serviceAccount: 'ci', priorityClass: 'urgent', imagePullSecrets: ['hub'] });
    const destinations = [{ kind: 'pvc', claim: 'none' } as const];
    const lines = found(
      { ...settings, destinations, target: { kind: 'node-names', names: ['node9'] } },
      {
        lacks: [
          { what: 'service account', name: 'ci', instead: ['default'] },
          { what: 'priority class', name: 'urgent', instead: [] },
        ],
        storage: { claims: [], secrets: [] },
        sameName: [{}],
      },
    );
    assert.deepEqual(
      lines.map((text) => text.split(':')[0]),
      ['name', 'target', 'image', 'service account', 'priority class', 'destination'].map((what) => `missing ${what}`),
      lines.join('\n'),
    );
  });

  test('nodes: cordoned is fine, pressure and not Ready are warnings', () => {
    const nodes = [
      node('node1', { cordoned: true }),
      node('node2', { ready: false, pressures: ['DiskPressure', 'PIDPressure'] }),
    ];
    const target = { kind: 'node-names', names: ['node1', 'node2'] } as const;
    const lines = found({ target }, { nodes }).filter((text) => text.includes('node2'));
    assert.match(lines.join('\n'), /^warning nodes: not Ready, .*: node2$/m);
    assert.match(
      lines.join('\n'),
      /^warning nodes: node node2 has DiskPressure and PIDPressure: its kubelet may turn/m,
    );
    const fine = found({}, { nodes: [node('node1', { cordoned: true })] });
    assert.ok(fine.includes('ok nodes: 1 of 1 Ready; cordoned, which keeps no capture away: node1'), fine.join('\n'));
  });

  test('images: a moving tag that is not pulled again, and one that may not be pulled and is not there', () => {
    const image = (name: string, policy: CaptureRequest['job']['imagePullPolicy'], images: readonly string[] = []) =>
      found(job({ image: name, imagePullPolicy: policy }), { nodes: [node('node1', { images })] }).filter((text) =>
        text.includes('image:'),
      );
    for (const name of ['r.example:5000/capture', 'capture:latest'])
      assert.match(
        image(name, 'IfNotPresent').join(),
        /^warning image: .* has no version: a node that has an older one/,
      );
    for (const name of ['r.example/capture:v1', `capture@sha256:${'a'.repeat(64)}`])
      assert.match(image(name, 'IfNotPresent').join(), /^ok/);
    assert.match(image('capture:latest', 'Always').join(), /^ok/);
    assert.match(image('capture:v1', 'Never', ['other:v1']).join(), /^missing image: capture:v1 is not on node1, and/);
    for (const known of ['capture:v1', 'docker.io/library/capture:v1'])
      assert.match(image('capture:v1', 'Never', [known]).join(), /^ok/);
  });

  test('a kubelet that does not tell of all its images is not taken by its word', () => {
    const lines = found(job({ imagePullPolicy: 'Never' }), { nodes: [node('node1', { images: undefined })] });
    assert.ok(lines.some((text) => text.startsWith('ok image')));
  });

  test('a target that may not be read is not known, and is not said to be missing', () => {
    const lines = found({}, { nodes: undefined }, false);
    assert.ok(lines.includes('warning target: not known: a right to read it is missing'), lines.join('\n'));
    assert.ok(!lines.some((text) => text.startsWith('missing')));
  });
});

suite('what is told of rights', () => {
  test('all are there', () => {
    const [first, ...rest] = rightsFindings(answers(/^$/));
    assert.match(first === undefined ? '' : line(first), /^ok rights: all \d+ that are needed, from create to delete$/);
    assert.deepEqual(rest, []);
  });

  test('those on one resource are one line, with every command that needs them', () => {
    const lines = rightsFindings(answers(/^(watch|delete) jobs/)).map(line);
    assert.deepEqual(lines, [
      'missing rights: you may not watch, delete jobs.batch in namespace shop (needed by create --wait, stop, its undoing, download, delete)',
    ]);
  });

  test('an optional one is a warning that says what is not told; the rest is still all right', () => {
    const lines = rightsFindings(answers(/pods\/log/)).map(line);
    assert.match(lines[0] ?? '', /^ok rights/);
    assert.deepEqual(lines.slice(1), [
      'warning rights: you may not get pods/log in namespace shop: what holds a delivery up is not told',
    ]);
  });

  test('what the API server does not say is no right that is missing', () => {
    const silent = answers(/^$/).map((answer): Answered => ({ ...answer, allowed: undefined }));
    const lines = rightsFindings(silent).map(line);
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? '', /^warning rights: the API server does not tell of (\d+) of \1 rights$/);
  });
});
