import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Cluster as ConfigCluster, Context, User } from '@kubernetes/client-node';
// The package's index loads every API class, which costs 60 ms that no command needs.
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
    await super.applyToHTTPSOptions(options);
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
  throw new ClusterError(`no cluster is configured: there is no file ${files.join(', no file ')}`, {
    hint: 'Name a configuration with --kubeconfig FILE or the variable KUBECONFIG, or a server with --server URL.',
  });
}

function readFile(file: string): KubeConfig {
  const config = new KubeConfig();
  try {
    config.loadFromFile(file);
  } catch (error) {
    throw new ClusterError(`the kubeconfig ${file} cannot be read: ${messageOf(error)}`, { cause: error });
  }
  return config;
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

function named<T extends { name: string }>(entries: readonly T[], name: string, what: string, flag: string): T {
  const entry = entries.find((candidate) => candidate.name === name);
  if (entry !== undefined) return entry;
  const known = entries.map((candidate) => candidate.name).sort();
  throw new UsageError(
    `${flag}: there is no ${what} ${name} in the kubeconfig`,
    known.length > 0 ? `There are: ${known.join(', ')}` : undefined,
  );
}

function pickContext(parts: Parts, options: ConnectionOptions): Context | undefined {
  if (options.context !== undefined) return named(parts.contexts, options.context, 'context', '--context');
  if (parts.currentContext !== undefined) {
    return named(parts.contexts, parts.currentContext, 'context', 'current-context');
  }
  if (options.cluster !== undefined || options.server !== undefined) return undefined;
  throw new ClusterError('the kubeconfig names no current context', {
    hint: `Choose one with --context NAME: ${parts.contexts.map((c) => c.name).join(', ') || 'it has none'}`,
  });
}

function pickCluster(parts: Parts, options: ConnectionOptions, context: Context | undefined): ConfigCluster {
  const name = options.cluster ?? context?.cluster;
  const base: ConfigCluster =
    name === undefined
      ? { name: 'command-line', server: '', skipTLSVerify: false }
      : named(parts.clusters, name, 'cluster', options.cluster === undefined ? 'context' : '--cluster');
  // client-node refuses plain HTTP unless TLS checks are off; kubectl takes the URL's word for it.
  const server = (options.server ?? base.server).replace(/\/+$/, '');
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

function pickUser(parts: Parts, options: ConnectionOptions, context: Context | undefined): User {
  const name = options.user ?? context?.user;
  const base: User =
    name === undefined
      ? { name: 'command-line' }
      : named(parts.users, name, 'user', options.user === undefined ? 'context' : '--user');
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
