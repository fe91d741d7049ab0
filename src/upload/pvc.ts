import type { DestinationSpec } from '../capture/workload-spec.ts';
import { directoryUploader } from './host-path.ts';
import type { Uploader } from './uploader.ts';

/** Delivers into a mounted PersistentVolumeClaim, as into any directory: names hold the node, so nodes keep apart. */
export function pvcUploader(target: DestinationSpec & { kind: 'pvc' }, stem: string): Uploader {
  return directoryUploader({ kind: 'pvc', path: `pvc/${target.claim}`, directory: target.directory }, stem);
}
