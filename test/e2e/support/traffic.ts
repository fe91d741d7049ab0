import { apply, kubectl } from './cluster.ts';

const IMAGE = 'localhost/debian:test';

/** A pod that runs shell commands, on a node. */
export function pod(
  namespace: string,
  name: string,
  node: string,
  commands: Record<string, readonly string[]>,
  extra: object = {},
): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels: { app: name } },
    spec: {
      nodeName: node,
      terminationGracePeriodSeconds: 0,
      tolerations: [{ operator: 'Exists' }],
      containers: Object.entries(commands).map(([container, command]) => ({ name: container, image: IMAGE, command })),
      ...extra,
    },
  };
}

const SERVER = ['sh', '-c', 'mkdir /www && echo ok >/www/index.html && exec busybox httpd -f -p 8080 -h /www'];

/**
 * Pods whose traffic is known: `client` (node1) asks `server` (node2) over HTTP, ten times a second, for /?seq=1, 2, 3 …
 * in turn; `other` (node1) does the same with /?other=…, and sends UDP datagrams `beat=1` … to the server's port 9999.
 */
export async function startTraffic(namespace: string): Promise<{ server: string; client: string }> {
  await apply(pod(namespace, 'server', 'node2', { web: SERVER }));
  await kubectl('-n', namespace, 'wait', '--for=condition=Ready', 'pod/server', '--timeout=60s');
  const server = await kubectl('-n', namespace, 'get', 'pod', 'server', '-o', 'jsonpath={.status.podIP}');
  const ask = (word: string): readonly string[] => [
    'bash',
    '-c',
    `for ((n = 1; ; n++)); do busybox wget -qO /dev/null "http://${server}:8080/?${word}=$n"; sleep 0.1; done`,
  ];
  const beat = [
    'bash',
    '-c',
    `exec 3<>/dev/udp/${server}/9999; for ((n = 1; ; n++)); do echo "beat=$n" >&3 || true; sleep 0.2; done`,
  ];
  await apply(
    pod(namespace, 'client', 'node1', { http: ask('seq') }),
    pod(namespace, 'other', 'node1', { http: ask('other'), udp: beat }),
  );
  await kubectl('-n', namespace, 'wait', '--for=condition=Ready', 'pod', '--all', '--timeout=60s');
  const client = await kubectl('-n', namespace, 'get', 'pod', 'client', '-o', 'jsonpath={.status.podIP}');
  return { server, client };
}

/** The port that a stream's datagrams go to. */
export const STREAM_PORT = 7654;

/**
 * A pod that sends datagrams which do not shrink, about 4 MB a second, to nobody: its node sees each once, and no other
 * node does.
 */
export async function startStream(namespace: string, node: string): Promise<void> {
  const send = `dd if=/dev/urandom bs=1400 count=300 status=none >&3`;
  const command = ['bash', '-c', `exec 3<>/dev/udp/239.1.2.3/${STREAM_PORT}; while ${send}; do sleep 0.1; done`];
  await apply(pod(namespace, `stream-${node}`, node, { udp: command }));
  await kubectl('-n', namespace, 'wait', '--for=condition=Ready', `pod/stream-${node}`, '--timeout=60s');
}
