import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import type { Cluster as ConfigCluster, Context, User } from '@kubernetes/client-node';
// The package's index loads every API class as well: 1.7 times the time, for nothing that a command needs.
import { KubeConfig } from '@kubernetes/client-node/dist/config.js';
import { ClusterError, messageOf, UsageError } from '../errors.ts';
import type { ConnectionOptions } from './cluster.ts';

const IN_CLUSTER_TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/token';

type Parts = { clusters: ConfigCluster[]; users: User[]; contexts: Context[]; currentContext: string | undefined };

/** A kubeconfig that adds the impersonation headers client-node does not know (groups, UID, extra). */
class ConnectionConfig extends KubeConfig {
  readonly #headers: Record<string, string | string[]>;

  constructor(headers: Record<string, string | string[]>) {
    super();
    this.#headers = headers;
  }

  override async applyToHTTPSOptions(options: Parameters<KubeConfig['applyToHTTPSOptions']>[0]): Promise<void> {
    try {
      await super.applyToHTTPSOptions(options);
    } catch (error) {
      throw credentialError(this.getCurrentUser(), error);
    }
    options.headers = { ...options.headers, ...this.#headers } as typeof options.headers & object;
  }
}

/**
 * Loads the configuration as kubectl does: `--kubeconfig`, else the files of KUBECONFIG, else `~/.kube/config`, else
 * the pod's service account; then lays the connection flags over it.
 */
export function loadConfig(options: ConnectionOptions, env: NodeJS.ProcessEnv): KubeConfig {
  const parts = readParts(options, env);
  const context = pickContext(parts, options);
  const cluster = pickCluster(parts, options, context);
  const user = pickUser(parts, options, context);
  const config = new ConnectionConfig(impersonationHeaders(options));
  const name = context?.name ?? 'command-line';
  config.loadFromOptions({
    clusters: [cluster],
    users: [user],
    contexts: [{ name, cluster: cluster.name, user: user.name, namespace: context?.namespace }],
    currentContext: name,
  });
  return config;
}

function readParts(options: ConnectionOptions, env: NodeJS.ProcessEnv): Parts {
  if (options.kubeconfig !== undefined) {
    if (!existsSync(options.kubeconfig)) throw new UsageError(`--kubeconfig: there is no file ${options.kubeconfig}`);
    return merge([readFile(options.kubeconfig)]);
  }
  const listed = (env.KUBECONFIG ?? '').split(delimiter).filter((file) => file !== '');
  const files = listed.length > 0 ? listed : [join(env.HOME ?? homedir(), '.kube', 'config')];
  const found = files.filter((file) => existsSync(file));
  if (found.length > 0) return merge(found.map(readFile));
  if (existsSync(IN_CLUSTER_TOKEN)) {
    const config = new KubeConfig();
    config.loadFromCluster();
    return merge([config]);
  }
  if (options.server !== undefined) return merge([]);
  const source = listed.length > 0 ? ' (from KUBECONFIG)' : ' and KUBECONFIG is not set';
  throw new ClusterError(`no cluster is configured: there is no file ${files.join(', no file ')}${source}`, {
    hint: 'Name a configuration with --kubeconfig FILE or the variable KUBECONFIG, or a server with --server URL.',
  });
}

function readFile(file: string): KubeConfig {
  const config = new KubeConfig();
  try {
    const text = readFileSync(file, 'utf8');
    // As in kubectl, an empty file says nothing; client-node would fail on it.
    if (text.replace(/^\s*#.*$/gm, '').trim() === '') return config;
    config.loadFromString(text);
    config.makePathsAbsolute(dirname(file));
  } catch (error) {
    throw new ClusterError(`the kubeconfig ${file} cannot be read: ${fileProblem(error)}`, {
      hint: 'Mend it, or name another with --kubeconfig FILE or the variable KUBECONFIG.',
      cause: error,
    });
  }
  return config;
}

/** What is wrong with a file, in one line: the parser's own message shows the lines around, which may hold secrets. */
function fileProblem(error: unknown): string {
  const { code, reason, mark } = error as { code?: string; reason?: string; mark?: { line: number; column: number } };
  if (reason !== undefined) {
    const place = mark === undefined ? '' : ` (line ${mark.line + 1}, column ${mark.column + 1})`;
    return `it is not YAML: ${reason}${place}`;
  }
  if (code === 'EACCES') return 'this user may not read it';
  if (code === 'EISDIR') return 'it is a directory';
  if (error instanceof TypeError) return 'it is no kubeconfig';
  return messageOf(error).split('\n')[0] ?? '';
}

/** Why there are no credentials to send: an exec plugin failed, or a file is not there. */
function credentialError(user: User | null, error: unknown): unknown {
  const { code, path } = error as NodeJS.ErrnoException;
  const exec: { command?: string; installHint?: string } | undefined =
    user?.exec ?? (user?.authProvider as { config?: { exec?: object } } | undefined)?.config?.exec;
  if (exec !== undefined) {
    const what = `the credential plugin ${exec.command ?? '(none named)'} of user ${user?.name}`;
    const install = exec.installHint?.trim() || `Install it, or put it into PATH: ${exec.command}`;
    if (code === 'ENOENT') return new ClusterError(`${what} is not installed`, { hint: install, cause: error });
    if (code === 'EACCES') return new ClusterError(`${what} is not executable`, { cause: error });
    const lines = messageOf(error)
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '');
    const garbled = error instanceof SyntaxError || error instanceof TypeError;
    const why = garbled ? 'it printed no ExecCredential' : (lines.at(-1) ?? 'it told no reason');
    return new ClusterError(`${what} failed: ${why}`, {
      hint: 'Log in again with that tool, then retry.',
      cause: error,
    });
  }
  if (code === undefined || !['ENOENT', 'EACCES', 'EISDIR', 'ENOTDIR'].includes(code)) return error;
  const why =
    code === 'ENOENT' ? `there is no file ${path}` : `${path === undefined ? '' : `${path}: `}${fileProblem(error)}`;
  return new ClusterError(`a certificate, key or token of the connection cannot be read: ${why}`, {
    hint: 'Mend the kubeconfig or the flag, or choose another context: kubectl config get-contexts, then --context NAME',
    cause: error,
  });
}

/** Merges as kubectl does: of several entries of one name, the first file's counts. */
function merge(configs: readonly KubeConfig[]): Parts {
  const first = <T extends { name: string }>(all: readonly T[]): T[] => [
    ...new Map(all.toReversed().map((entry) => [entry.name, entry])).values(),
  ];
  return {
    clusters: first(configs.flatMap((config) => config.clusters ?? [])),
    users: first(configs.flatMap((config) => config.users ?? [])),
    contexts: first(configs.flatMap((config) => config.contexts ?? [])),
    currentContext: configs.map((config) => config.currentContext).find((name) => name),
  };
}

/** The entry of a name; without it, the command line is wrong when a flag named it, else the kubeconfig is. */
function named<T extends { name: string }>(
  entries: readonly T[],
  name: string,
  what: 'context' | 'cluster' | 'user',
  by: { flag: string } | { entry: string },
): T {
  const entry = entries.find((candidate) => candidate.name === name);
  if (entry !== undefined) return entry;
  const known = entries.map((candidate) => candidate.name).sort();
  const hint =
    known.length > 0 ? `The ${what}s there: ${known.slice(0, 10).join(', ')}${known.length > 10 ? ' …' : ''}` : '';
  if ('flag' in by)
    throw new UsageError(`${by.flag}: there is no ${what} ${name} in the kubeconfig`, hint || undefined);
  throw new ClusterError(`the kubeconfig has no ${what} ${name}, which its ${by.entry} names`, {
    hint: `${hint || `It has no ${what}s`}. Choose one with --${what} NAME, or mend the kubeconfig.`,
  });
}

function pickContext(parts: Parts, options: ConnectionOptions): Context | undefined {
  if (options.context !== undefined) return named(parts.contexts, options.context, 'context', { flag: '--context' });
  if (parts.currentContext !== undefined) {
    return named(parts.contexts, parts.currentContext, 'context', { entry: 'current-context' });
  }
  if (options.cluster !== undefined || options.server !== undefined) return undefined;
  const known = parts.contexts.map((context) => context.name).sort();
  throw new ClusterError(
    known.length === 0 ? 'the kubeconfig has no context, so no cluster' : 'the kubeconfig has no current context',
    {
      hint:
        known.length === 0
          ? 'Is it the right file? Name another with --kubeconfig FILE or the variable KUBECONFIG.'
          : `Choose one with --context NAME: ${known.join(', ')}`,
    },
  );
}

function pickCluster(parts: Parts, options: ConnectionOptions, context: Context | undefined): ConfigCluster {
  const name = options.cluster ?? context?.cluster;
  const base: ConfigCluster =
    name === undefined
      ? { name: 'command-line', server: '', skipTLSVerify: false }
      : named(parts.clusters, name, 'cluster', whoNames(options.cluster, '--cluster', context));
  // client-node refuses plain HTTP unless TLS checks are off; kubectl takes the URL's word for it.
  const server = checkedServer(options.server, base).replace(/\/+$/, '');
  const insecure = options.insecureSkipTlsVerify ?? (base.skipTLSVerify || server.startsWith('http://'));
  const { caData, caFile, ...rest } = base;
  const authority =
    options.certificateAuthority !== undefined
      ? { caFile: existing(options.certificateAuthority, '--certificate-authority') }
      : insecure
        ? {}
        : { ...(caData === undefined ? {} : { caData }), ...(caFile === undefined ? {} : { caFile }) };
  const tlsServerName = options.tlsServerName ?? base.tlsServerName;
  return { ...rest, ...authority, server, skipTLSVerify: insecure, ...(tlsServerName ? { tlsServerName } : {}) };
}

function whoNames(typed: string | undefined, flag: string, context: Context | undefined) {
  return typed === undefined ? { entry: `context ${context?.name}` } : { flag };
}

function checkedServer(typed: string | undefined, base: ConfigCluster): string {
  const server = typed ?? base.server;
  const url = URL.canParse(server) ? new URL(server) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol) && url.hostname !== '') return server;
  const words = `"${server}" is not a URL such as https://10.0.0.1:6443`;
  if (typed !== undefined) throw new UsageError(`--server: ${words}`);
  throw new ClusterError(
    server === '' ? 'no API server is named' : `the kubeconfig's cluster ${base.name} has a wrong server: ${words}`,
    { hint: 'Name one with --server URL, or mend the kubeconfig.' },
  );
}

