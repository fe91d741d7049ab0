import { nearest } from '../capture/suggest.ts';
import type { Cell } from '../deps.ts';
import { CAPTURE_FIELDS, type ShownCapture, toDocument } from './capture-document.ts';
import type { Column } from './columns.ts';
import { firstName, parsePath, parseTemplate, printValue, type Template } from './jsonpath.ts';

/** How results are printed. */
export type Format =
  | { kind: 'table' | 'wide' | 'json' | 'yaml' | 'name' }
  | { kind: 'columns'; columns: readonly Column<ShownCapture>[] }
  | { kind: 'template'; template: Template };

const WORDS = ['wide', 'json', 'yaml', 'name'] as const;
type Word = (typeof WORDS)[number] | 'jsonpath' | 'custom-columns';

/** kubectl's other formats, and what does their work here. */
const OTHERS: Readonly<Record<string, string>> = {
  'go-template': 'jsonpath=…',
  'go-template-file': 'jsonpath=…',
  template: 'jsonpath=…',
  templatefile: 'jsonpath=…',
  'jsonpath-file': 'jsonpath=…',
  'jsonpath-as-json': 'json',
  'custom-columns-file': 'custom-columns=…',
};

/** Parses `--output` where these formats are known. */
export function parseFormat(known: readonly Word[]): (text: string) => Format | Error {
  return (text) => {
    const [, word = '', rest] = /^([^=]*)(?:=(.*))?$/s.exec(text) ?? [];
    const instead = Object.hasOwn(OTHERS, word) ? OTHERS[word] : undefined;
    if (instead !== undefined) return new Error(`${word} is not supported: use ${instead}`);
    const format = known.find((each) => each === word);
    if (format === undefined) {
      const meant = nearest(word, known);
      const list = known.map((each) => (isPlain(each) ? each : `${each}=…`)).join(', ');
      return new Error(
        `"${text}" is not a format; there is ${list}${meant === undefined ? '' : `. Did you mean ${meant}?`}`,
      );
    }
    if (format === 'jsonpath') return toFormat(parseTemplate(rest ?? ''));
    if (format === 'custom-columns') return parseColumns(rest ?? '');
    return rest === undefined ? { kind: format } : new Error(`${format} takes no value`);
  };
}

function isPlain(word: Word): word is (typeof WORDS)[number] {
  return WORDS.some((each) => each === word);
}

function toFormat(template: Template | Error): Format | Error {
  return template instanceof Error ? template : { kind: 'template', template };
}

/** `HEADING:.path,…` as kubectl's custom-columns. */
function parseColumns(text: string): Format | Error {
  if (text.trim() === '')
    return new Error('custom-columns needs columns, such as custom-columns=NAME:.name,AT:.createdAt');
  const columns: Column<ShownCapture>[] = [];
  // A comma within brackets belongs to the path.
  for (const part of text.match(/(?:\[[^\]]*\]|[^,[])+/g) ?? []) {
    const [, head, path] = /^([^:]+):(.+)$/s.exec(part) ?? [];
    if (head === undefined || path === undefined) return new Error(`"${part}" is not a column: write HEADING:.path`);
    const find = parsePath(path);
    if (find instanceof Error) return find;
    const unknown = unknownField(path);
    if (unknown !== undefined) return unknown;
    columns.push({ head, cell: (capture): Cell => find(toDocument(capture)).map(printValue).join(',') || '<none>' });
  }
  return { kind: 'columns', columns };
}

/** What is wrong with the field that a path begins with; undefined when a capture has it. */
export function unknownField(path: string): Error | undefined {
  const name = firstName(path);
  if (name === '' || Object.hasOwn(CAPTURE_FIELDS, name)) return undefined;
  const meant = nearest(name, Object.keys(CAPTURE_FIELDS));
  const hint =
    meant === undefined ? `the fields are ${Object.keys(CAPTURE_FIELDS).join(', ')}` : `did you mean .${meant}?`;
  return new Error(`a capture has no field .${name}; ${hint}`);
}

/** A document as JSON or YAML. */
export async function renderDocument(kind: 'json' | 'yaml', document: object): Promise<string> {
  if (kind === 'json') return JSON.stringify(document, null, 2);
  const { dump } = await import('js-yaml');
  return dump(document, { lineWidth: -1, noRefs: true }).trimEnd();
}
