import { ClusterError } from '../errors.ts';
import type { NodeFact } from './facts.ts';
import { KEY_BLOB_URL, KEY_S3_ID, KEY_S3_SECRET } from './names.ts';
import type { Destination } from './request.ts';
import { type Span, sasProblem, sasWarnings } from './sas.ts';
import type { Snapshot } from './snapshot.ts';
import type { ClaimFact, NodeTerms } from './storage.ts';
import { listNames, nearest } from './suggest.ts';

type Facts = Pick<Snapshot, 'namespace' | 'nodes' | 'storage'>;

/**
 * Checks what can be known of the destinations before anything is created; what should be known besides is in the
 * answer. Throws a ClusterError where a tarball could not be delivered.
 */
export function checkDestinations(
  { destinations, ...span }: Span & { destinations: readonly Destination[] },
  targets: readonly { node: string }[],
  snapshot: Facts,
): string[] {
  const nodes = targets.map(({ node }) => node);
  return destinations.flatMap((to) => {
    switch (to.kind) {
      case 'host-path':
        return [];
      case 'pvc':
        return checkClaim(to.claim, nodes, snapshot);
      case 'blob':
      case 's3':
        return to.access.kind === 'secret' ? checkSecret(to.kind, to.access.name, { snapshot, span }) : [];
      default:
        return to satisfies never;
    }
  });
}

function checkClaim(name: string, nodes: readonly string[], snapshot: Facts): string[] {
  const { claims } = snapshot.storage;
  const what = `PersistentVolumeClaim ${name}`;
  if (claims === undefined) return [`${what} could not be checked: you may not list PersistentVolumeClaims`];
  const claim = claims.find((each) => each.name === name);
  if (claim === undefined) {
    const names = claims.map((each) => each.name);
    const meant = nearest(name, names);
    throw new ClusterError(`there is no ${what} in namespace ${snapshot.namespace}`, {
      hint:
        names.length === 0
          ? 'There are none at all there.'
          : `Those there: ${listNames(names)}${meant === undefined ? '' : `\nDid you mean: --pvc ${meant}`}`,
    });
  }
  const hint = `kubectl describe pvc ${name} -n ${snapshot.namespace}`;
  const problem = claimProblem(claim) ?? modeProblem(claim, nodes) ?? nodeProblem(claim, nodes, snapshot.nodes ?? []);
  if (problem !== undefined) throw new ClusterError(`${what} cannot take the tarballs: ${problem}`, { hint });
  const unsure = claim.phase === 'Pending' && claim.waits === undefined;
  return unsure ? [`${what} is Pending: the capture begins only when it is bound`] : [];
}

function claimProblem(claim: ClaimFact): string | undefined {
  if (claim.deleted) return 'it is being deleted';
  if (claim.phase === 'Lost') return 'its volume is lost';
  if (claim.block) return 'it is a block device (volumeMode Block), not a file system';
  if (claim.phase === 'Pending' && claim.waits === false) return 'no volume is bound to it (it is Pending)';
  return undefined;
}

/** What an access mode means for pods on several nodes; a claim that offers a wider one may be used that way. */
function modeProblem({ modes }: ClaimFact, nodes: readonly string[]): string | undefined {
  if (modes.length === 0 || modes.includes('ReadWriteMany')) return undefined;
  const writable = modes.find((mode) => mode.startsWith('ReadWrite'));
  if (writable === undefined) return `it can only be read (${modes.join(', ')})`;
  if (nodes.length === 1) return undefined;
  const only = writable === 'ReadWriteOncePod' ? 'one pod' : 'one node';
  return `it is ${writable}, which is for ${only} at a time, and the capture is on ${nodes.length}: ${listNames(nodes)}`;
}

function nodeProblem(claim: ClaimFact, wanted: readonly string[], nodes: readonly NodeFact[]): string | undefined {
  const { nodes: terms } = claim;
  if (terms === undefined) return undefined;
  const outside = nodes.filter((node) => wanted.includes(node.name) && !reaches(terms, node)).map(({ name }) => name);
  return outside.length === 0 ? undefined : `its volume cannot be reached from ${listNames(outside)} (node affinity)`;
}

/** One term is enough; within a term all must hold. */
function reaches(terms: NodeTerms, node: NodeFact): boolean {
  return terms.some(({ matchExpressions = [], matchFields = [] }) => {
    const labels = matchExpressions.every(({ key, operator, values = [] }) =>
      holds(operator, values, node.labels[key]),
    );
    // metadata.name is the only field there is.
    return labels && matchFields.every(({ operator, values = [] }) => holds(operator, values, node.name));
  });
}

function holds(operator: string, values: readonly string[], value: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return Number(value) > Number(values[0]);
    case 'Lt':
      return Number(value) < Number(values[0]);
    default:
      // An operator of a later Kubernetes: the scheduler knows it.
      return true;
  }
}

function checkSecret(kind: 'blob' | 's3', name: string, { snapshot, span }: { snapshot: Facts; span: Span }): string[] {
  const { secrets } = snapshot.storage;
  if (secrets === undefined) return [];
  const secret = secrets.find((each) => each.name === name);
  if (secret === undefined) {
    throw new ClusterError(`there is no Secret ${name} in namespace ${snapshot.namespace}`, {
      hint: `It must be in the capture's namespace: kubectl get secrets -n ${snapshot.namespace}`,
    });
  }
  const { keys, sas } = secret;
  const has = keys.length === 0 ? 'it has no keys' : `its keys: ${keys.join(', ')}`;
  if (kind === 'blob' && !keys.includes(KEY_BLOB_URL) && keys.length !== 1) {
    throw new ClusterError(`Secret ${name} does not have the key ${KEY_BLOB_URL} with a SAS URL`, { hint: has });
  }
  const missing = kind === 's3' ? [KEY_S3_ID, KEY_S3_SECRET].filter((key) => !keys.includes(key)) : [];
  if (missing.length > 0) throw new ClusterError(`Secret ${name} lacks ${missing.join(' and ')}`, { hint: has });
  if (kind === 's3') return [];
  if (sas instanceof Error) throw new ClusterError(sas.message, { hint: has });
  const problem = sasProblem(sas, span);
  if (problem === undefined) return sasWarnings(sas, span);
  throw new ClusterError(`Secret ${name} cannot be used: ${problem}`, {
    hint: `Put another SAS URL into it, or give one: --blob-upload '${sas.container}?<SAS>'`,
  });
}
