import { join } from 'node:path';
import type { Lab } from '../../test/local/lab.ts';
import { startPod } from '../../test/local/pod.ts';
import { directory } from './stores.ts';

/** Starts a capture of a lab's veth pair that delivers to a directory; resolves once it captures. */
export async function capturing(lab: Lab) {
  const scratch = join(lab.directory, 'node');
  const { to } = await directory(lab);
  const nodePlace = { path: scratch, directory: scratch };
  const pod = await startPod(lab, { interfaces: ['veth-a'], destinations: [to], nodePlace });
  await pod.capturing;
  return pod;
}
