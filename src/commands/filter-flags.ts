import { maskNetwork, networkText, parseNetwork } from '../capture/address.ts';
import type { EndpointTerm, FilterModel } from '../capture/request.ts';
import { checkTogether, parseExpression } from './expression-flag.ts';
import type { Problems } from './flags.ts';

/** The flags that narrow a capture, as typed; unset ones are undefined. */
export type FilterFlags = {
  includeFilter?: string;
  excludeFilter?: string;
  pcapFilter?: string;
  tcpdumpFilter?: string;
  sourceIps?: string;
  destinationIps?: string;
};

/** The filters of a command line, checked; the interfaces tell on which link type the expression must compile. */
export async function toFilter(flags: FilterFlags & { interfaces?: string }, problems: Problems): Promise<FilterModel> {
  const { warnings } = problems;
  const addresses = (flag: string, text: string | undefined): readonly string[] =>
    problems.parse(flag, given(text), parseEach(parseAddress(`${flag}: `, warnings))) ?? [];
  const endpoints = (flag: string, text: string | undefined): readonly EndpointTerm[] =>
    problems.parse(flag, given(text), parseEach(parseEndpoint(`${flag}: `, warnings))) ?? [];
  const before = problems.found.length;
  const model = {
    include: endpoints('--include-filter', flags.includeFilter),
    exclude: endpoints('--exclude-filter', flags.excludeFilter),
    sources: addresses('--source-ips', flags.sourceIps),
    destinations: addresses('--destination-ips', flags.destinationIps),
    expression: '',
  };
  const linkType = /^\s*(any\s*)?$/.test(flags.interfaces ?? '') ? 'any' : 'ethernet';
  const expression = await parseExpression(flags, linkType, problems);
  if (problems.found.length === before) await checkTogether({ ...model, expression }, linkType, problems);
  return { ...model, expression };
}

/** Blank is not given. */
function given(text: string | undefined): string | undefined {
  return text?.trim() === '' ? undefined : text;
}

/** A list separated by commas; the Error tells of every entry that is wrong. */
function parseEach<T>(parse: (entry: string) => T | Error): (text: string) => readonly T[] | Error {
  return (text) => {
    const good: T[] = [];
    const wrong = new Set<string>();
    for (const entry of text.split(',').map((part) => part.trim())) {
      const parsed = entry === '' ? EMPTY : parse(entry);
      if (parsed instanceof Error) wrong.add(parsed.message);
      else good.push(parsed);
    }
    return wrong.size > 0 ? new Error([...wrong].join('; ')) : good;
  };
}

const EMPTY = new Error('it has an empty entry');

/** An address or a CIDR in the form that libpcap reads, which takes none with bits behind its prefix. */
function parseAddress(where: string, warnings: string[]): (text: string) => string | Error {
  return (text) => {
    const network = parseNetwork(text);
    if (network instanceof Error) return network;
    const masked = networkText(maskNetwork(network));
    if (masked !== networkText(network)) warnings.push(`${where}${text} is taken as the network ${masked}`);
    return masked;
  };
}

const FORMS = 'IP:Port, IP, Port, *:Port or IP:*, with IPv6 as [::1]:53';

/** One term of an include or exclude filter. */
function parseEndpoint(where: string, warnings: string[]): (text: string) => EndpointTerm | Error {
  return (text) => {
    const [, bracketed, plain, end] = /^(?:\[([^\]]*)\]|([^:[\]]*)):([^:]*)$/.exec(text) ?? [];
    const alone = end === undefined ? text.replace(/^\[([^\]]*)\]$/, '$1') : undefined;
    const isPort = alone !== undefined && /^\d+$/.test(alone);
    const host = isPort ? '*' : (alone ?? bracketed ?? plain ?? '');
    const port = parsePort(text, isPort ? alone : (end ?? '*'));
    if (port instanceof Error) return port;
    if (host === '*') {
      return port === undefined ? new Error(`"${text}" is every packet`) : { address: undefined, port };
    }
    const address = parseAddress(where, warnings)(host);
    return address instanceof Error ? new Error(`"${text}" is not one of ${FORMS}`) : { address, port };
  };
}

function parsePort(text: string, port: string): number | undefined | Error {
  if (port === '*') return undefined;
  const value = Number(port);
  if (!/^\d+$/.test(port)) return new Error(`"${port}" in "${text}" is not a port`);
  return value >= 1 && value <= 65_535 ? value : new Error(`port ${port} in "${text}" is out of range (1 to 65535)`);
}
