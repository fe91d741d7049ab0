import { readdirSync, readFileSync } from 'node:fs';
import { WORKLOAD_VERSION } from '../../../src/capture/workload-spec.ts';
import { result, spec } from '../../unit/support/builders.ts';
import { apply } from './cluster.ts';

export const NS = 'e2e-secure-hostile';
/** What steers a terminal: clears it, sets its title, turns the direction of writing. */
export const ESCAPES = '\u001b[2J\u001b]0;title\u0007\u009b31m\u202egnp.exe\u2066x\u2028y\r';
/** A line that this program would print itself. */
export const LIE = '\n✔ 2 of 2 tarballs saved in 3.1 s\n';

/** Characters of a text that a terminal obeys, or that turn what is read. */
export function steering(text: string): string[] {
  return [...text].filter((character) => {
    const code = character.codePointAt(0) ?? 0;
    const control = (code < 32 && code !== 9 && code !== 10) || (code >= 127 && code < 160);
    return control || (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) || code === 0x2028;
  });
}

type Forged = {
  result?: object;
  order?: object;
  ok?: boolean;
  log?: boolean;
  node?: string;
  alone?: boolean;
  hostPath?: string;
};

/** The order of a pod that delivers to one place of another's choice, by a filter of another's choice. */
export function orderTo(destination: object, filter = ''): object {
  const s3 = { bucket: 'caps', region: 'us-east-1', prefix: 'p', ca: null, checksums: 'when_supported' };
  // Of a kind that its caller chose, which may be none.
  return spec({ filter, destinations: [{ ...s3, ...destination } as never] });
}

/** Makes a Job whose pod claims to be that of a capture, and tells what it likes. */
export async function forge(
  name: string,
  { result: told, order, ok, log, node = 'node1', alone, hostPath }: Forged,
): Promise<void> {
  const tarball = { name: `${name}-node1-20261121101500UTC.tar.gz`, bytes: 5, sha256: 'ab'.repeat(32) };
  const [to] = (order as { destinations?: { kind: 's3' | 'blob' }[] } | undefined)?.destinations ?? [];
  const delivered = [{ kind: to?.kind ?? 's3', location: `s3://x/${ESCAPES}`, ok: ok === true }] as const;
  const message = JSON.stringify({
    ...result({ capture: name, tarball, destinations: delivered.map((each) => ({ ...each })) }),
    version: WORKLOAD_VERSION,
    ...told,
  });
  const script = log
    ? `while :; do printf 'held up: \\033[2J'; head -c 2000000 /dev/zero | tr '\\0' x; sleep 1; done`
    : `printf '%s' "$TOLD" >/dev/termination-log; exit ${ok ? 0 : 1}`;
  const labels = { 'retina.sh/app': 'capture', 'capture-name': name };
  const annotations = {
    'retina-capture-filename': `${name}-node1-20261121101500UTC`,
    'retina.sh/node': node,
    ...(hostPath === undefined ? {} : { 'retina-capture-hostpath': hostPath }),
    ...(order === undefined ? {} : { 'retina.sh/workload': JSON.stringify(order) }),
  };
  const container = {
    name: 'capture',
    image: 'localhost/debian:test',
    command: ['sh', '-c', script],
    env: [{ name: 'TOLD', value: message }],
  };
  const place = alone ? { nodeSelector: { 'no-such': 'node' } } : { nodeName: 'node1' };
  const template = {
    metadata: { labels, annotations },
    spec: { ...place, restartPolicy: 'Never', terminationGracePeriodSeconds: 0, containers: [container] },
  };
  const metadata = { name: `forged-${name}`, namespace: NS, labels, annotations };
  await apply({ apiVersion: 'batch/v1', kind: 'Job', metadata, spec: { backoffLimit: 0, template } });
}

/** What the kernel tells of the workload's process in a pod: /proc/PID/status, and its mounts. */
export function workloadStatus(podUid: string): { status: string; mounts: string } {
  const read = (pid: string, file: string): string => {
    try {
      return readFileSync(`/proc/${pid}/${file}`, 'utf8');
    } catch {
      return '';
    }
  };
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const pid = pids.find(
    (each) => /kubectl-retina\0workload/.test(read(each, 'cmdline')) && read(each, 'cgroup').includes(podUid),
  );
  if (pid === undefined) throw new Error(`no workload runs in pod ${podUid}`);
  return { status: read(pid, 'status'), mounts: read(pid, 'mountinfo') };
}
