import { ClusterError, UsageError } from '../errors.ts';
import type { Answered } from './access.ts';
import type { Admission } from './admission.ts';
import { checkDestinations } from './destinations.ts';
import { lackingRights } from './lacking-rights.ts';
import type { NodeTarget, Targets } from './node-targets.ts';
import { firstInstant, nodeWarnings, type PlannedNode, planNodes, type Run } from './plan.ts';
import { neverPulledWarning, pullWarnings, requireFewJobs, requireNoLack } from './plan-checks.ts';
import type { CaptureRequest, Destination, JobSettings } from './request.ts';
import type { PartialSnapshot, Snapshot } from './snapshot.ts';
import { listNames } from './suggest.ts';
import { resolveTargets } from './targets.ts';
import { requirePktmonCan } from './windows-checks.ts';

/** What was looked at, what came of it, and what to do about it. A warning does not keep a capture from working. */
export type Finding = {
  check: Check;
  state: 'ok' | 'warning' | 'missing';
  message: string;
  hint: string | undefined;
};

type Check =
  | 'rights'
  | 'name'
  | 'target'
  | 'nodes'
  | 'filter'
  | 'image'
  | 'service account'
  | 'priority class'
  | 'destination'
  | 'pods'
  | 'flags';

/** That something is as it should be. */
export function good(check: Check, message: string): Finding {
  return { check, state: 'ok', message, hint: undefined };
}

/** Something that should be known. */
export function warning(check: Check, message: string, hint?: string): Finding {
  return { check, state: 'warning', message, hint };
}

/** What an error says, where it says what is wrong with the cluster or the command line; any other is thrown on. */
export function missing(check: Check, error: unknown): Finding {
  if (!(error instanceof ClusterError || error instanceof UsageError)) throw error;
  return { check, state: 'missing', message: error.message, hint: error.hint };
}

/** What the API server says of the rights that were asked for. */
export function rightsFindings(answers: readonly Answered[]): Finding[] {
  const lacking = lackingRights(answers, ['create', 'undo', 'later', 'optional']);
  const needed = answers.filter(({ level }) => level !== 'optional');
  const silent = needed.filter(({ allowed }) => allowed === undefined).length;
  const told = lacking.map(({ optional, what, why }): Finding => {
    const message = `you may not ${what}`;
    if (optional) return warning('rights', `${message}: ${why.join('; ')}`);
    return { check: 'rights', state: 'missing', message: `${message} (needed by ${why.join(', ')})`, hint: undefined };
  });
  const last = told.findLast(({ state }) => state === 'missing');
  if (last !== undefined) last.hint = GRANT;
  if (silent > 0)
    told.unshift(warning('rights', `the API server does not tell of ${silent} of ${needed.length} rights`));
  const whole = told.every(({ state }) => state !== 'missing') && silent === 0;
  return whole ? [good('rights', `all ${needed.length} that are needed, from create to delete`), ...told] : told;
}

const GRANT = 'A Role with all that is needed: the same command line with --print-rbac';

/** What is found without trying anything; with the nodes, if the target has any, and what their Jobs would be. */
export function planFindings(
  request: CaptureRequest,
  { snapshot, targetRead }: PartialSnapshot,
  { run, answers }: { run: Run; answers: readonly Answered[] },
): { findings: Finding[]; nodes: readonly PlannedNode[] } {
  const { namespace, sameName } = snapshot;
  const taken = `there is already a capture ${request.name} in namespace ${namespace}`;
  const name: Finding[] = sameName.length === 0 ? [] : [missing('name', new ClusterError(taken, { hint: OTHER_NAME }))];
  const target = targetRead
    ? targetFindings(request, snapshot)
    : { findings: [warning('target', 'not known: a right to read it is missing')], targets: [] };
  let nodes: readonly PlannedNode[] = [];
  const filter = caught('filter', () => {
    nodes = planNodes(request, namespace, target.targets, run);
    return [];
  });
  const unread = new Set(answers.filter(({ allowed }) => allowed === false).map(({ resource }) => resource));
  const findings = [
    ...[...name, ...target.findings, ...filter, ...imageFindings(request.job, snapshot, target.targets)],
    ...lackFindings(request.job, snapshot, unread),
    ...destinationFindings(request, snapshot, { run, targets: target.targets, unread }),
  ];
  return { findings, nodes };
}

const OTHER_NAME = 'Choose another --name, or delete that one.';

type Found = { findings: Finding[]; targets: readonly NodeTarget[] };

function targetFindings(request: CaptureRequest, snapshot: Snapshot): Found {
  let found: Targets;
  try {
    found = resolveTargets(request.target, snapshot);
  } catch (error) {
    return { findings: [missing('target', error)], targets: [] };
  }
  const targets = found.nodes;
  const pods = targets.flatMap((each) => each.pods).length;
  const names = listNames(targets.map(({ node }) => node));
  const findings = [
    good('target', pods === 0 ? names : `${pods} pod${pods === 1 ? '' : 's'} on ${names}`),
    ...found.warnings.map((text) => warning('target', text)),
    ...caught('target', () => {
      requireFewJobs(targets.length, request.job.maxJobs);
      return [];
    }),
    ...nodesFindings(request, snapshot, targets),
  ];
  return { findings, targets };
}

