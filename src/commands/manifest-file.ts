import { readFile } from 'node:fs/promises';
import { stdin } from 'node:process';
import { addAbortSignal } from 'node:stream';
import { text } from 'node:stream/consumers';
import {
  CORE_SCHEMA,
  constructFromEvents,
  EVENT_ID,
  type Event,
  getScalarValue,
  mergeTag,
  parseEvents,
  YAMLException,
} from 'js-yaml';
import { messageOf } from '../errors.ts';
import type { Problems } from './flags.ts';

/** Aliases of a document; more would be there to exhaust the memory. */
const MAX_ALIASES = 100;
/** Values of a document with its aliases written out: a few dozen of them can stand for billions. */
const MAX_VALUES = 100_000;

type Path = readonly PropertyKey[];

/** One object of a manifest file. */
export type Manifest = {
  readonly value: unknown;
  /** `web.yaml:12`: the file and the line of a field, or of what holds it. */
  at(path: Path): string;
};

/** Reads the objects of a YAML or JSON file (`-`: of stdin); the members of a list count as objects of the file. */
export async function readManifests(file: string, problems: Problems, signal: AbortSignal): Promise<Manifest[]> {
  const name = file === '-' ? 'stdin' : file;
  let source: string;
  try {
    source = file === '-' ? await text(addAbortSignal(signal, stdin)) : await readFile(file, 'utf8');
  } catch (error) {
    signal.throwIfAborted();
    problems.found.push(`--filename: ${readProblem(file, error)}`);
    return [];
  }
  const manifests = parseManifests(name, source, problems);
  if (manifests.length === 0 && problems.found.length === 0) problems.found.push(`${name}: there is no Capture in it`);
  return manifests;
}

function readProblem(file: string, error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return `there is no file ${file}`;
  if (code === 'EISDIR') return `${file} is a directory: name a file`;
  return `${file} cannot be read: ${code === 'EACCES' ? 'permission denied' : messageOf(error)}`;
}

/** The objects of a text in YAML or JSON; tells where it is neither. */
export function parseManifests(name: string, source: string, problems: Problems): Manifest[] {
  try {
    const events = parseEvents(source, {});
    const schema = CORE_SCHEMA.withTags(mergeTag);
    const values = constructFromEvents(events, { source, schema, maxAliases: MAX_ALIASES });
    const lines = linesOf(events, source);
    return values.flatMap((value, index) => {
      if (expandedSize(value) > MAX_VALUES) {
        problems.found.push(`${name}:1: its aliases make it larger than any Capture`);
        return [];
      }
      const known = lines[index] ?? new Map<string, number>();
      return membersOf({ value, at: (path) => `${name}:${lineAt(known, path)}` });
    });
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    const line = error.mark === undefined ? '' : `:${error.mark.line + 1}`;
    problems.found.push(`${name}${line}: this is not YAML: ${error.reason}`);
    return [];
  }
}

/** How many values there are with each alias written out; Infinity for one that holds itself. Each is looked at once. */
function expandedSize(value: unknown, known = new Map<object, number>()): number {
  if (typeof value !== 'object' || value === null) return 1;
  const before = known.get(value);
  if (before !== undefined) return before;
  known.set(value, Number.POSITIVE_INFINITY);
  const size = Object.values(value).reduce<number>((sum, each) => sum + expandedSize(each, known), 1);
  known.set(value, size);
  return size;
}

/** What is in a list (`kubectl get -o yaml` prints one); an empty document holds nothing. */
function membersOf(manifest: Manifest): Manifest[] {
  if (manifest.value === null) return [];
  const { kind, items } = manifest.value as { kind?: unknown; items?: unknown };
  if ((kind !== 'List' && kind !== 'CaptureList') || !Array.isArray(items)) return [manifest];
  return items.map((value: unknown, index) => ({ value, at: (path) => manifest.at(['items', index, ...path]) }));
}

function keyOf(path: Path): string {
  return JSON.stringify(path.map(String));
}

/** The line of a field; where it is not known (the field is not there, or comes by an alias), of what holds it. */
function lineAt(lines: ReadonlyMap<string, number>, path: Path): number {
  const line = lines.get(keyOf(path));
  return line ?? (path.length === 0 ? 1 : lineAt(lines, path.slice(0, -1)));
}

/** For each document, the lines of its fields by their paths. */
function linesOf(events: readonly Event[], source: string): Map<string, number>[] {
  const documents: Map<string, number>[] = [];
  // Events come in the order of the text: its lines are counted once.
  const counted = { offset: 0, line: 1 };
  const lineOf = (offset: number): number => {
    for (; counted.offset < offset; counted.offset += 1) if (source[counted.offset] === '\n') counted.line += 1;
    return counted.line;
  };
  let next = 0;
  const visit = (path: Path): void => {
    const lines = documents.at(-1);
    const event = events[next++];
    const start = event === undefined ? undefined : startOf(event);
    const key = keyOf(path);
    if (start !== undefined && lines?.has(key) === false) lines.set(key, lineOf(start));
    if (event?.type !== EVENT_ID.MAPPING && event?.type !== EVENT_ID.SEQUENCE) return;
    for (let index = 0; events[next] !== undefined && events[next]?.type !== EVENT_ID.POP; index += 1) {
      const child = event.type === EVENT_ID.SEQUENCE ? index : keyHere();
      visit([...path, child]);
    }
    next += 1;
    /** Reads the key of a pair, and remembers its line: that of its value may be a later one. */
    function keyHere(): string {
      const scalar = events[next];
      if (scalar?.type !== EVENT_ID.SCALAR) {
        visit([...path, '?']);
        return '?';
      }
      next += 1;
      const word = getScalarValue(source, scalar);
      lines?.set(keyOf([...path, word]), lineOf(scalar.valueStart));
      return word;
    }
  };
  while (next < events.length) {
    if (events[next++]?.type !== EVENT_ID.DOCUMENT) continue;
    documents.push(new Map());
    visit([]);
    next += 1;
  }
  return documents;
}

/** Where in the text a value begins; unknown for an empty one. */
function startOf(event: Event): number | undefined {
  if (event.type === EVENT_ID.MAPPING || event.type === EVENT_ID.SEQUENCE) return event.start;
  return event.type === EVENT_ID.SCALAR && event.valueStart >= 0 ? event.valueStart : undefined;
}
