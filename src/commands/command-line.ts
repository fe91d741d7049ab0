import { nearest } from '../capture/suggest.ts';
import { UsageError } from '../errors.ts';
import type { OptionRow } from './option-row.ts';
import {
  checkRows,
  createRows,
  deleteRows,
  downloadRows,
  listRows,
  localRows,
  pruneRows,
  statusRows,
  stopRows,
  uploadRows,
  versionRows,
} from './options.ts';

const ALL_ROWS = [
  ...[createRows, checkRows, localRows, listRows, statusRows, stopRows, deleteRows, pruneRows, downloadRows],
  ...[uploadRows, versionRows],
].flat();
const SPELLINGS = ALL_ROWS.map((row) => ({
  names: row.flags.replace(/ <.*/, '').split(', '),
  boolean: isBoolean(row),
}));
/** Every flag by each of its names. A flag has the same form in all commands. */
const FLAGS = new Map(
  SPELLINGS.flatMap(({ names, boolean }) => names.map((name) => [name, { long: names.at(-1) ?? '', boolean }])),
);
const GROUP = 'capture';
/** What pods and shells run: their words are not for people. */
const HIDDEN = ['workload', 'send-again', 'node-files', '__complete'];

/** Whether a flag takes no value, but for `=true` and `=false`. */
export function isBoolean(row: OptionRow): boolean {
  return !row.flags.includes('<');
}

/** One part of a command line: a word, or a flag with its value; a flag that lacks its value has none. */
export type Part = { word: string } | { flag: string; value: string | undefined; text: readonly string[] };

/**
 * Writes a command line as kubectl reads it. Flags may stand before the command; a bare `--wait` means `--wait=true` and
 * never takes the next argument; `--no-wait` is the opposite of `--wait`; `-Aowide`, `-nshop` and `-o=json` are short
 * flags with their values; `help` anywhere among the command's words, and a group without a command, show help.
 */
export function normalize(argv: readonly string[]): string[] {
  if (HIDDEN.includes(argv[0] ?? '')) return [argv[0] ?? '', '--', ...argv.slice(1)];
  const end = argv.indexOf('--');
  const parts = readParts(end === -1 ? argv : argv.slice(0, end));
  for (const part of parts) if ('flag' in part) refuseSingleDash(part.flag);
  const words = commandWords(parts);
  const rest = parts.slice(words.consumed).flatMap((part) => ('word' in part ? [part.word] : part.text));
  const line = [...words.path, ...words.flags, ...rest, ...(end === -1 ? [] : argv.slice(end))];
  const known = parts.every((part) => 'word' in part || FLAGS.has(part.flag));
  const incomplete =
    words.path.length === 0 ? line.length === 0 : known && rest.length === 0 && words.path.join() === GROUP;
  return words.help || incomplete ? [...words.path, '--help'] : line;
}

/** The words and flags of a command line, up to a `--`. */
export function readParts(argv: readonly string[]): Part[] {
  const parts: Part[] = [];
  for (let index = 0; index < argv.length; index += 1) {
    const text = argv[index] ?? '';
    const read = text.startsWith('--')
      ? [readLong(text)]
      : /^-[A-Za-z]/.test(text)
        ? readShort(text)
        : [{ word: text }];
    const last = read.at(-1);
    const flag = last !== undefined && 'flag' in last ? FLAGS.get(last.flag) : undefined;
    const next = argv[index + 1];
    if (
      last !== undefined &&
      'flag' in last &&
      flag?.boolean === false &&
      last.value === undefined &&
      next !== undefined
    ) {
      // The two stay apart: whether the value is a flag, and so forgotten, is for the parser to tell.
      read.splice(-1, 1, { flag: last.flag, value: next, text: [...last.text, next] });
      index += 1;
    }
    parts.push(...read);
  }
  return parts;
}

function readLong(text: string): Part {
  const [, name = text, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (name === '--no-wait') {
    const wait = String(value === 'false' || value === '0');
    return { flag: '--wait', value: wait, text: [`--wait=${wait}`] };
  }
  if (value !== undefined) return { flag: name, value, text: [text] };
  if (FLAGS.get(name)?.boolean !== true) return { flag: name, value: undefined, text: [text] };
  return { flag: name, value: 'true', text: [`${name}=true`] };
}

/** `-Aowide`: boolean flags one after another, then one with its value. What is unknown stays as it is. */
function readShort(text: string): Part[] {
  const parts: Part[] = [];
  const whole: Part[] = [{ flag: text, value: undefined, text: [text] }];
  // `-namespace` is no namespace "amespace".
  if (text.length > 2 && FLAGS.has(`-${text.replace(/=.*/s, '')}`)) return whole;
  for (let at = 1; at < text.length; at += 1) {
    const name = `-${text[at]}`;
    const known = FLAGS.get(name);
    if (known === undefined) return whole;
    const rest = text.slice(at + 1);
    if (known.boolean && !rest.startsWith('=')) {
      parts.push({ flag: known.long, value: 'true', text: [`${known.long}=true`] });
      continue;
    }
    const value = rest.replace(/^=/, '');
    const given = rest === '' ? { value: undefined, text: [known.long] } : { value, text: [`${known.long}=${value}`] };
    return [...parts, { flag: known.long, ...given }];
  }
  return parts;
}

/** A single dash before a long name, or nearly one, is a slip: pflag would read it as short flags with values. */
function refuseSingleDash(flag: string): void {
  const name = flag.replace(/^-/, '').replace(/=.*/s, '');
  if (flag.startsWith('--') || name.length < 2) return;
  const meant = nearest(`-${flag.replace(/=.*/s, '')}`, FLAGS.keys());
  if (meant !== undefined)
    throw new UsageError(`-${name}: a long flag begins with two dashes`, `Did you mean ${meant}?`);
}

type CommandWords = { path: string[]; flags: string[]; help: boolean; consumed: number };

/** The words that name a command, and the flags that stand before or between them. */
function commandWords(parts: readonly Part[]): CommandWords {
  const found: CommandWords = { path: [], flags: [], help: false, consumed: 0 };
  for (const part of parts) {
    if ('flag' in part) found.flags.push(...part.text);
    else if (part.word === 'help') found.help = true;
    else found.path.push(part.word);
    found.consumed += 1;
    if (found.path.length === (found.path[0] === GROUP ? 2 : 1)) break;
  }
  return found;
}
