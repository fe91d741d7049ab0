import { join } from 'node:path';
import { after, before, describe } from 'node:test';
import { execa } from 'execa';
import { retina } from './support/cli.ts';
import { namespace, SCRIPTS } from './support/cluster.ts';
import { absent, type Fault, fails, faultRows, fine, goes, kept } from './support/matrix.ts';
import { makeVolumes, removeVolumes } from './support/volumes.ts';

const NS = 'e2e-matrix-volumes';
const FULL = '/mnt/e2e-matrix-full';

/** Runs a shell command on node1, whose mounts are not visible here. */
const onNode1 = (command: string) => execa(join(SCRIPTS, 'node'), ['exec', 'node1', 'sh', '-c', command]);

/** A capture that is refused before anything is created. */
function never(words: RegExp): Pick<Fault, 'create' | 'wait' | 'stop' | 'download' | 'delete'> {
  return { create: fails(words), wait: fails(words), stop: absent, download: fails(), delete: absent };
}

const faults: readonly Fault[] = [
  { name: 'PVC: no such claim', id: 'noclaim', flags: () => ['--pvc', 'nobody'], ...never(/no claim nobody|nobody/) },
  {
    name: 'PVC: ReadWriteOnce, and captures on two nodes',
    id: 'once',
    flags: () => ['--pvc', 'once', '--node-names', 'node1,node2'],
    ...never(/ReadWriteOnce/),
  },
  {
    name: 'PVC: the volume is full',
    id: 'full',
    flags: () => ['--pvc', 'full'],
    create: fine(/pvc\/full/),
    wait: fails(/not saved to pvc\/full\/.*ENOSPC/, /kept on node1: /),
    stop: fails(/not saved to pvc\/full\/.*ENOSPC/, /kept on node1: /),
    download: kept,
    delete: goes,
  },
  {
    name: 'PVC: the volume is read-only',
    id: 'readonly',
    flags: () => ['--pvc', 'readonly'],
    create: fine(/pvc\/readonly/),
    wait: fails(/not saved to pvc\/readonly\/.*(EPERM|EROFS)/, /kept on node1: /),
    stop: fails(/not saved to pvc\/readonly\/.*(EPERM|EROFS)/, /kept on node1: /),
    download: kept,
    delete: goes,
  },
  {
    name: 'host path: less is free than --min-free',
    id: 'minfree',
    flags: () => ['--min-free', '99%'],
    create: fine(),
    wait: fails(/node1: .*the disk is nearly full/),
    stop: fails(/node1: .*the disk is nearly full/),
    download: fails(/has no tarball/),
    delete: goes,
  },
  {
    name: 'host path: the disk is full',
    id: 'nospace',
    flags: () => ['--host-path', FULL, '--min-free', '0%'],
    create: fine(),
    wait: fails(/node1: .*(ENOSPC|no space|disk)/),
    stop: fails(/node1: .*(ENOSPC|no space|disk)/),
    download: fails(),
    delete: goes,
  },
];

describe('faults of disks and volumes', () => {
  let clean: () => Promise<void>;
  before(async () => {
    clean = await namespace(NS);
    await onNode1(`mkdir -p ${FULL} && mount -t tmpfs -o size=4k small ${FULL}`);
    await makeVolumes(NS, {
      full: { spec: { hostPath: { path: FULL } } },
      readonly: { spec: { hostPath: { path: '/sys/kernel' } } },
      once: { mode: 'ReadWriteOnce' },
    });
  });
  after(async () => {
    await retina(['capture', 'delete', '--all', '-n', NS]);
    await clean();
    await removeVolumes(NS);
    await onNode1(`umount ${FULL}; rmdir ${FULL}`);
  });
  faultRows(NS, faults);
});
