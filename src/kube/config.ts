import { existsSync } from 'node:fs';
import type { Context } from '@kubernetes/client-node';
// The package's index loads every API class as well: 1.7 times the time, for nothing that a command needs.
import { KubeConfig } from '@kubernetes/client-node/dist/config.js';
import { ClusterError, UsageError } from '../errors.ts';
import type { ConfigNames, ConnectionOptions } from './cluster.ts';
import { type Credentials, createCredentials } from './credentials.ts';
import { impersonationHeaders, toImpersonation } from './impersonation.ts';
import { fileProblem, type KubeCluster, type KubeUser, type Parts, readParts } from './kubeconfig.ts';
import { proxyFromEnvironment } from './proxy.ts';

/** A cluster and whose credentials to show it, whatever they come from. */
export type Connection = {
  readonly cluster: KubeCluster;
  /** Undefined when neither the context nor the service account names one. */
  readonly namespace: string | undefined;
  /** The form in which client-node's WebSocket takes it. */
  readonly config: KubeConfig;
  /** Whether a request that was begun at a time (of `monotonic`) and not accepted may be with other credentials. */
  readonly renew: (begunAt: number) => boolean;
};

/**
 * A kubeconfig that renews its credentials (token files, plugins), and adds the impersonation headers that client-node
 * does not know (groups, UID, extra). Its connections are kept open while the credentials stay the same.
 */
class ConnectionConfig extends KubeConfig {
  readonly #headers: Record<string, string | string[]>;
  readonly #credentials: Credentials;
  #current: KubeConfig | undefined;

  constructor(headers: Record<string, string | string[]>, credentials: Credentials) {
    super();
    this.#headers = headers;
    this.#credentials = credentials;
  }

  override async applyToHTTPSOptions(options: Parameters<KubeConfig['applyToHTTPSOptions']>[0]): Promise<void> {
    try {
      await (await this.#config()).applyToHTTPSOptions(options);
    } catch (error) {
      throw credentialError(error);
    }
    options.headers = { ...options.headers, ...this.#headers } as typeof options.headers & object;
  }

  /** client-node keeps a connection's agent for the name of a user: other credentials need a configuration of their own. */
  async #config(): Promise<KubeConfig> {
    const user = await this.#credentials.current();
    if (this.#current?.users[0] === user) return this.#current;
    const { clusters, contexts, currentContext } = this;
    this.#current = new KubeConfig();
    this.#current.loadFromOptions({ clusters, contexts, currentContext, users: [user] });
    return this.#current;
  }
}

/**
 * Loads the configuration as kubectl does: `--kubeconfig`, else the files of KUBECONFIG, else `~/.kube/config`, else
 * the pod's service account; then lays the connection flags over it.
 */
export function loadConfig(typed: ConnectionOptions, env: NodeJS.ProcessEnv): Connection {
  const options = withoutEmpty(typed);
  const parts = readParts(options.kubeconfig, env, options.server !== undefined);
  const context = pickContext(parts, options);
  const cluster = pickCluster(parts, options, context, env);
  const user = pickUser(parts, options, context);
  const credentials = createCredentials(user, cluster, env);
  const config = new ConnectionConfig(impersonationHeaders(user), credentials);
  const name = context?.name ?? 'command-line';
  config.loadFromOptions({
    clusters: [cluster],
    users: [user],
    contexts: [{ name, cluster: cluster.name, user: user.name }],
    currentContext: name,
  });
  return { cluster, namespace: context?.namespace, config, renew: credentials.renew };
}

/** The names in the configuration that the flags choose. */
export function configNames(options: ConnectionOptions, env: NodeJS.ProcessEnv): ConfigNames {
  const parts = readParts(options.kubeconfig || undefined, env, true);
  const names = (entries: readonly { name: string }[]): string[] => entries.map((entry) => entry.name).sort();
  return { contexts: names(parts.contexts), clusters: names(parts.clusters), users: names(parts.users) };
}

/** As in kubectl, a flag with an empty value (an unset variable in a script) counts as not given. */
function withoutEmpty(options: ConnectionOptions): ConnectionOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== ''));
}

