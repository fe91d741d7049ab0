import { readFileSync } from 'node:fs';
import type { User } from '@kubernetes/client-node';
import { type ExecCredential, type ExecPlugin, runPlugin } from './exec-plugin.ts';
import type { KubeCluster, KubeUser } from './kubeconfig.ts';
import { monotonic } from './monotonic.ts';

/** Milliseconds for which a token file is not read again; the kubelet renews it long before it expires. */
const TOKEN_FILE_AGE = 60_000;

export type Credentials = {
  /** The user with the credentials that count now. The same object, until they change. */
  current(): Promise<User>;
  /**
   * For a request that was begun at a time (of `monotonic`) and not accepted: whether there may be other credentials
   * by now. Those that were had by then are not used again.
   */
  renew(begunAt: number): boolean;
};

/** Credentials of a kubeconfig's user: as they stand there, from a token file, or from a plugin. */
export function createCredentials(user: KubeUser, cluster: KubeCluster, env: NodeJS.ProcessEnv): Credentials {
  const { exec, tokenFile, impersonation: _, ...plain } = user;
  // As in kubectl, a token file counts more than a token, and a token more than a plugin.
  if (tokenFile !== undefined) return fromFile(plain, tokenFile);
  if (!exec || user.token) return { current: async () => plain, renew: () => false };
  return fromPlugin(plain, () => runPlugin(exec as ExecPlugin, { user: user.name, cluster, env }));
}

function fromFile(user: User, file: string): Credentials {
  let known: { user: User; readAt: number } | undefined;
  const read = (): User => {
    const token = readFileSync(file, 'utf8').trim();
    known = { user: token === known?.user.token ? known.user : { ...user, token }, readAt: Date.now() };
    return known.user;
  };
  return {
    current: async () => (known !== undefined && Date.now() - known.readAt < TOKEN_FILE_AGE ? known.user : read()),
    renew: () => {
      const refused = known?.user;
      return read() !== refused;
    },
  };
}

function fromPlugin(user: User, run: () => Promise<ExecCredential>): Credentials {
  let known: { user: User; until: number; at: number } | undefined;
  let running: Promise<User> | undefined;
  const renew = async (): Promise<User> => {
    const { token, clientCertificateData, clientKeyData, expirationTimestamp } = await run();
    const base64 = (pem: string | undefined): string => Buffer.from(pem ?? '').toString('base64');
    const pair = clientCertificateData
      ? { certData: base64(clientCertificateData), keyData: base64(clientKeyData) }
      : {};
    const renewed = { ...user, ...pair, ...(token ? { token } : {}) };
    const until = expirationTimestamp === undefined ? Number.POSITIVE_INFINITY : Date.parse(expirationTimestamp);
    known = { user: renewed, until, at: monotonic() };
    return renewed;
  };
  return {
    current: async () => {
      if (known !== undefined && known.until > Date.now()) return known.user;
      // Requests that start together share one run of the plugin.
      running ??= renew().finally(() => {
        running = undefined;
      });
      return running;
    },
    renew: (begunAt) => {
      // Whoever was refused together with another gets what that one's renewal brought.
      if (known !== undefined && known.at < begunAt) known = undefined;
      return true;
    },
  };
}
