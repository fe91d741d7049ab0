import { existsSync, readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { homedir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import type { Cluster, Context, User } from '@kubernetes/client-node';
import { newClusters, newContexts, newUsers } from '@kubernetes/client-node/dist/config_types.js';
import { load } from 'js-yaml';
import { ClusterError, messageOf, UsageError } from '../errors.ts';

/** Where a pod finds its service account. */
const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/** Whom else to act as, beside the user's name: what client-node does not know. */
export type Impersonation = {
  groups: readonly string[];
  uid: string | undefined;
  extra: Readonly<Record<string, readonly string[]>>;
};
export type KubeUser = User & { readonly tokenFile?: string; readonly impersonation?: Impersonation };
export type KubeCluster = Cluster & { readonly disableCompression?: boolean };

/** The entries of all configuration files together. */
export type Parts = {
  clusters: readonly KubeCluster[];
  users: readonly KubeUser[];
  contexts: readonly Context[];
  currentContext: string | undefined;
};

/** Entries as they are in the file: only what client-node leaves out. */
type RawCluster = { name?: string; cluster?: { 'disable-compression'?: boolean } };
type RawUser = {
  name?: string;
  user?: {
    tokenFile?: string;
    exec?: { command?: string };
    'as-uid'?: string;
    'as-groups'?: string[];
    'as-user-extra'?: Record<string, string[]>;
  };
};
type RawConfig = { clusters?: RawCluster[]; users?: RawUser[]; contexts?: object[]; 'current-context'?: string };

const NOTHING: Parts = { clusters: [], users: [], contexts: [], currentContext: undefined };

/**
 * Reads the configuration as kubectl does: `--kubeconfig`, else the files of KUBECONFIG, else `~/.kube/config`, else the
 * pod's service account. Without any, a ClusterError; with a server of its own (`serverGiven`), nothing.
 */
export function readParts(explicit: string | undefined, env: NodeJS.ProcessEnv, serverGiven: boolean): Parts {
  if (explicit !== undefined) {
    if (!existsSync(explicit)) throw new UsageError(`--kubeconfig: there is no file ${explicit}`);
    return readFile(explicit);
  }
  const listed = (env.KUBECONFIG ?? '').split(delimiter).filter((file) => file !== '');
  const files = listed.length > 0 ? listed : [join(env.HOME ?? homedir(), '.kube', 'config')];
  const found = files.filter((file) => existsSync(file));
  if (found.length > 0) return merge(found.map(readFile));
  const pod = inCluster(env);
  if (pod !== undefined) return pod;
  if (serverGiven) return NOTHING;
  const source = listed.length > 0 ? ' (from KUBECONFIG)' : ' and KUBECONFIG is not set';
  throw new ClusterError(`no cluster is configured: there is no file ${files.join(', no file ')}${source}`, {
    hint: 'Name a configuration with --kubeconfig FILE or the variable KUBECONFIG, or a server with --server URL.',
  });
}

/** Merges as kubectl does: of several entries of one name, the first file's counts as a whole. */
function merge(all: readonly Parts[]): Parts {
  const first = <T extends { name: string }>(entries: readonly T[]): T[] => [
    ...new Map(entries.toReversed().map((entry) => [entry.name, entry])).values(),
  ];
  return {
    clusters: first(all.flatMap((parts) => parts.clusters)),
    users: first(all.flatMap((parts) => parts.users)),
    contexts: first(all.flatMap((parts) => parts.contexts)),
    currentContext: all.map((parts) => parts.currentContext).find((name) => name),
  };
}

/** The service account of the pod that this program runs in. */
function inCluster(env: NodeJS.ProcessEnv): Parts | undefined {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env;
  if (!host || !port || !existsSync(`${ACCOUNT}/token`)) return undefined;
  const name = 'in-cluster';
  const file = `${ACCOUNT}/namespace`;
  const server = `https://${isIPv6(host) ? `[${host}]` : host}:${port}`;
  const namespace = existsSync(file) ? { namespace: readFileSync(file, 'utf8').trim() } : {};
  return {
    clusters: [{ name, server, caFile: `${ACCOUNT}/ca.crt`, skipTLSVerify: false }],
    users: [{ name, tokenFile: `${ACCOUNT}/token` }],
    contexts: [{ name, cluster: name, user: name, ...namespace }],
    currentContext: name,
  };
}

function readFile(file: string): Parts {
  try {
    const text = readFileSync(file, 'utf8');
    // As in kubectl, an empty file says nothing; the parser would fail on it.
    if (text.replace(/^\s*#.*$/gm, '').trim() === '') return NOTHING;
    return toParts(load(text) as RawConfig, dirname(file));
  } catch (error) {
    throw new ClusterError(`the kubeconfig ${file} cannot be read: ${fileProblem(error)}`, {
      hint: 'Mend it, or name another with --kubeconfig FILE or the variable KUBECONFIG.',
      cause: error,
    });
  }
}

function toParts(raw: RawConfig, directory: string): Parts {
  const rawClusters = new Map(raw.clusters?.map(({ name, cluster }) => [name, cluster]));
  const rawUsers = new Map(raw.users?.map(({ name, user }) => [name, user]));
  return {
    clusters: newClusters(raw.clusters).map((cluster) => ({
      ...withData(cluster, directory, 'ca'),
      disableCompression: rawClusters.get(cluster.name)?.['disable-compression'] === true,
    })),
    users: newUsers(raw.users).map((user) => toUser(user, rawUsers.get(user.name) ?? {}, directory)),
    contexts: newContexts(raw.contexts),
    currentContext: raw['current-context'],
  };
}

function toUser(user: User, raw: NonNullable<RawUser['user']>, directory: string): KubeUser {
  const { exec } = raw;
  const command = exec?.command ?? '';
  // As in kubectl, a plugin with a slash in its name is a path beside the kubeconfig; others are looked up in PATH.
  const plugin = exec && { ...exec, command: command.includes('/') ? resolve(directory, command) : command };
  return {
    ...withData(withData(user, directory, 'cert'), directory, 'key'),
    ...(plugin ? { exec: plugin } : {}),
    ...(raw.tokenFile ? { tokenFile: resolve(directory, raw.tokenFile) } : {}),
    impersonation: {
      groups: raw['as-groups'] ?? [],
      uid: raw['as-uid'],
      extra: raw['as-user-extra'] ?? {},
    },
  };
}

/** Of data and a file, kubectl takes the data, client-node the file; paths are meant from the kubeconfig's directory. */
function withData<T extends object, K extends 'ca' | 'cert' | 'key'>(entry: T, directory: string, what: K): T {
  const values = entry as Partial<Record<`${K}Data` | `${K}File`, string | undefined>>;
  const file = values[`${what}File`];
  if (!file) return entry;
  return { ...entry, [`${what}File`]: values[`${what}Data`] ? undefined : resolve(directory, file) };
}

/** What is wrong with a file, in one line: the parser's own message shows the lines around, which may hold secrets. */
export function fileProblem(error: unknown): string {
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
