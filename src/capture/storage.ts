import { ClusterError } from '../errors.ts';
import type { Claim, Cluster, Volume } from '../kube/cluster.ts';
import type { Destination } from './request.ts';
import type { SasUrl } from './sas.ts';
import { sasIn } from './secret.ts';

/** What planning needs to know of a PersistentVolumeClaim. */
export type ClaimFact = {
  name: string;
  /** Bound, Pending or Lost. */
  phase: string;
  modes: readonly string[];
  block: boolean;
  deleted: boolean;
  /** Whether it is bound once a pod needs it; undefined where the user may not know. */
  waits: boolean | undefined;
  /** Where its volume can be reached; undefined for everywhere, or where the user may not know. */
  nodes: NodeTerms | undefined;
};

/** A Secret, its type and keys, and the SAS URL that it holds, or why that is none. */
type SecretFact = { name: string; type: string; keys: readonly string[]; sas: SasUrl | Error };

type Affinity = NonNullable<NonNullable<NonNullable<Volume['spec']>['nodeAffinity']>['required']>;
export type NodeTerms = Affinity['nodeSelectorTerms'];

/** What is there of the storage that a capture is to use; undefined where the user may not look. */
export type StorageFacts = {
  /** All claims of the namespace; undefined also where none is asked for. */
  readonly claims: readonly ClaimFact[] | undefined;
  /** The Secrets that were named and that are there. */
  readonly secrets: readonly SecretFact[] | undefined;
};

/** Reads the claims and Secrets that destinations, and the pulling of the image, name; as far as the user may. */
export async function readStorage(
  destinations: readonly Destination[],
  cluster: Cluster,
  pullSecrets: readonly string[] = [],
): Promise<StorageFacts> {
  const claim = destinations.find((to) => to.kind === 'pvc')?.claim;
  const named = destinations.flatMap((to) => ('access' in to && to.access.kind === 'secret' ? [to.access.name] : []));
  const secrets = [...named, ...pullSecrets];
  const [claims, there] = await Promise.all([
    claim === undefined ? undefined : readClaims(cluster, claim),
    secrets.length === 0 ? undefined : readSecrets(cluster, secrets),
  ]);
  return { claims, secrets: there };
}

async function readClaims(cluster: Cluster, wanted: string): Promise<ClaimFact[] | undefined> {
  const claims = await allowed(cluster.list('persistentvolumeclaims', { namespace: cluster.namespace }));
  const claim = claims?.find(({ metadata }) => metadata?.name === wanted);
  const volumeName = claim?.spec?.volumeName;
  const className = claim?.spec?.storageClassName;
  const [volumes, classes] = await Promise.all([
    volumeName === undefined
      ? undefined
      : allowed(cluster.list('persistentvolumes', { fields: `metadata.name=${volumeName}` })),
    claim?.status?.phase !== 'Pending' || className === undefined
      ? undefined
      : allowed(cluster.list('storageclasses', { fields: `metadata.name=${className}` })),
  ]);
  const waits = classes?.some(({ volumeBindingMode }) => volumeBindingMode === 'WaitForFirstConsumer');
  const nodes = volumes?.[0]?.spec?.nodeAffinity?.required?.nodeSelectorTerms;
  return claims?.map((each) => (each === claim ? { ...claimFact(each), waits, nodes } : claimFact(each)));
}

function claimFact(claim: Claim): ClaimFact {
  return {
    name: claim.metadata?.name ?? '',
    phase: claim.status?.phase ?? 'Pending',
    modes: claim.spec?.accessModes ?? [],
    block: claim.spec?.volumeMode === 'Block',
    deleted: claim.metadata?.deletionTimestamp !== undefined,
    waits: undefined,
    nodes: undefined,
  };
}

async function readSecrets(cluster: Cluster, names: readonly string[]): Promise<StorageFacts['secrets']> {
  const { namespace } = cluster;
  const lists = await Promise.all(
    [...new Set(names)].map((name) => allowed(cluster.list('secrets', { namespace, fields: `metadata.name=${name}` }))),
  );
  if (lists.includes(undefined)) return undefined;
  return lists.flatMap((list = []) =>
    list.map((secret) => ({
      name: secret.metadata?.name ?? '',
      type: secret.type ?? '',
      keys: Object.keys(secret.data ?? {}).sort(),
      sas: sasIn(secret),
    })),
  );
}

/** A check that the user may not make is left out: what is wrong then shows in the pod. */
async function allowed<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof ClusterError && error.status === 403) return undefined;
    throw error;
  }
}
