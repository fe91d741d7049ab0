import { ClusterError } from '../errors.ts';
import type { Cluster } from '../kube/cluster.ts';
import { isUnanswered } from './access.ts';
import { podOf } from './dry-run.ts';
import type { PlannedNode } from './plan.ts';
import { NO_ACCOUNT, refusalHint } from './pod-events.ts';

/** Whether the cluster would take a capture's Jobs and pods, as far as it can be known before they are made. */
export type Admission =
  | { kind: 'admitted'; how: string }
  /** By the API server itself, so creating them would fail. */
  | { kind: 'refused'; error: ClusterError }
  /** By the label of its namespace: all but sure. */
  | { kind: 'foreseen'; message: string; hint: string | undefined }
  /** A pod was refused for what may not hold for those of a Job. */
  | { kind: 'doubtful'; message: string; hint: string | undefined }
  | { kind: 'unknown'; why: string };

type Asks = Pick<Cluster, 'dryRun' | 'get' | 'namespace'>;

const ENFORCE = 'pod-security.kubernetes.io/enforce';

/**
 * Has the API server check one Job and one pod without creating them. Whoever may not make pods is told by the Pod
 * Security label of the namespace, where it may be read. Rejects for no failure of the API server's.
 */
export async function tryAdmission({ job }: Pick<PlannedNode, 'job'>, cluster: Asks): Promise<Admission[]> {
  const [ofJob, ofPod] = await Promise.all([
    answerOf(() => cluster.dryRun('jobs', job)),
    answerOf(() => cluster.dryRun('pods', podOf(job))),
  ]);
  const refusals = ofJob !== 'taken' && isVerdictOnJob(ofJob) ? [refused('the Jobs', ofJob, ofJob.hint)] : [];
  const named = job.spec?.template.spec?.serviceAccountName !== undefined;
  return [...refusals, await podAdmission(ofPod, { named, cluster })];
}

async function podAdmission(answer: Answer, how: { named: boolean; cluster: Asks }): Promise<Admission> {
  if (answer === 'taken') return { kind: 'admitted', how: 'a dry run of one Job and one pod' };
  if (mayNot(answer)) return readLevel(how.cluster, answer);
  const { message, status } = answer;
  if (isVerdictOnPod(message)) return refused('the pods', answer, refusalHint(message));
  const ofNewNamespace = NO_ACCOUNT.test(message) && !how.named;
  if (ofNewNamespace || status === undefined || status >= 500) return { kind: 'unknown', why: message };
  // A policy may forbid pods that no Job owns, as the tried one: those of the capture have an owner.
  const doubt = `a pod that was tried is refused, so those of the capture may be: ${message}`;
  return { kind: 'doubtful', message: doubt, hint: refusalHint(message) };
}

type Answer = 'taken' | ClusterError;

async function answerOf(ask: () => Promise<unknown>): Promise<Answer> {
  try {
    await ask();
    return 'taken';
  } catch (error) {
    if (!isUnanswered(error)) throw error;
    return error instanceof ClusterError ? error : new ClusterError('the API server did not answer in time');
  }
}

function mayNot(error: ClusterError): boolean {
  return error.status === 403 && error.message.startsWith('you may not ');
}

/** A Job is tried as it would be created: what is said of it holds, unless it is said of the trying. */
function isVerdictOnJob(error: ClusterError): boolean {
  if (mayNot(error) || /dry.?run/i.test(error.message)) return false;
  return [403, 404, 409, 422].includes(error.status ?? 0) || /denied the request/.test(error.message);
}

/** The API server makes a pod in the name of the Jobs' controller: only what holds for everybody holds for it. */
function isVerdictOnPod(message: string): boolean {
  return /violates PodSecurity|(exceeded|failed) quota|no PriorityClass|is forbidden: (minimum|maximum) /.test(message);
}

function refused(what: string, error: ClusterError, hint: string | undefined): Admission {
  const message = `${what} of the capture would be refused: ${error.message}`;
  return { kind: 'refused', error: new ClusterError(message, { hint, cause: error }) };
}

async function readLevel(cluster: Asks, why: ClusterError): Promise<Admission> {
  const { namespace } = cluster;
  const unknown: Admission = { kind: 'unknown', why: why.message };
  try {
    const found = await cluster.get('namespaces', undefined, namespace);
    const level = found?.metadata?.labels?.[ENFORCE];
    if (level === undefined) return unknown;
    if (level === 'privileged') return { kind: 'admitted', how: `the level of namespace ${namespace} is privileged` };
    return {
      ...{ kind: 'foreseen', message: `namespace ${namespace} enforces the Pod Security level ${level}` },
      hint: refusalHint('violates PodSecurity'),
    };
  } catch (error) {
    if (!isUnanswered(error)) throw error;
    return unknown;
  }
}
