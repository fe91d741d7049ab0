import { parseArgs } from 'node:util';
import { shellWord } from '../capture/suggest.ts';
import type { Problems } from './flags.ts';
import type { SettingsFlags } from './settings-flags.ts';

type Flag = keyof SettingsFlags;
/** Which flags of ours say the same; `count` is how often it is given. */
type Meaning = (value: string, count: number) => Partial<SettingsFlags>;

const levels = (flag: Flag, ...values: readonly string[]): Meaning => {
  return (_, count) => ({ [flag]: values[Math.min(count, values.length) - 1] });
};
const value = (flag: Flag): Meaning => {
  return (text) => ({ [flag]: text });
};
const on = (flag: Flag): Meaning => {
  return () => ({ [flag]: true });
};

/** tcpdump's flags that have an equivalent here: by letter, with the long name; those that take a value, apart. */
const BARE: Readonly<Record<string, readonly [long: string, meaning: Meaning]>> = {
  p: ['no-promiscuous-mode', on('noPromiscuous')],
  U: ['packet-buffered', on('packetBuffered')],
  n: ['n', (_, count) => ({ [count > 1 ? 'noResolvePort' : 'noResolveDns']: true })],
  v: ['v', levels('verbosity', 'verbose', 'extra', 'max')],
  e: ['e', on('printLinkHeader')],
  q: ['q', on('quietOutput')],
  S: ['absolute-tcp-sequence-numbers', on('absoluteSeq')],
  K: ['dont-verify-checksums', on('dontVerifyChecksum')],
  t: ['t', levels('timestampFormat', 'none', 'unformatted', 'delta', 'date', 'delta-since-first')],
  x: ['x', levels('printData', 'hex', 'hex-with-link')],
  X: ['X', levels('printData', 'hex', 'hex-with-link')],
  A: ['A', levels('printData', 'ascii', 'ascii-with-link')],
};
const IMMEDIATE = 'immediate-mode';
const VALUED: Readonly<Record<string, readonly [long: string, meaning: Meaning]>> = {
  i: ['interface', value('interfaces')],
  s: ['snapshot-length', value('packetSize')],
  c: ['count', value('packetCount')],
  C: ['C', value('maxSize')],
  W: ['W', value('fileCount')],
};
/** Others that take a value: refused, but their values are not taken for a part of the expression. */
const REFUSED_VALUED: Readonly<Record<string, string>> = {
  ...{ B: 'buffer-size', E: 'E', F: 'F', G: 'G', j: 'time-stamp-type', m: 'm', M: 'M', Q: 'direction', r: 'r' },
  ...{ T: 'T', V: 'V', w: 'w', y: 'linktype', z: 'z', Z: 'relinquish-privileges' },
};

type Options = Record<string, { type: 'boolean' | 'string'; short?: string }>;

const options: Options = {
  [IMMEDIATE]: { type: 'boolean' },
  ...toOptions('boolean', BARE),
  ...toOptions('string', VALUED),
  ...Object.fromEntries(Object.entries(REFUSED_VALUED).map(([short, long]) => [long, { type: 'string', short }])),
};

function toOptions(type: 'boolean' | 'string', flags: typeof BARE): Options {
  return Object.fromEntries(Object.entries(flags).map(([short, [long]]) => [long, { type, short }]));
}

/**
 * `--tcpdump-filter` with flags of tcpdump before or behind its expression, as old scripts pass it: each flag becomes
 * the one of ours that says the same, told in a warning; a flag that has none, or another value than ours, is a problem.
 */