/** Why there are no credentials to send: a file is not there. */
function credentialError(error: unknown): unknown {
  const { code, path } = error as NodeJS.ErrnoException;
  if (code === undefined || !['ENOENT', 'EACCES', 'EISDIR', 'ENOTDIR'].includes(code)) return error;
  const why =
    code === 'ENOENT' ? `there is no file ${path}` : `${path === undefined ? '' : `${path}: `}${fileProblem(error)}`;
  return new ClusterError(`a certificate, key or token of the connection cannot be read: ${why}`, {
    hint: 'Mend the kubeconfig or the flag, or choose another context: kubectl config get-contexts, then --context NAME',
    cause: error,
  });
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

function pickCluster(
  parts: Parts,
  options: ConnectionOptions,
  context: Context | undefined,
  env: NodeJS.ProcessEnv,
): KubeCluster {
  const name = options.cluster ?? context?.cluster;
  const base: KubeCluster =
    name === undefined
      ? { name: 'command-line', server: '', skipTLSVerify: false }
      : named(parts.clusters, name, 'cluster', whoNames(options.cluster, '--cluster', context));
  if (options.insecureSkipTlsVerify === true && options.certificateAuthority !== undefined) {
    throw new UsageError('--certificate-authority and --insecure-skip-tls-verify exclude each other');
  }
  const server = checkedServer(options.server, base).replace(/\/+$/, '');
  // client-node refuses plain HTTP unless TLS checks are off; kubectl takes the URL's word for it.
  const insecure = options.insecureSkipTlsVerify ?? (base.skipTLSVerify || server.startsWith('http://'));
  const { caData, caFile, proxyUrl, ...rest } = base;
  const authority =
    options.certificateAuthority !== undefined
      ? { caFile: existing(options.certificateAuthority, '--certificate-authority') }
      : insecure
        ? {}
        : { ...(caData ? { caData } : {}), ...(caFile ? { caFile } : {}) };
  const tlsServerName = options.tlsServerName ?? base.tlsServerName;
  const proxy = checkedProxy(proxyUrl, base) ?? proxyFromEnvironment(server, env);
  return {
    ...{ ...rest, ...authority, server, skipTLSVerify: insecure },
    ...(tlsServerName ? { tlsServerName } : {}),
    ...(proxy ? { proxyUrl: proxy } : {}),
    disableCompression: options.disableCompression ?? base.disableCompression ?? false,
  };
}

function whoNames(typed: string | undefined, flag: string, context: Context | undefined) {
  return typed === undefined ? { entry: `context ${context?.name}` } : { flag };
}

function checkedServer(typed: string | undefined, base: KubeCluster): string {
  const named = typed ?? base.server;
  // As in kubectl: without a scheme it is plain HTTP, as `kubectl proxy` speaks it.
  const bare = /^(localhost|[\w-]+(\.[\w-]+)*:\d+|[\w-]+(\.[\w-]+)+|\[[\da-f:]+\](:\d+)?)$/i.test(named);
  const server = bare ? `http://${named}` : named;
  const url = URL.canParse(server) ? new URL(server) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol) && url.hostname !== '') return server;
  const words = `"${named}" is not a URL such as https://10.0.0.1:6443`;
  if (typed !== undefined) throw new UsageError(`--server: ${words}`);
  throw new ClusterError(
    named === '' ? 'no API server is named' : `the kubeconfig's cluster ${base.name} has a wrong server: ${words}`,
    { hint: 'Name one with --server URL, or mend the kubeconfig.' },
  );
}

function checkedProxy(proxy: string | undefined, base: KubeCluster): string | undefined {
  if (!proxy) return undefined;
  if (URL.canParse(proxy) && /^(https?|socks5h?):$/.test(new URL(proxy).protocol)) return proxy;
  throw new ClusterError(`the kubeconfig's cluster ${base.name} has a wrong proxy-url: "${withoutPassword(proxy)}"`, {
    hint: 'Mend it: http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT',
  });
}

/** A URL, or what should be one, as it may be shown. */
export function withoutPassword(url: string): string {
  return url.replace(/\/\/[^@/]*@/, '//');
}

function pickUser(parts: Parts, options: ConnectionOptions, context: Context | undefined): KubeUser {
  const name = options.user ?? context?.user;
  const base: KubeUser =
    name === undefined
      ? { name: 'command-line' }
      : named(parts.users, name, 'user', whoNames(options.user, '--user', context));
  const { certFile, certData, keyFile, keyData, impersonateUser, impersonation } = base;
  const key =
    options.clientKey === undefined ? { keyFile, keyData } : { keyFile: existing(options.clientKey, '--client-key') };
  const certificate =
    options.clientCertificate === undefined
      ? { certFile, certData }
      : { certFile: existing(options.clientCertificate, '--client-certificate') };
  if (options.clientCertificate !== undefined && !key.keyFile && !key.keyData) {
    throw new UsageError('--client-certificate: its key is missing: --client-key FILE');
  }
  const acting = toImpersonation(options, { user: impersonateUser, ...impersonation });
  // A typed credential replaces the configured ones: the server would otherwise see two identities.
  const credentials =
    options.token !== undefined
      ? { token: options.token, ...(options.clientCertificate === undefined ? {} : { ...certificate, ...key }) }
      : options.clientCertificate !== undefined
        ? { ...certificate, ...key }
        : { ...base, ...certificate, ...key };
  return { ...credentials, name: base.name, ...acting } as KubeUser;
}

function existing(file: string, flag: string): string {
  if (!existsSync(file)) throw new UsageError(`${flag}: there is no file ${file}`);
  return file;
}
