import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { resultProblem } from '../../../src/capture/result-words.ts';
import { isFinal, type NodeStatus, stopReasonWords, summarize } from '../../../src/capture/status.ts';
import { decodeResult, encodeResult, encodeSpec, type WorkloadSpec } from '../../../src/capture/workload-spec.ts';
import type { Job, KubeEvent, Pod } from '../../../src/kube/cluster.ts';
import { jobOf, podOf, result, START, spec } from '../support/builders.ts';
import { evicted, statusOf } from '../support/statuses.ts';

const job = jobOf('node1');

function ended(exitCode: number, message: string, reason = 'Error'): Pod {
  return podOf(job, { terminated: { exitCode, reason, message } });
}

function refusal(message: string): KubeEvent {
  return { metadata: {}, involvedObject: { uid: job.metadata?.uid ?? '' }, reason: 'FailedCreate', message };
}

const failed = result({ destinations: [{ kind: 'host-path', location: '/x/y', ok: false, error: 'disk full' }] });
const unwritable = result({
  packets: 0,
  tarball: null,
  errors: ['node1: cannot capture on interface any: syntax error'],
  destinations: [{ kind: 'host-path', location: '/x/y', ok: false, error: 'there is nothing to deliver' }],
});
const unready = { conditions: [{ type: 'Ready', status: 'False' }] };
const starting = { conditions: [{ type: 'Ready', status: 'False', reason: 'ContainersNotReady' }] };
const unscheduled = { phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', message: 'no node' }] };
const running = { running: {} };
const suspended = { suspend: true, template: {} };

function deleted(pod: Pod): Pod {
  return { ...pod, metadata: { ...pod.metadata, deletionTimestamp: '2026-11-21T10:15:30Z' } };
}

/** What was seen, the phase that it means, and words of the problem. */
const rows: readonly (readonly [what: string, seen: NodeStatus, phase: NodeStatus['phase'], problem?: RegExp])[] = [
  ['no pod yet', statusOf(undefined), 'waiting', /not there yet/],
  ['a pod that is created', statusOf(podOf(job, undefined, { phase: 'Pending' })), 'waiting', /starting/],
  ['a pod that has no place', statusOf(podOf(job, undefined, unscheduled)), 'waiting', /cannot be scheduled: no node/],
  [
    'a container that is created',
    statusOf(podOf(job, { waiting: { reason: 'ContainerCreating' } })),
    'waiting',
    /^starting$/,
  ],
  ['a missing image', statusOf(podOf(job, { waiting: { reason: 'ImagePullBackOff' } })), 'failed', /start/],
  ['an image that may not be pulled', statusOf(podOf(job, { waiting: { reason: 'ErrImageNeverPull' } })), 'failed'],
  ['a broken container', statusOf(podOf(job, { waiting: { reason: 'CreateContainerError' } })), 'failed', /start/],
  ['a running container', statusOf(podOf(job, running)), 'capturing'],
  ['a node that is lost', statusOf(podOf(job, running, unready)), 'capturing', /node1 does not answer/],
  ['a container that has just made ready', statusOf(podOf(job, running, starting)), 'capturing'],
  [
    'the same, on a node that is Ready',
    statusOf(podOf(job, running, starting), { nodes: new Map([['node1', { unready: null }]]) }),
    'capturing',
  ],
  [
    'a node that is lost before its pod was Ready',
    statusOf(podOf(job, running, starting), { nodes: new Map([['node1', { unready: 'Kubelet stopped' }]]) }),
    'capturing',
    /node1 does not answer/,
  ],
  ['a success', statusOf(ended(0, encodeResult(result()))), 'completed'],
  ['a delivery that failed', statusOf(ended(1, encodeResult(failed))), 'failed', /not saved to \/x\/y: disk full/],
  [
    'a capture that could not begin',
    statusOf(ended(1, encodeResult(unwritable))),
    'failed',
    /^cannot capture on interface any: syntax error$/,
  ],
  [
    'a pod that is evicted while it captures',
    statusOf(podOf(job, running, evicted)),
    'capturing',
    /^evicted, as .* drain/,
  ],
  ['a pod that was evicted before it began', statusOf(podOf(job, undefined, evicted)), 'failed', /^evicted.*before it/],
  [
    'a pod that was evicted, and killed',
    statusOf(podOf(job, { terminated: { exitCode: 137, reason: 'Error' } }, evicted)),
    'failed',
    /^evicted.*; killed \(SIGKILL\): Error \(exit code 137\)$/,
  ],
  [
    'a pod that its kubelet evicted',
    statusOf(podOf(job, undefined, { phase: 'Failed', reason: 'Evicted', message: 'The node was low on resource' })),
    'failed',
    /^evicted by the kubelet of its node: The node was low on resource$/,
  ],
  [
    'a pod that is deleted while it captures',
    statusOf(deleted(podOf(job, running))),
    'capturing',
    /^its pod was deleted; /,
  ],
  [
    'a pod that is deleted before it began',
    statusOf(deleted(podOf(job, undefined))),
    'failed',
    /was deleted before it/,
  ],
  ['a kill', statusOf(ended(137, '')), 'failed', /^killed \(SIGKILL\): Error \(exit code 137\)$/],
  [
    'a program that is not there',
    statusOf(ended(128, 'exec: no such file', 'StartError')),
    'failed',
    /^can't start: .*no such/,
  ],
  ['a Job that is suspended', statusOf(undefined, { job: { ...job, spec: suspended } }), 'waiting', /suspended/],
  ['another tool’s success', statusOf(ended(0, '')), 'completed'],
  ['a death', statusOf(ended(137, 'a\nb\nc\nlast', 'OOMKilled')), 'failed', /OOMKilled \(exit code 137\): b c last/],
  ['an evicted pod', statusOf(podOf(job, undefined, { phase: 'Failed', message: 'evicted' })), 'failed', /evicted/],
  [
    'a pod that is gone, failed',
    statusOf(undefined, { job: jobOf('node1', { condition: { type: 'Failed' } }) }),
    'failed',
    /gone/,
  ],
  [
    'a pod that is gone, done',
    statusOf(undefined, { job: jobOf('node1', { condition: { type: 'Complete' } }) }),
    'completed',
  ],
  [
    'a Job that ended before its pod’s result is seen',
    statusOf(podOf(job, running), { job: jobOf('node1', { condition: { type: 'Complete' } }) }),
    'capturing',
  ],
  [
    'a pod that Pod Security refuses',
    statusOf(undefined, { events: [refusal('pods "x" is forbidden: violates PodSecurity')] }),
    'failed',
    /refused: .*PodSecurity/,
  ],
];

suite('status of a node', () => {
  for (const [what, seen, phase, problem] of rows) {
    test(`${what}: ${phase}`, () => {
      assert.equal(seen.phase, phase, seen.problem ?? '');
      if (problem === undefined) assert.ok(seen.problem === undefined || phase === 'failed');
      else assert.match(seen.problem ?? '', problem);
      assert.equal(isFinal(seen), phase === 'completed' || phase === 'failed');
      assert.equal(seen.node, 'node1');
    });
  }

  const noAccount = refusal('pods "x" is forbidden: error looking up service account shop/nope: not found');

  test('an account that was named and is not there is final; the one of a new namespace comes by itself', () => {
    assert.equal(statusOf(undefined, { events: [noAccount] }).phase, 'waiting');
    const template = { spec: { serviceAccountName: 'nope', containers: [] } };
    const named = statusOf(undefined, { job: { ...job, spec: { template } }, events: [noAccount] });
    assert.equal(named.phase, 'failed');
    assert.match(named.hint ?? '', /kubectl get serviceaccounts/);
  });

  test('each refusal has a hint of its own', () => {
    const hintOf = (message: string) => statusOf(undefined, { events: [refusal(message)] }).hint ?? '';
    assert.match(hintOf('forbidden: no PriorityClass with name x was found is forbidden'), /get priorityclasses/);
    assert.match(hintOf('is forbidden: exceeded quota: q'), /describe quota/);
    assert.match(hintOf('is forbidden: violates PodSecurity'), /admits privileged pods/);
  });

  test('the filter is read from the order of our own captures, of any version', () => {
    const told = (workload: string | undefined) => {
      const seen = podOf(job, running);
      if (seen.metadata) seen.metadata.annotations = workload === undefined ? {} : { 'retina.sh/workload': workload };
      return statusOf(seen).filter;
    };
    assert.equal(told(encodeSpec(spec({ filter: 'tcp' }))), 'tcp');
    assert.equal(told('{"version":1,"filter":"udp"}'), 'udp');
    for (const strange of [undefined, '', 'null', '{"filter":1}', '{']) assert.equal(told(strange), undefined);
  });

  test('what begins at an instant waits for it, once it is ready', () => {
    const waiting = (start: WorkloadSpec['start'], started: boolean, told?: string) => {
      const seen = podOf(job, running);
      for (const container of seen.status?.containerStatuses ?? []) container.started = started;
      const word = told === undefined ? {} : { 'retina.sh/start': told };
      if (seen.metadata) seen.metadata.annotations = { 'retina.sh/workload': encodeSpec(spec({ start })), ...word };
      const { phase, ready, begins } = statusOf(seen);
      return [phase, ready, begins];
    };
    const later = new Date(START.getTime() + 1);
    const at = (instant: Date) => ({ kind: 'at' as const, at: instant.toISOString() });
    const word = { kind: 'word', withinMs: 1 } as const;
    assert.deepEqual(waiting(undefined, false), ['waiting', false, undefined]);
    assert.deepEqual(waiting(undefined, true), ['capturing', true, undefined]);
    assert.deepEqual(waiting(at(later), false), ['waiting', false, later]);
    assert.deepEqual(waiting(at(later), true), ['waiting', true, later]);
    assert.deepEqual(waiting(at(START), true), ['capturing', true, START]);
    assert.deepEqual(waiting(word, true), ['waiting', true, 'word']);
    assert.deepEqual(waiting(word, true, 'soon'), ['waiting', true, 'word']);
    assert.deepEqual(waiting(word, true, later.toISOString()), ['waiting', true, later]);
    assert.deepEqual(waiting(word, true, START.toISOString()), ['capturing', true, START]);
  });

  test('what waits for its instant, and is ended before, or not reached: told as what has not begun', () => {
    const start = { kind: 'at' as const, at: new Date(START.getTime() + 1).toISOString() };
    const seen = (status: Pod['status'], state: Parameters<typeof podOf>[1] = running) => {
      const pod = podOf(job, state, status);
      if (pod.metadata) pod.metadata.annotations = { 'retina.sh/workload': encodeSpec(spec({ start })) };
      return statusOf(pod);
    };
    const told = ({ phase, problem }: NodeStatus) => [phase, problem];
    const words = 'evicted, as kubectl drain does: Eviction API: evicting';
    assert.deepEqual(told(seen(evicted as Pod['status'])), ['waiting', `${words}; before it began`]);
    const silent = seen({ phase: 'Running', conditions: [{ type: 'Ready', status: 'False' }] });
    assert.deepEqual(told(silent), ['waiting', 'node node1 does not answer']);
    assert.match(silent.hint ?? '', /^It begins if the node/);
    const message = encodeResult(result({ stopReason: 'not-begun', startAt: start.at, errors: ['ended'] }));
    const over = seen(evicted as Pod['status'], { terminated: { exitCode: 1, message } });
    assert.deepEqual([...told(over), over.endedBy], ['failed', 'ended', words]);
  });

  test('a container that runs and does not listen yet has not begun; who ends it is told', () => {
    const seen = (status: Pod['status']) => {
      const pod = podOf(job, running, status);
      for (const container of pod.status?.containerStatuses ?? []) container.started = false;
      const { phase, problem, hint } = statusOf(pod);
      return [phase, problem, hint];
    };
    const unready = { phase: 'Running', conditions: [{ type: 'Ready', status: 'False' }] };
    assert.deepEqual(seen(unready), ['waiting', 'starting', undefined]);
    assert.match(String(seen(evicted as Pod['status'])), /^waiting,evicted, as kubectl drain does/);
  });

  test('of several pods of a Job the newest counts', () => {
    const old = podOf(job, { terminated: { exitCode: 1, reason: 'Error' } });
    const later = podOf(job, running);
    if (later.metadata) later.metadata.creationTimestamp = '2026-11-21T10:20:00Z';
    for (const pods of [
      [old, later],
      [later, old],
    ]) {
      assert.equal(summarize({ jobs: [job], pods, events: [] }, START)[0]?.nodes[0]?.phase, 'capturing');
    }
  });
});

suite('captures', () => {
  const done = podOf(job, { terminated: { exitCode: 0, message: encodeResult(result()) } });
  const second = jobOf('node2', { createdAt: '2026-11-21T10:14:00Z' });

  test('Jobs of one name and namespace are one capture, sorted by node; it began with its first Job', () => {
    const [capture, ...more] = summarize({ jobs: [second, job], pods: [done], events: [] }, START);
    assert.deepEqual(more, []);
    assert.deepEqual(
      capture?.nodes.map(({ node }) => node),
      ['node1', 'node2'],
    );
    assert.equal(capture?.createdAt.toISOString(), '2026-11-21T10:14:00.000Z');
  });

  test('state: pending, capturing, completed, failed', () => {
    const state = (jobs: Job[], pods: Pod[]) => summarize({ jobs, pods, events: [] }, START)[0]?.state;
    const dead = podOf(second, { terminated: { exitCode: 1 } });
    assert.equal(state([job, second], []), 'Pending');
    assert.equal(state([job, second], [podOf(job, running)]), 'Capturing');
    assert.equal(state([job, second], [done]), 'Capturing');
    assert.equal(state([job], [done]), 'Completed');
    assert.equal(state([job, second], [done, dead]), 'Failed');
  });

  test('a pod that none of its Jobs owns tells nothing of it, whatever its labels', () => {
    const forged = podOf(second, { terminated: { exitCode: 0, message: encodeResult(result()) } });
    const [capture] = summarize({ jobs: [job], pods: [forged], events: [] }, START);
    assert.deepEqual([capture?.state, capture?.nodes[0]?.result], ['Pending', undefined]);
  });

  test('several captures are sorted by namespace and name', () => {
    const far = jobOf('node1', { capture: 'abc' });
    if (far.metadata) far.metadata.namespace = 'zoo';
    const jobs = [far, job, jobOf('node1', { capture: 'dns' })];
    assert.deepEqual(
      summarize({ jobs, pods: [], events: [] }, START).map(({ name }) => name),
      ['dns', 'web', 'abc'],
    );
  });

  test('why a result is no success: each reason once', () => {
    assert.equal(resultProblem({ ...failed, errors: ['a', 'a'] }), 'a; not saved to /x/y: disk full');
    assert.match(resultProblem(result()), /without telling why/);
    const error = `cannot write s3://b/k: ${'long '.repeat(200)}`;
    const destinations = [{ ok: false, kind: 's3' as const, location: 's3://b/k', error }];
    const told = encodeResult({ ...result(), destinations, errors: [`node1: ${error}`] });
    assert.match(resultProblem(decodeResult(told)), /^not saved to s3:\/\/b\/k: long [^:]*$/);
    assert.equal(stopReasonWords('max-size'), 'size limit reached');
  });
});
