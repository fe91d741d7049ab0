import { ClusterError } from '../errors.ts';
import type { NodeFact } from './facts.ts';
import { isShortened } from './filter.ts';
import type { NodeTarget } from './node-targets.ts';
import type { JobSettings } from './request.ts';
import type { Snapshot } from './snapshot.ts';
import { listNames, nearest } from './suggest.ts';

/** What to know of filters that are kept within what the kernel takes. */
export function shortenedWarning(nodes: readonly NodeTarget[]): string[] {
  const shortened = nodes.filter(({ addresses }) => isShortened(addresses)).map(({ node }) => node);
  if (shortened.length === 0) return [];
  return [`many pods on ${listNames(shortened)}: ARP and neighbour discovery of all addresses there are captured`];
}

/** Nodes whose kubelets turn pods away: a capture tolerates their taints, and a kubelet decides for itself. */
export function pressureWarnings(targets: readonly NodeTarget[], nodes: readonly NodeFact[]): string[] {
  const wanted = new Set(targets.map(({ node }) => node));
  const pressed = nodes.filter(({ name, pressures }) => wanted.has(name) && pressures.length > 0);
  return pressed.map(
    ({ name, pressures }) =>
      `node ${name} has ${pressures.join(' and ')}: its kubelet may turn the pod away or evict it`,
  );
}

/** What is wrong with the Secrets to pull the image with; a node that has the image, or may pull without, starts it. */
export function pullWarnings(
  { imagePullSecrets }: Pick<JobSettings, 'imagePullSecrets'>,
  { storage: { secrets }, namespace }: Pick<Snapshot, 'storage' | 'namespace'>,
): string[] {
  if (secrets === undefined) return [];
  return imagePullSecrets.flatMap((name) => {
    const secret = secrets.find((each) => each.name === name);
    if (secret === undefined) return [`there is no Secret ${name} in namespace ${namespace} to pull the image with`];
    if (PULL_TYPES.includes(secret.type)) return [];
    return [
      `Secret ${name} is of type ${secret.type}, by which no image is pulled: make it by kubectl create secret docker-registry`,
    ];
  });
}

const PULL_TYPES = ['kubernetes.io/dockerconfigjson', 'kubernetes.io/dockercfg'];

/** An image that must not be pulled, and that nodes have not which tell of all of theirs: no pod begins there. */
export function neverPulledWarning(
  { image, imagePullPolicy }: Pick<JobSettings, 'image' | 'imagePullPolicy'>,
  { nodes = [] }: Pick<Snapshot, 'nodes'>,
  targets: readonly NodeTarget[],
): string[] {
  const whole = image.includes('@') || /:[^/]*$/.test(image) ? image : `${image}:latest`;
  const names = [whole, `docker.io/${whole}`, `docker.io/library/${whole}`];
  const without = nodes
    .filter(({ name }) => targets.some(({ node }) => node === name))
    .filter(({ images }) => images !== undefined && !images.some((each) => names.includes(each)));
  if (imagePullPolicy !== 'Never' || without.length === 0) return [];
  const where = listNames(without.map(({ name }) => name));
  return [`${image} is not on ${where}, and --image-pull-policy Never keeps it from being pulled`];
}

/** Throws a ClusterError for what the settings of the Jobs name and is not there. */
export function requireNoLack({ lacks, namespace }: Pick<Snapshot, 'lacks' | 'namespace'>): void {
  const [lack] = lacks;
  if (lack === undefined) return;
  const { what, name, instead } = lack;
  const place = what === 'service account' ? ` in namespace ${namespace}` : '';
  const meant = nearest(name, instead);
  throw new ClusterError(`there is no ${what} ${name}${place}: no pod of the capture could be created`, {
    hint: `There: ${listNames(instead) || 'none'}${meant === undefined ? '' : `\nDid you mean: ${meant}`}`,
  });
}

/** Throws a ClusterError where more Jobs are needed than the user allows (null: any number). */
export function requireFewJobs(needed: number, limit: number | null): void {
  if (limit === null || needed <= limit) return;
  throw new ClusterError(`this capture needs ${needed} Jobs, one for each node; --job-num-limit allows ${limit}`, {
    hint: 'Aim at fewer nodes or pods, or raise the limit: nothing was created.',
  });
}
