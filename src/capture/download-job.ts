import { createHash } from 'node:crypto';
import type { Job } from '../kube/cluster.ts';
import { NO_MESH, nodeAffinity, pullSecrets, READS_TARBALLS, TOLERATIONS } from './job.ts';
import { ANNOTATION_NODE, APP_DOWNLOAD, CONTAINER_DOWNLOAD, LABEL_APP, LABEL_DOWNLOAD_OF } from './names.ts';
import type { NodePath } from './request.ts';
import type { PodImage } from './status.ts';

/** Where a download pod sees the node's directory. */
export const DOWNLOAD_MOUNT = '/captures';

const VOLUME = 'captures';
/** Seconds after which the cluster ends a pod that never started. One that is read from then has a successor. */
const DEADLINE_SECONDS = 6 * 3600;

export type DownloadJob = {
  capture: string;
  namespace: string;
  node: string;
  hostPath: NodePath;
  /** The PersistentVolumeClaim to read instead; undefined for the node's disk. */
  claim?: string | undefined;
  image: PodImage;
  /** Tells this run's Jobs from those of another download of the same capture. */
  id: string;
};

/**
 * The Job whose pod reads files on one node. A Job, not a bare pod: when this program dies, the pod ends by itself
 * once nobody reads from it, or by the Job's deadline if it could not start; the Job's time to live removes both.
 */
export function buildDownloadJob(order: DownloadJob): Job {
  const labels = { [LABEL_APP]: APP_DOWNLOAD, [LABEL_DOWNLOAD_OF]: order.capture };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: downloadJobName(order),
      namespace: order.namespace,
      labels,
      annotations: { [ANNOTATION_NODE]: order.node },
    },
    spec: {
      backoffLimit: 0,
      ttlSecondsAfterFinished: 0,
      activeDeadlineSeconds: DEADLINE_SECONDS,
      template: {
        metadata: { labels: { ...labels, ...NO_MESH.labels }, annotations: NO_MESH.annotations },
        spec: {
          restartPolicy: 'Never',
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          terminationGracePeriodSeconds: 1,
          tolerations: TOLERATIONS,
          affinity: nodeAffinity(order.node),
          ...pullSecrets(order.image.imagePullSecrets),
          securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
          containers: [
            {
              name: CONTAINER_DOWNLOAD,
              image: order.image.image,
              imagePullPolicy: order.image.imagePullPolicy,
              args: ['node-files', 'hold'],
              ...READS_TARBALLS,
              volumeMounts: [{ name: VOLUME, mountPath: DOWNLOAD_MOUNT, readOnly: true }],
            },
          ],
          volumes: [{ name: VOLUME, ...source(order) }],
        },
      },
    },
  };
}

/** Directory, not DirectoryOrCreate: looking for files must not leave a folder. */
function source({ claim, hostPath }: DownloadJob) {
  if (claim !== undefined) return { persistentVolumeClaim: { claimName: claim } };
  return { hostPath: { path: hostPath, type: 'Directory' } };
}

function downloadJobName(order: DownloadJob): string {
  const hash = createHash('sha256')
    .update(`${order.node}\0${order.claim ?? ''}${order.hostPath}`)
    .digest('hex')
    .slice(0, 6);
  return `${order.capture.slice(0, 40).replace(/-+$/, '')}-download-${order.id}-${hash}`;
}
