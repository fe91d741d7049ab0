import { JSONPath } from 'jsonpath-plus';
import { messageOf, UsageError } from '../errors.ts';

/** A part of a template: text as it is, a path whose results are put in its place, or a body for each result of a path. */
type Part =
  | { kind: 'text'; text: string }
  | { kind: 'path'; path: Path }
  | { kind: 'range'; path: Path; body: readonly Part[] };

/** From the whole document, or from the item of the innermost range. */
type Path = { from: 'root' | 'item'; steps: string };

/** Something to fill in from a document; throws a UsageError for a filter that cannot be read. */
export type Template = (document: object) => string;

/** A path such as `.nodes[*].bytes`, as it finds values in a document. */
export type Find = (document: object) => readonly unknown[];

type Json = object | string | number | boolean | null;

/**
 * Reads a template as kubectl's -o jsonpath takes it: paths in braces among text, `{"\n"}`, `{range .items[*]}…{end}`. A
 * template without braces is one path.
 */
export function parseTemplate(text: string): Template | Error {
  if (text.trim() === '') return new Error("jsonpath needs a template, such as jsonpath='{.items[*].name}'");
  const whole = text.includes('{') ? text : `{${text}}`;
  try {
    const parts = parseParts(whole);
    return (document) => parts.map((part) => render(part, document, document)).join('');
  } catch (error) {
    return new Error(`jsonpath: ${messageOf(error)}`, { cause: error });
  }
}

/** Reads a path for one value, with or without braces and the leading dot: `.packets`, `{.packets}`, `packets`. */
export function parsePath(text: string): Find | Error {
  const bare = text.trim().replace(/^\{(.*)\}$/s, '$1');
  try {
    const path = toPath(/^[.[@$]/.test(bare) ? bare : `.${bare}`);
    return (document) => find(path, document, document);
  } catch (error) {
    return new Error(messageOf(error), { cause: error });
  }
}

/** The first name of a path: `nodes` of `.nodes[*].bytes`. */
export function firstName(text: string): string {
  return /^[\s{@$.[']*([^\s.[\]'"}]*)/.exec(text)?.[1] ?? '';
}

/** A value as kubectl prints it: text as it is, null as nothing, objects as JSON. */
export function printValue(value: unknown): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function parseParts(text: string): Part[] {
  const open: { path: Path; parts: Part[] }[] = [];
  let parts: Part[] = [];
  // Braces within quotes, as in {"{"}, are text.
  for (const [, literal, inside] of text.matchAll(
    /([^{]+)|\{((?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[^{}"'])*)\}|\{/g,
  )) {
    if (literal !== undefined) {
      parts.push({ kind: 'text', text: literal });
      continue;
    }
    if (inside === undefined) throw new Error(`a brace is not closed in ${text}`);
    const word = inside.trim();
    if (/^range\s/.test(word)) {
      open.push({ path: toPath(word.slice(5).trim()), parts });
      parts = [];
    } else if (word === 'end') {
      const range = open.pop();
      if (range === undefined) throw new Error('{end} without {range}');
      parts = [...range.parts, { kind: 'range', path: range.path, body: parts }];
    } else {
      parts.push(/^["']/.test(word) ? { kind: 'text', text: unquote(word) } : { kind: 'path', path: toPath(word) });
    }
  }
  if (open.length > 0) throw new Error('{range} without {end}');
  return parts;
}

function unquote(word: string): string {
  const escapes: Record<string, string> = { n: '\n', t: '\t', r: '\r' };
  return word.slice(1, -1).replace(/\\(.)/g, (_all, letter: string) => escapes[letter] ?? letter);
}

/** kubectl's path as the library takes it; throws an Error for what is none. */
function toPath(text: string): Path {
  if (!/^(?:[@$]?(?:[.[].*)?)$/s.test(text) || text === '') {
    throw new Error(`"${text}" is not a path: it begins with a dot, as in {.items[*].name}`);
  }
  const path = /^(?<from>[@$]?)(?<steps>.*)$/s.exec(text)?.groups;
  const steps = (path?.steps ?? '')
    // `.labels.retina\.sh/app`, and the last of a list.
    .replace(/\.((?:[^.[\]\\]|\\.)*\\.(?:[^.[\]\\]|\\.)*)/g, (_all, name: string) => `['${name.replaceAll('\\', '')}']`)
    .replace(/\[(-\d+)\]/g, '[$1:]');
  requireBalance(steps, text);
  return { from: path?.from === '$' ? 'root' : 'item', steps: steps === '.' ? '' : steps };
}

/** The library reads an open bracket as something else. */
function requireBalance(steps: string, text: string): void {
  const pairs: Record<string, string> = { ']': '[', ')': '(' };
  const open: string[] = [];
  for (const letter of steps.replace(/"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'/g, '')) {
    if (letter === '[' || letter === '(') open.push(letter);
    else if (letter in pairs && open.pop() !== pairs[letter]) open.push('unbalanced');
  }
  if (open.length > 0) throw new Error(`"${text}" has unbalanced brackets`);
}

function render(part: Part, item: Json, root: object): string {
  if (part.kind === 'text') return part.text;
  const found = find(part.path, item, root);
  if (part.kind === 'path') return found.map(printValue).join(' ');
  return found.map((each) => part.body.map((inner) => render(inner, each as Json, root)).join('')).join('');
}

/** Filters are read by the library's own small interpreter: what was typed never runs as a program. */
function find(path: Path, item: Json, root: object): readonly unknown[] {
  const json = path.from === 'root' ? root : item;
  if (path.steps === '') return [json];
  if (json === null || typeof json !== 'object') return [];
  try {
    const found: unknown = JSONPath({ path: `$${path.steps}`, json, eval: 'safe', wrap: true });
    return Array.isArray(found) ? found : [];
  } catch (error) {
    throw new UsageError(`--output: "${path.steps}" cannot be read: ${messageOf(error).replace(/^jsonPath: /, '')}`);
  }
}
