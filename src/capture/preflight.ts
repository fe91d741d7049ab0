import { ClusterError } from '../errors.ts';
import type { Cluster } from '../kube/cluster.ts';
import { type Answered, askRights, isUnanswered } from './access.ts';
import { type Lacking, lackingRights } from './lacking-rights.ts';
import { neededRights } from './needed-rights.ts';
import type { CapturePlan } from './plan.ts';
import { tryCreation } from './quota.ts';
import type { CaptureRequest } from './request.ts';

/** Milliseconds for each part of what is asked beforehand: whoever waits longer is better served by just creating. */
const PATIENCE = 3_000;

/** What is asked before a capture is created, while other things are read. */
export type Preflight = {
  /** A failure to read, with all rights that are missing where it was for want of one. */
  explain(error: unknown): Promise<unknown>;
  /**
   * What should be known. Throws a ClusterError with all rights that are missing, and what the API server, or a quota, says
   * against the Jobs and pods of the plan; questions that fail, or may not be asked, stop nothing.
   */
  finish(plan: CapturePlan): Promise<string[]>;
};

/** Begins to ask for the rights that creating a capture takes, and for those that undoing it would. */
export function startPreflight(
  request: CaptureRequest,
  cluster: Cluster,
  { wait, signal }: { wait: boolean; signal: AbortSignal },
): Preflight {
  const hurried = (): Cluster => cluster.withSignal(AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]));
  // Pods in the namespaces that a selector finds are read anyway: their namespaces are not known yet.
  const place = { namespace: cluster.namespace, wait, searched: [] };
  const needs = neededRights(request, place).filter(({ level }) => level === 'create' || level === 'undo');
  // An interrupt is told by whatever else is under way.
  const asked: Promise<Answered[]> = askRights(needs, hurried()).catch(() => []);
  return {
    explain: async (error) => {
      const forbidden = error instanceof ClusterError && error.status === 403;
      const lacking = forbidden ? lackingRights(await asked, ['create']) : [];
      return lacking.length === 0 ? error : refusal(lacking, [], await whoAsks(hurried()));
    },
    finish: async ({ nodes, secret }) => {
      const admissions = await tryCreation({ nodes, secrets: secret === undefined ? 0 : 1 }, hurried());
      const answers = await asked;
      const lacking = lackingRights(answers, ['create']);
      const refused = admissions.flatMap((admission) => (admission.kind === 'refused' ? [admission.error] : []));
      if (lacking.length + refused.length > 0) {
        throw refusal(lacking, refused, lacking.length > 0 ? await whoAsks(hurried()) : '');
      }
      const doubts = admissions.flatMap((one) =>
        one.kind === 'foreseen' || one.kind === 'doubtful' ? one.message : [],
      );
      const undoing = lackingRights(answers, ['undo']).map(
        ({ what }) => `if this capture had to be undone, parts of it would be left: you may not ${what}`,
      );
      return [...doubts, ...undoing];
    },
  };
}

async function whoAsks(cluster: Cluster): Promise<string> {
  try {
    return ` (user ${await cluster.userName()})`;
  } catch (error) {
    if (!isUnanswered(error)) throw error;
    return '';
  }
}

const GRANT =
  'The same command line with check in place of create tells all that it takes; --print-rbac prints a Role with it.';

/** Everything that keeps a capture from being created, as one error. */
function refusal(lacking: readonly Lacking[], refused: readonly ClusterError[], who: string): ClusterError {
  const [first, ...more] = lacking.map(({ what }) => what);
  const rights = first === undefined ? [] : [`you may not ${first}${who}`, ...more.map((what) => `nor ${what}`)];
  const hints = refused.flatMap(({ hint }) => hint ?? []);
  const hint = ['Nothing was created.', ...hints, ...(first === undefined ? [] : [GRANT])].join('\n');
  const message = [...rights, ...refused.map((error) => error.message)].join('\n');
  return new ClusterError(message, { hint, cause: refused[0] });
}
