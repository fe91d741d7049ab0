import type { Job } from '../kube/cluster.ts';
import type { CaptureRequest, Destination, ExistingSecret } from './request.ts';
import { secretName } from './secret.ts';
import type { DestinationSpec, NodePlace, WorkloadSpec } from './workload-spec.ts';

/** Where the pod sees what is mounted for its destinations. */
const HOST_PATH_MOUNT = '/output/host-path';
const PVC_MOUNT = '/output/pvc';
const NODE_MOUNT = '/output/node';
const BLOB_MOUNT = '/var/run/secrets/retina/blob';
const S3_MOUNT = '/var/run/secrets/retina/s3';
const S3_CA_MOUNT = '/var/run/secrets/retina/s3-ca';

/** Where packets lie on a node while no host path was asked for; it outlives the pod, as an emptyDir would not. */
export const NODE_DIRECTORY = '/var/lib/retina';

type PodSpec = NonNullable<NonNullable<NonNullable<Job['spec']>['template']>['spec']>;
type Volume = NonNullable<PodSpec['volumes']>[number];
type Mount = NonNullable<PodSpec['containers'][number]['volumeMounts']>[number];
export type Mounted = { volume: Volume; mount: Mount };

/** What the pod is told of its destinations: places and mounted files, never a credential. */
export function destinationSpecs(
  request: Pick<CaptureRequest, 'name' | 'destinations'>,
  run: { id: string },
): DestinationSpec[] {
  const own = secretName(request.name, run.id);
  return request.destinations.map((destination) => toSpec(destination, own));
}

/** The node's own place: wherever something else than a host path is asked for, and may fail. */
export function nodePlaceFor(destinations: readonly DestinationSpec[]): NodePlace | undefined {
  if (destinations.every(({ kind }) => kind === 'host-path')) return undefined;
  return { path: NODE_DIRECTORY, directory: NODE_MOUNT };
}

function toSpec(destination: Destination, own: string): DestinationSpec {
  const secret = (access: ExistingSecret | { kind: 'sas' | 'keys' }): string =>
    access.kind === 'secret' ? access.name : own;
  switch (destination.kind) {
    case 'host-path':
      return { kind: 'host-path', path: destination.path, directory: HOST_PATH_MOUNT };
    case 'pvc':
      return { kind: 'pvc', claim: destination.claim, directory: PVC_MOUNT };
    case 'blob': {
      const { access } = destination;
      if (access.kind === 'identity') return { ...access, kind: 'blob', access: null };
      const container = access.kind === 'sas' ? access.sas.container : null;
      return { kind: 'blob', container, access: { secret: secret(access), directory: BLOB_MOUNT } };
    }
    case 's3': {
      const { place, access } = destination;
      const ca = place.ca === null ? null : { secret: own, directory: S3_CA_MOUNT };
      const mounted = access.kind === 'identity' ? null : { secret: secret(access), directory: S3_MOUNT };
      return { kind: 's3', ...place, ca, access: mounted };
    }
    default:
      return destination satisfies never;
  }
}

/** The volumes that a workload's destinations need, each with its mount. */
export function destinationMounts({
  destinations,
  nodePlace,
}: Pick<WorkloadSpec, 'destinations' | 'nodePlace'>): Mounted[] {
  const node = nodePlace === undefined ? [] : [mounted('node', nodePlace.directory, hostPath(nodePlace.path))];
  return [...destinations.flatMap(mountOf), ...node];
}

function mountOf(to: DestinationSpec): Mounted[] {
  switch (to.kind) {
    case 'host-path':
      return [mounted('hostpath', to.directory, hostPath(to.path))];
    case 'pvc':
      return [mounted('pvc', to.directory, { persistentVolumeClaim: { claimName: to.claim } })];
    case 'blob':
      return to.access === null ? [] : [secretMount('blob', to.access)];
    case 's3':
      return [
        ...(to.access === null ? [] : [secretMount('s3', to.access)]),
        ...(to.ca === null ? [] : [secretMount('s3-ca', to.ca)]),
      ];
    default:
      return to satisfies never;
  }
}

function mounted(name: string, mountPath: string, source: Omit<Volume, 'name'>): Mounted {
  return { volume: { name, ...source }, mount: { name, mountPath } };
}

/** Files that root alone may read. */
function secretMount(name: string, { secret, directory }: { secret: string; directory: string }): Mounted {
  const volume = { name, secret: { secretName: secret, defaultMode: 0o400 } };
  return { volume, mount: { name, mountPath: directory, readOnly: true } };
}

function hostPath(path: string): Omit<Volume, 'name'> {
  return { hostPath: { path, type: 'DirectoryOrCreate' } };
}
