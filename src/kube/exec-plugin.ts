import { readFileSync } from 'node:fs';
import { ClusterError, messageOf } from '../errors.ts';
import type { KubeCluster } from './kubeconfig.ts';

/** `user.exec` of a kubeconfig. */
export type ExecPlugin = {
  command?: string;
  args?: readonly string[] | null;
  env?: readonly { name: string; value: string }[] | null;
  apiVersion?: string;
  interactiveMode?: 'Never' | 'IfAvailable' | 'Always';
  provideClusterInfo?: boolean;
  installHint?: string;
};

/** What a plugin answers: a token, a client certificate, or both; PEM, not Base64. */
export type ExecCredential = {
  token?: string;
  clientCertificateData?: string;
  clientKeyData?: string;
  expirationTimestamp?: string;
};

type Context = { user: string; cluster: KubeCluster; env: NodeJS.ProcessEnv };

/**
 * Runs a credential plugin as kubectl does: KUBERNETES_EXEC_INFO tells it who asks, and on a terminal it may ask the
 * user to log in. Every failure is a ClusterError that names the plugin and what it said.
 */
export async function runPlugin(plugin: ExecPlugin, context: Context): Promise<ExecCredential> {
  const what = `the credential plugin ${plugin.command || '(none named)'} of user ${context.user}`;
  const fail = (why: string, cause?: unknown): ClusterError =>
    new ClusterError(`${what} failed: ${why}`, { hint: 'Log in again with that tool, then retry.', cause });
  const ended = await spawnPlugin(plugin, context).catch((error: NodeJS.ErrnoException) => {
    const install = plugin.installHint?.trim() || `Install it, or put it into PATH: ${plugin.command}`;
    if (error.code === 'ENOENT') throw new ClusterError(`${what} is not installed`, { hint: install, cause: error });
    if (error.code === 'EACCES') throw new ClusterError(`${what} is not executable`, { cause: error });
    throw fail(messageOf(error), error);
  });
  if (ended.code !== 0) throw fail(lastLine(ended.stderr) ?? `exit code ${ended.code}`);
  const credential = parseCredential(ended.stdout);
  if (credential === undefined) throw fail('it printed no ExecCredential');
  if (!credential.token && !(credential.clientCertificateData && credential.clientKeyData)) {
    throw fail('it printed neither a token nor a certificate with its key');
  }
  return credential;
}

function spawnPlugin(plugin: ExecPlugin, { cluster, env }: Context) {
  const terminal = process.stdin.isTTY === true && process.stderr.isTTY === true;
  const interactive = terminal && plugin.interactiveMode !== 'Never';
  // Loaded here, as most kubeconfigs name no plugin.
  const { spawn } = process.getBuiltinModule('node:child_process');
  const child = spawn(plugin.command ?? '', [...(plugin.args ?? [])], {
    env: {
      ...env,
      ...Object.fromEntries((plugin.env ?? []).map(({ name, value }) => [name, value])),
      KUBERNETES_EXEC_INFO: JSON.stringify(execInfo(plugin, cluster, interactive)),
    },
    // What a login says ("open this page, type that code") must be seen while it waits.
    stdio: [interactive ? 'inherit' : 'ignore', 'pipe', interactive ? 'inherit' : 'pipe'],
  });
  const told = { stdout: '', stderr: '' };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    told.stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    told.stderr += text;
  });
  const { promise, resolve, reject } = Promise.withResolvers<typeof told & { code: number | null }>();
  child.on('error', reject);
  child.on('close', (code) => resolve({ ...told, code }));
  return promise;
}

function execInfo(plugin: ExecPlugin, cluster: KubeCluster, interactive: boolean): object {
  const info = {
    server: cluster.server,
    'tls-server-name': cluster.tlsServerName,
    'insecure-skip-tls-verify': cluster.skipTLSVerify || undefined,
    'certificate-authority-data': authority(cluster),
    'proxy-url': cluster.proxyUrl,
  };
  return {
    apiVersion: plugin.apiVersion ?? 'client.authentication.k8s.io/v1',
    kind: 'ExecCredential',
    spec: { interactive, ...(plugin.provideClusterInfo === true ? { cluster: info } : {}) },
  };
}

/** The authority as data, in whichever form the kubeconfig has it. */
function authority({ caData, caFile }: KubeCluster): string | undefined {
  return caFile ? readFileSync(caFile).toString('base64') : caData;
}

function parseCredential(text: string): ExecCredential | undefined {
  try {
    return (JSON.parse(text) as { status?: ExecCredential } | null)?.status ?? undefined;
  } catch {
    return undefined;
  }
}

function lastLine(text: string): string | undefined {
  return text
    .split('\n')
    .map((line) => line.trim())
    .findLast((line) => line !== '');
}