function nodesFindings(request: CaptureRequest, snapshot: Snapshot, targets: readonly NodeTarget[]): Finding[] {
  const known = snapshot.nodes?.filter(({ name }) => targets.some(({ node }) => node === name));
  const windows = caught('nodes', () => {
    requirePktmonCan(targets, request);
    return [];
  });
  const warnings = nodeWarnings(targets, request, known).map((text) => warning('nodes', text));
  if (known === undefined) return [...windows, ...warnings];
  const asleep = known.filter(({ ready }) => !ready).map(({ name }) => name);
  const late = `not Ready, so the capture begins there only when they are back: ${listNames(asleep)}`;
  const cordoned = known.filter((node) => node.cordoned).map(({ name }) => name);
  const kept = cordoned.length === 0 ? '' : `; cordoned, which keeps no capture away: ${listNames(cordoned)}`;
  const awake = `${known.length - asleep.length} of ${known.length} Ready${kept}`;
  return [asleep.length === 0 ? good('nodes', awake) : warning('nodes', late), ...windows, ...warnings];
}

/** Of what may not be read, the missing right is told. */
function lackFindings(
  { serviceAccount, priorityClass }: JobSettings,
  { lacks, namespace }: Snapshot,
  unread: ReadonlySet<string>,
): Finding[] {
  const asked = [
    ['service account', serviceAccount, 'serviceaccounts'],
    ['priority class', priorityClass, 'priorityclasses'],
  ] as const;
  return asked.flatMap(([what, name, resource]) => {
    if (name === undefined || unread.has(resource)) return [];
    return caught(what, () => {
      requireNoLack({ lacks: lacks.filter((lack) => lack.what === what), namespace });
      return [good(what, name)];
    });
  });
}

function destinationFindings(
  { destinations, durationMs }: CaptureRequest,
  snapshot: Snapshot,
  { run, targets, unread }: { run: Run; targets: readonly NodeTarget[]; unread: ReadonlySet<string> },
): Finding[] {
  return destinations.flatMap((to) => {
    const secret = 'access' in to && to.access.kind === 'secret';
    if ((secret && unread.has('secrets')) || (to.kind === 'pvc' && unread.has('persistentvolumeclaims'))) return [];
    const order = { destinations: [to], durationMs, start: firstInstant(run) };
    return caught('destination', () => {
      const warnings = checkDestinations(order, targets, snapshot).map((text) => warning('destination', text));
      return warnings.length > 0 ? warnings : [good('destination', destinationWords(to))];
    });
  });
}

function destinationWords(to: Destination): string {
  switch (to.kind) {
    case 'host-path':
      return `${to.path} on each node`;
    case 'pvc':
      return `PersistentVolumeClaim ${to.claim}`;
    case 'blob':
      return `Azure Blob${to.access.kind === 'secret' ? `, by Secret ${to.access.name}` : ''}`;
    case 's3':
      return `s3://${to.place.bucket}${to.access.kind === 'secret' ? `, by Secret ${to.access.name}` : ''}`;
    default:
      return to satisfies never;
  }
}

/** What can be told of an image without a registry. */
function imageFindings(job: JobSettings, snapshot: Snapshot, targets: readonly NodeTarget[]): Finding[] {
  const { image, imagePullPolicy: policy } = job;
  const told = pullWarnings(job, snapshot).map(
    (message): Finding => ({ ...warning('image', message), state: 'missing' }),
  );
  if (policy === 'IfNotPresent' && isMoving(image)) {
    const hint = 'Name a version or a digest by --image, or use --image-pull-policy Always.';
    told.push(warning('image', `${image} has no version: a node that has an older one keeps it`, hint));
  }
  for (const message of neverPulledWarning(job, snapshot, targets)) {
    const hint = 'Load it there, or use --image-pull-policy IfNotPresent.';
    told.push({ check: 'image', state: 'missing', message, hint });
  }
  return told.length > 0 ? told : [good('image', `${image}, ${policy}`)];
}

/** Whether a name means another image tomorrow: no digest, and no tag but `latest`. */
function isMoving(image: string): boolean {
  const last = image.split('/').at(-1) ?? '';
  return !image.includes('@') && (!last.includes(':') || last.endsWith(':latest'));
}

/** What came of trying the Jobs and pods. */
export function admissionFindings(admissions: readonly Admission[]): Finding[] {
  return admissions.map((admission): Finding => {
    switch (admission.kind) {
      case 'admitted':
        return good('pods', `admitted: ${admission.how}`);
      case 'refused':
        return missing('pods', admission.error);
      case 'foreseen':
        return { check: 'pods', state: 'missing', message: admission.message, hint: admission.hint };
      case 'doubtful':
        return warning('pods', admission.message, admission.hint);
      case 'unknown':
        return warning('pods', `whether they are admitted is not known: ${admission.why}`);
      default:
        return admission satisfies never;
    }
  });
}

function caught(check: Check, action: () => Finding[]): Finding[] {
  try {
    return action();
  } catch (error) {
    return [missing(check, error)];
  }
}
