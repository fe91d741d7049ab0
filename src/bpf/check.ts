import { type Compiled, compileApart, type Job, type LinkType } from './compiler.ts';

/** Milliseconds that a check may take: what takes longer here takes as long on a node before it captures. */
export const CHECK_LIMIT = 5_000;
/** Names in one expression that are looked up by the node. */
const MAX_NAMES = 20;
/** Stand for a host name, which only the node can resolve: addresses of documentation. */
const STAND_INS = ['192.0.2.1', '2001:db8::1'];

/** What libpcap thinks of an expression. */
export type Verdict =
  | {
      kind: 'ok';
      /** Host names that the node will resolve. */
      hosts: readonly string[];
      /** Null when the optimiser did not end in time. */
      instructions: number | null;
    }
  | {
      kind: 'wrong';
      /** libpcap's words. */
      error: string;
      hint: string | undefined;
      /** The word that is meant, as indexes of the text; undefined where it cannot be told. */
      word: { start: number; end: number } | undefined;
    }
  /** It was not even parsed in time. */
  | { kind: 'slow' };

const HINTS: Readonly<Record<string, (name: string) => string>> = {
  n: (name) => `network names are not known on the nodes: write ${name} as an address with a prefix length`,
  e: (name) => `Ethernet names are not known on the nodes: write the MAC address of ${name}`,
  s: (name) => `the service ${name} is not known on the nodes: write the number of the port`,
  p: (name) => `the protocol ${name} is not known on the nodes: write its number`,
};

/** Checks an expression as tcpdump will compile it on a node; host names are left to the node. */
export async function checkExpression(expression: string, linkType: LinkType): Promise<Verdict> {
  const first = await checkOnce(expression, linkType);
  if (first.kind !== 'wrong' || first.host === undefined) return first;
  let last: Verdict = first;
  for (const standIn of STAND_INS) {
    last = await checkWithout(expression, standIn, linkType);
    // `ip6 host name` takes no IPv4 address.
    if (last.kind !== 'wrong' || !last.error.includes('modifier applied to')) return last;
  }
  return last;
}

/** Checks an expression in which an address stands for each host name. */
async function checkWithout(expression: string, standIn: string, linkType: LinkType): Promise<Verdict> {
  const hosts: string[] = [];
  let text = expression;
  for (;;) {
    const verdict = await checkOnce(text, linkType);
    if (verdict.kind === 'ok') return { ...verdict, hosts };
    if (verdict.kind !== 'wrong') return verdict;
    // Where in the user's own text the word is can't be told any more.
    if (verdict.host === undefined || hosts.length === MAX_NAMES) return { ...verdict, word: undefined };
    hosts.push(verdict.host);
    text = replaceName(text, verdict.host, standIn);
  }
}

function replaceName(text: string, name: string, address: string): string {
  return text
    .split(/([\s()!&|]+)/)
    .map((word) => (word === name ? address : word))
    .join('');
}

type Once = Verdict & { host?: string | undefined };

async function checkOnce(expression: string, linkType: LinkType): Promise<Once> {
  const job = { expression, linkType, live: true };
  const jobs: Job[] = [false, true].map((optimize) => ({ ...job, optimize }));
  const [plain, optimized] = await compileApart(jobs, CHECK_LIMIT);
  if (plain === undefined) return { kind: 'slow' };
  const refused = [plain, optimized].find((compiled) => compiled?.ok === false);
  if (refused?.ok === false) return toWrong(expression, refused);
  return { kind: 'ok', hosts: [], instructions: optimized?.ok ? optimized.program.length / 4 : null };
}

/** Instructions of a filter; `unknown` where a host name must be resolved first, `slow` above the limit. */
export type Measured = number | 'rejects all' | 'unknown' | 'slow';

/** Measures many filters that are known to parse, all within one limit. */
export async function measureFilters(filters: readonly string[], linkType: LinkType): Promise<Measured[]> {
  const jobs = filters.map((expression) => ({ expression, linkType, optimize: true, live: true }));
  const done = await compileApart(jobs, CHECK_LIMIT);
  return filters.map((_, index) => {
    const compiled = done[index];
    if (compiled === undefined) return 'slow';
    if (compiled.ok) return compiled.program.length / 4;
    return compiled.error === REJECTS_ALL ? 'rejects all' : 'unknown';
  });
}

/** libpcap's words for a filter that no packet can pass. */
const REJECTS_ALL = 'expression rejects all packets';

function toWrong(expression: string, refused: Compiled & { ok: false }): Once {
  const error = refused.error.replace(/^can't parse filter expression: /, '');
  const { unresolved } = refused;
  const host = unresolved?.kind === 'h' ? unresolved.name : undefined;
  const hint = unresolved === undefined ? undefined : HINTS[unresolved.kind]?.(unresolved.name);
  return { kind: 'wrong', error, hint, word: wordOf(expression, refused), host };
}

/** A syntax error is where the parser stopped; for other errors, the word is what libpcap quotes. */
function wordOf(
  expression: string,
  { error, word }: Compiled & { ok: false },
): { start: number; end: number } | undefined {
  if (error.includes('syntax error')) {
    const bytes = Buffer.from(expression);
    const start = bytes.subarray(0, word.start).toString().length;
    return { start, end: Math.max(start + 1, bytes.subarray(0, word.end).toString().length) };
  }
  const quoted = /['"]([^'"]+)['"]/.exec(error)?.[1] ?? /\d{2,}/.exec(error)?.[0];
  const start = quoted === undefined ? -1 : expression.indexOf(quoted);
  if (quoted === undefined || start === -1 || expression.indexOf(quoted, start + 1) !== -1) return undefined;
  return { start, end: start + quoted.length };
}
