import { createHash } from 'node:crypto';
import type { Job } from '../kube/cluster.ts';
import {
  identityLabel,
  LINUX_POD,
  NO_MESH,
  nodeAffinity,
  PODINFO_VOLUME,
  type PodSpec,
  podInfoVolume,
  pullSecrets,
  READS_TARBALLS,
  TOLERATIONS,
} from './job.ts';
import { destinationMounts } from './mounts.ts';
import {
  ANNOTATION_NODE,
  ANNOTATION_UPLOAD,
  APP_UPLOAD,
  CONTAINER_UPLOAD,
  LABEL_APP,
  LABEL_UPLOAD_OF,
} from './names.ts';
import type { PodImage } from './status.ts';
import { PODINFO_UPLOAD, type UploadSpec } from './upload-spec.ts';
import { PODINFO_DIRECTORY } from './workload-spec.ts';

/** Seconds that the Job stays when nobody removes it: whoever waits for it must be able to read its result. */
const TTL_SECONDS = 300;
/** Seconds beyond the time for the upload in which it can be taken back and its result be told. */
const MARGIN_SECONDS = 120;
/** Seconds that a pod which is deleted has to take its unfinished uploads back. */
const GRACE_SECONDS = 30;

const VOLUME = 'kept';

/** One node's upload, decided. */
export type UploadOrder = {
  spec: UploadSpec;
  namespace: string;
  image: PodImage;
  serviceAccount: string | undefined;
  /** Tells this run's Jobs from those of another upload of the same capture. */
  id: string;
};

/**
 * The Job whose pod sends a node's tarball again. It reaches stores as the capture's pod did: from the node's network, as
 * the same service account; it has no capability, and sees the node's directory read-only unless the copy is to go.
 */
export function buildUploadJob(order: UploadOrder): Job {
  const { spec, namespace } = order;
  const { capture, node } = spec.result;
  const labels = { [LABEL_APP]: APP_UPLOAD, [LABEL_UPLOAD_OF]: capture };
  const annotations = { [ANNOTATION_NODE]: node };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: uploadJobName(order), namespace, labels, annotations },
    spec: {
      backoffLimit: 0,
      ttlSecondsAfterFinished: TTL_SECONDS,
      activeDeadlineSeconds: Math.ceil(spec.timeoutMs / 1000) + MARGIN_SECONDS,
      template: {
        metadata: {
          labels: { ...labels, ...NO_MESH.labels, ...identityLabel(spec) },
          annotations: { ...annotations, [ANNOTATION_UPLOAD]: JSON.stringify(spec), ...NO_MESH.annotations },
        },
        spec: podSpec(order),
      },
    },
  };
}

function podSpec({ spec, image, serviceAccount }: UploadOrder): PodSpec {
  const mounts = destinationMounts({ destinations: spec.destinations });
  return {
    hostNetwork: true,
    restartPolicy: 'Never',
    automountServiceAccountToken: false,
    ...(serviceAccount === undefined ? {} : { serviceAccountName: serviceAccount }),
    enableServiceLinks: false,
    terminationGracePeriodSeconds: GRACE_SECONDS,
    ...LINUX_POD,
    tolerations: TOLERATIONS,
    affinity: nodeAffinity(spec.result.node),
    ...pullSecrets(image.imagePullSecrets),
    securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
    containers: [
      {
        name: CONTAINER_UPLOAD,
        image: image.image,
        imagePullPolicy: image.imagePullPolicy,
        args: ['send-again'],
        ...READS_TARBALLS,
        volumeMounts: [
          { name: PODINFO_VOLUME, mountPath: PODINFO_DIRECTORY, readOnly: true },
          { name: VOLUME, mountPath: spec.place.directory, readOnly: !spec.removeCopy },
          ...mounts.map(({ mount }) => mount),
        ],
      },
    ],
    volumes: [
      podInfoVolume({ [PODINFO_UPLOAD]: ANNOTATION_UPLOAD }),
      // Directory, not DirectoryOrCreate: where there is none, there is no tarball either.
      { name: VOLUME, hostPath: { path: spec.place.path, type: 'Directory' } },
      ...mounts.map(({ volume }) => volume),
    ],
  };
}

function uploadJobName({ spec, id }: UploadOrder): string {
  const { capture, node } = spec.result;
  const hash = createHash('sha256').update(node).digest('hex').slice(0, 6);
  return `${capture.slice(0, 40).replace(/-+$/, '')}-upload-${id}-${hash}`;
}
