import { BlockList, isIP } from 'node:net';

/** The proxy that the environment names for a URL, by Go's rules, which are kubectl's; undefined for none. */
export function proxyFromEnvironment(server: string, env: NodeJS.ProcessEnv): string | undefined {
  const { protocol, hostname, port } = new URL(server);
  const proxy = protocol === 'https:' ? (env.HTTPS_PROXY ?? env.https_proxy) : (env.HTTP_PROXY ?? env.http_proxy);
  if (!proxy || excluded(hostname.replace(/^\[|\]$/g, ''), port || defaultPort(protocol), env)) return undefined;
  return proxy.includes('://') ? proxy : `http://${proxy}`;
}

function defaultPort(protocol: string): string {
  return protocol === 'https:' ? '443' : '80';
}

function excluded(host: string, port: string, env: NodeJS.ProcessEnv): boolean {
  if (host === 'localhost' || host.startsWith('127.') || host === '::1') return true;
  const entries = (env.NO_PROXY ?? env.no_proxy ?? '').split(',').map((entry) => entry.trim().toLowerCase());
  return entries.some((entry) => matches(entry, host.toLowerCase(), port));
}

/** An entry is `*`, an address, a CIDR, or a domain (with its subdomains; only them after a dot); a port may follow. */
function matches(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true;
  if (entry === '') return false;
  if (entry.includes('/')) return inCidr(entry, host);
  const [, name = '', only] = /^\[?(.*?)\]?(?::(\d+))?$/.exec(isIP(entry) === 6 ? `[${entry}]` : entry) ?? [];
  if (only !== undefined && only !== port) return false;
  const domain = name.replace(/^\*?\./, '');
  return (host === domain && domain === name) || (isIP(host) === 0 && host.endsWith(`.${domain}`));
}

function inCidr(entry: string, host: string): boolean {
  const [network = '', bits] = entry.split('/');
  const family = isIP(network);
  if (family === 0 || isIP(host) !== family) return false;
  const list = new BlockList();
  const type = family === 6 ? 'ipv6' : 'ipv4';
  try {
    list.addSubnet(network, Number(bits), type);
  } catch {
    return false;
  }
  return list.check(host, type);
}
