import assert from 'node:assert/strict';
import fc from 'fast-check';
import { waitingWords } from '../../../src/capture/image-problem.ts';
import { captureStem, isTarballOf, jobName, tarballName } from '../../../src/capture/names.ts';
import { nodeOfJob } from '../../../src/capture/node-of-job.ts';
import { summarize } from '../../../src/capture/status.ts';
import { encodeResult, encodeSpec } from '../../../src/capture/workload-spec.ts';
import { listDocument } from '../../../src/commands/capture-document.ts';
import { captureColumns, nodeColumns } from '../../../src/commands/list-columns.ts';
import { failureLines, nodeEvent, progressRows } from '../../../src/commands/render.ts';
import type { Job, KubeEvent, Pod } from '../../../src/kube/cluster.ts';
import { jobOf, podOf, result, START, spec } from '../support/builders.ts';
import { almostJson, hostile } from './inputs.ts';
import { property } from './property.ts';

const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const words = fc.oneof(
  hostile,
  fc.constantFrom(
    '',
    'x',
    'ImagePullBackOff',
    '1 pod: rpc error: code = NotFound: "x": not found',
    '✔ 1 of 1 tarballs saved\n✔ done',
  ),
);

/** What a pod of ours, of another tool or of a stranger tells at its end. */
const message = fc.oneof(
  almostJson(fc.constant(result({ node: 'node9', capture: 'other' }))).map((value) => JSON.stringify(value) ?? ''),
  fc.tuple(words, words, words).map(([node, location, error]) =>
    encodeResult(
      result({
        node,
        rescued: location,
        errors: [error],
        destinations: [{ kind: 's3', location, ok: false, error }],
      }),
    ),
  ),
  words.map((startAt) => JSON.stringify({ ...result(), startAt })),
  words,
);
const terminated = fc.record(
  { exitCode: fc.constantFrom(0, 1, 137), message, reason: words },
  { requiredKeys: ['exitCode'] },
);
const waiting = fc.record(
  {
    reason: fc.oneof(words, fc.constantFrom('ErrImagePull', 'CreateContainerError', 'PodInitializing')),
    message: words,
  },
  { requiredKeys: [] },
);
const state = fc.oneof(
  terminated.map((one) => ({ terminated: one })),
  waiting.map((one) => ({ waiting: one })),
  fc.constantFrom({ running: {} }, {}, undefined),
);
const start = fc.oneof(
  fc.constant({ kind: 'word', withinMs: 1 } as const),
  fc
    .oneof(words, fc.constantFrom('2026-11-21T10:16:00Z', '9999-12-31T23:59:59Z', '2026-02-30T00:00:00Z'))
    .map((at) => ({ kind: 'at', at }) as const),
);
const condition = fc.record(
  {
    type: fc.constantFrom('PodScheduled', 'Ready', 'Failed', 'Complete'),
    status: fc.constantFrom('True', 'False'),
    message: words,
    reason: words,
  },
  { requiredKeys: ['type', 'status'] },
);
const annotations = fc.record(
  {
    'retina-capture-filename': words,
    'retina-capture-hostpath': words,
    'retina.sh/node': words,
    'retina.sh/workload': fc.oneof(
      words,
      almostJson(fc.constant(spec())).map((value) => JSON.stringify(value) ?? ''),
      words.map((text) => encodeSpec(spec({ capture: text, node: text, stem: text, filter: text }))),
      start.map((one) => encodeSpec(spec({ start: one }))),
    ),
    'retina.sh/start': fc.oneof(words, fc.constantFrom('2026-11-21T10:16:00Z', '+275760-09-13T00:00:00Z')),
  },
  { requiredKeys: [] },
);
const phases = fc.constantFrom('Pending', 'Running', 'Succeeded', 'Failed', 'Unknown');