export function mapTcpdumpFlags(typed: SettingsFlags, problems: Problems): SettingsFlags {
  const text = typed.tcpdumpFilter?.trim() ?? '';
  if (text === '') return typed;
  const words = splitWords(text);
  if (words instanceof Error) {
    problems.found.push(`--tcpdump-filter: ${words.message}`);
    return { ...typed, tcpdumpFilter: '' };
  }
  const { found, expression } = readFlags(words);
  // Without flags, not a character of the expression is touched.
  if (found.size === 0) {
    problems.warnings.push('--tcpdump-filter is deprecated: it is --pcap-filter now');
    return typed;
  }
  const mapped = new Map<string, unknown>();
  for (const [word, { values, meaning }] of found) {
    if (meaning === undefined) {
      problems.found.push(`--tcpdump-filter: there is no equivalent of tcpdump's ${word} here`);
      continue;
    }
    for (const [flag, now] of Object.entries(meaning(values.at(-1) ?? '', values.length))) {
      const before = mapped.get(flag) ?? typed[flag as Flag];
      if (before !== undefined && before !== now) {
        problems.found.push(`--tcpdump-filter: ${word} contradicts ${rendered(flag, before)}`);
      }
      mapped.set(flag, now);
    }
  }
  const ours = [...(expression === '' ? [] : [['pcapFilter', expression] as const]), ...mapped];
  const line = ours.map(([flag, now]) => rendered(flag, now)).join(' ');
  problems.warnings.push(`--tcpdump-filter is deprecated; this one is: ${line}`);
  return { ...typed, ...Object.fromEntries(mapped), tcpdumpFilter: expression };
}

type Found = Map<string, { values: string[]; meaning: Meaning | undefined }>;

function readFlags(words: readonly string[]): { found: Found; expression: string } {
  // A minus in arithmetic follows an operator; a word with brackets reads a packet's bytes: neither is a flag.
  const arithmetic = (word: string, index: number): boolean =>
    word.includes('[') || (index > 0 && /(^|[^\w)\]])[-+*/%&|^<>=!(]+$/.test(words[index - 1] ?? ''));
  const hidden = words.map((word, index) => (arithmetic(word, index) ? word.replace(/^-/, HIDDEN) : word));
  const { tokens } = parseArgs({ args: hidden, options, strict: false, allowPositionals: true, tokens: true });
  const found: Found = new Map();
  const rest: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') rest.push(token.value.replace(HIDDEN, '-'));
    if (token.kind !== 'option') continue;
    const flag = found.get(token.name) ?? { values: [], meaning: meaningOf(token.name) };
    flag.values.push(token.value ?? '');
    found.set(token.name, flag);
  }
  return { found: new Map([...found].map(([name, flag]) => [spelled(name), flag])), expression: rest.join(' ') };
}

/** Stands for a minus that is none of a flag. */
const HIDDEN = '\uE000';

function meaningOf(name: string): Meaning | undefined {
  if (name === IMMEDIATE) return on('immediateMode');
  return Object.values({ ...BARE, ...VALUED }).find(([long]) => long === name)?.[1];
}

/** A flag of tcpdump as it is mostly written. */
function spelled(name: string): string {
  const all = { ...BARE, ...VALUED };
  const short = Object.keys(all).find((letter) => all[letter]?.[0] === name);
  const refused = Object.keys(REFUSED_VALUED).find((letter) => REFUSED_VALUED[letter] === name);
  const letter = short ?? refused ?? (name.length === 1 ? name : undefined);
  return letter === undefined ? `--${name}` : `-${letter}`;
}

/** A flag of ours as it would be typed. */
function rendered(flag: string, now: unknown): string {
  const name = `--${flag.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  return now === true ? name : `${name} ${shellWord(String(now))}`;
}

/** Words as a shell would split them; quotes hold words together, a backslash is libpcap's. */
function splitWords(text: string): string[] | Error {
  const words = text.match(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g) ?? [];
  const unquoted = words.map((word) => word.replace(/'([^']*)'|"([^"]*)"/g, '$1$2'));
  const odd = [...text.matchAll(/'[^']*'|"[^"]*"|['"]/g)].some(([part]) => part.length === 1);
  return odd ? new Error('a quote is not closed') : unquoted;
}