function pickUser(parts: Parts, options: ConnectionOptions, context: Context | undefined): User {
  const name = options.user ?? context?.user;
  const base: User =
    name === undefined
      ? { name: 'command-line' }
      : named(parts.users, name, 'user', whoNames(options.user, '--user', context));
  const typed: Partial<User> = {
    ...(options.token === undefined ? {} : { token: options.token }),
    ...(options.clientCertificate === undefined
      ? {}
      : { certFile: existing(options.clientCertificate, '--client-certificate') }),
    ...(options.clientKey === undefined ? {} : { keyFile: existing(options.clientKey, '--client-key') }),
    ...(options.as === undefined ? {} : { impersonateUser: options.as }),
  };
  // A typed credential replaces the configured ones: the server would otherwise see two identities.
  const replaced = options.token !== undefined || options.clientCertificate !== undefined;
  return replaced ? { name: base.name, ...typed } : { ...base, ...typed };
}

function existing(file: string, flag: string): string {
  if (!existsSync(file)) throw new UsageError(`${flag}: there is no file ${file}`);
  return file;
}

function impersonationHeaders(options: ConnectionOptions): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  if (options.asGroup !== undefined) headers['Impersonate-Group'] = [...options.asGroup];
  if (options.asUid !== undefined) headers['Impersonate-Uid'] = options.asUid;
  for (const extra of options.asUserExtra ?? []) {
    const [key = '', value = ''] = extra.split(/=(.*)/s);
    const header = `Impersonate-Extra-${encodeURIComponent(key)}`;
    headers[header] = [...(headers[header] ?? []), value];
  }
  return headers;
}