/** A Job with its pod and an event, as forged as the API server lets anybody forge them: labels are checked, words are not. */
const forged = fc
  .record({
    node: fc.constantFrom('node1', 'node2'),
    state,
    phase: phases,
    conditions: fc.array(condition, { maxLength: 2 }),
    ended: optional(condition),
    annotations,
    words,
    events: fc.array(words, { maxLength: 2 }),
    alone: fc.boolean(),
  })
  .map((from) => {
    const made = jobOf(from.node);
    const job = {
      ...made,
      metadata: { ...made.metadata, annotations: from.annotations },
      status: { conditions: from.ended === undefined ? [] : [from.ended] },
      spec: { template: { metadata: { annotations: from.annotations } } },
    } as Job;
    const whole = podOf(
      made,
      // A state that no kubelet tells, which is what is tried.
      from.state as never,
      { phase: from.phase, conditions: from.conditions, message: from.words } as Pod['status'],
    );
    const pod = { ...whole, metadata: { ...whole.metadata, annotations: from.annotations } } as Pod;
    const events = from.events.map(
      (text) => ({ reason: 'FailedCreate', message: text, involvedObject: { uid: made.metadata?.uid } }) as KubeEvent,
    );
    return { jobs: [job], pods: from.alone ? [] : [pod], events };
  });

/** All texts in a value. */
function texts(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(texts) : [];
}

property('forged Jobs, pods and events: a state, and texts of one line each', 6000, forged, (observed) => {
  const [capture, ...more] = summarize(observed, START);
  assert.ok(capture !== undefined && more.length === 0);
  const [node] = capture.nodes;
  assert.ok(node !== undefined && /^(waiting|capturing|completed|failed)$/.test(node.phase));
  for (const { hint, ...rest } of capture.nodes) {
    for (const text of texts(rest)) assert.doesNotMatch(text, /[\n\r\t\u2028\u2029\u0085]/);
    // Hints have lines of their own.
    assert.doesNotMatch(hint ?? '', /[\r\t\u2028\u2029\u0085]/);
  }
  // Where it runs, the cluster says.
  assert.match(node.node, observed.pods.length > 0 ? /^node[12]$/ : /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$/);
  if (node.result !== undefined) assert.deepEqual([node.result.node, node.result.capture], [node.node, 'web']);
  if (node.phase === 'failed') assert.ok((node.problem ?? '').length > 0, 'it failed without a reason');
  assert.equal(capture.state === 'Failed', node.phase === 'failed');
  assert.equal(capture.state === 'Completed', node.phase === 'completed');
});

const extra = { namespaces: true, labels: true, now: () => new Date('2026-11-21T10:20:00Z') };

property('forged captures are shown: every row, line and document', 2500, forged, (observed) => {
  const captures = summarize(observed, START);
  const [capture] = captures;
  assert.ok(capture !== undefined);
  for (const column of captureColumns(extra)) column.cell(capture);
  for (const node of capture.nodes) {
    for (const column of nodeColumns(extra)) column.cell({ capture, node });
    // What follows the first line is a hint, which stands aside.
    assert.doesNotMatch(nodeEvent(node) ?? '', /\n(?! {2})/);
  }
  progressRows(capture, 1000);
  // One line for each node that failed, and those of its hints.
  const lines = failureLines(capture);
  assert.ok(lines.length <= 4 && lines.every((line) => !line.includes('\n') && line.startsWith('  ')));
  const document = listDocument(captures);
  assert.deepEqual(JSON.parse(JSON.stringify(document)), document);
});

property(
  'what a container waits for',
  2000,
  fc.record({ image: words, state: fc.record({ waiting }) }, { requiredKeys: ['state'] }),
  (container) => {
    const told = waitingWords(container);
    assert.ok(told === undefined || told.problem.length > 0);
  },
);

property(
  'the node of a Job is a name, or unknown',
  2000,
  fc.oneof(hostile, fc.constantFrom('node1', 'n.example', 'x;rm -rf ~', '-n')),
  (name) => {
    const node = nodeOfJob({ metadata: { annotations: { 'retina.sh/node': name } } } as Job);
    if (node !== undefined) assert.match(node, /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/);
  },
);

const capture = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/).filter((name) => name.length <= 63);
const node = fc.stringMatching(/^[a-z0-9]([-a-z0-9.]{0,200}[a-z0-9])?$/);

property(
  'names: Jobs have labels, files are found again, and are those of no other',
  2000,
  fc.tuple(capture, node, capture, node),
  ([one, on, other, there]) => {
    const at = new Date('2026-11-21T10:15:00Z');
    assert.match(jobName(one, on), /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/);
    const name = tarballName(captureStem(one, on, at));
    assert.ok(Buffer.byteLength(name) <= 222 && isTarballOf(name, one, on));
    if (`${one}-${on}` !== `${other}-${there}`) assert.ok(!isTarballOf(name, other, there) || on.length > 100);
  },
);
