import { nearest } from '../capture/suggest.ts';
import { KIND_SPELLINGS, type TargetKind, type TargetObject } from '../capture/target-kinds.ts';
import { TARGET_WORDS } from './capture-rows.ts';
import { type Problems, parseName } from './flags.ts';

/**
 * The targets that arguments name, as kubectl reads them: `TYPE/NAME`, or `TYPE NAME…`; both may stand together. The
 * first word without a slash is a kind, and all others without one are names of that kind.
 */
export function parseTargetWords(words: readonly string[], problems: Problems): readonly TargetObject[] {
  const bare = words.filter((word) => !word.includes('/'));
  const [typed, ...names] = bare;
  const kind = typed === undefined ? undefined : problems.parse(typed, typed, parseBareKind);
  if (kind !== undefined && names.length === 0) problems.found.push(`${typed}: its name is missing: ${typed}/NAME`);
  const objects = [
    ...words.filter((word) => word.includes('/')).map((word) => problems.parse(word, word, parseSlashed)),
    // Names of a kind that is wrong are not judged: the kind is told of.
    ...(kind === undefined ? [] : names.map((name) => problems.parse(name, name, parseNameOf(kind)))),
  ].filter((object) => object !== undefined);
  const distinct = new Map(objects.map((object) => [`${object.kind}/${object.name}`, object]));
  return [...distinct].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
}

function parseKind(text: string): TargetKind | Error {
  const kind = KIND_SPELLINGS.get(text.toLowerCase());
  if (kind !== undefined) return kind;
  const meant = nearest(text, KIND_SPELLINGS.keys());
  const help = meant === undefined ? `the kinds are ${TARGET_WORDS}` : `did you mean ${meant}?`;
  return new Error(`"${text}" is not a kind of target: ${help}`);
}

/** A first word that is no kind may be a name that lacks one. */
function parseBareKind(text: string): TargetKind | Error {
  const kind = parseKind(text);
  if (!(kind instanceof Error) || nearest(text, KIND_SPELLINGS.keys()) !== undefined) return kind;
  return new Error(`${kind.message}; write KIND/NAME, such as deploy/${parseName(text) === text ? text : 'web'}`);
}

function parseSlashed(text: string): TargetObject | Error {
  const [typed = '', name = '', ...more] = text.split('/');
  if (more.length > 0) return new Error('a target has one slash: KIND/NAME');
  const kind = parseKind(typed);
  if (kind instanceof Error) return kind;
  if (name === '') return new Error(`its name is missing: ${typed}/NAME`);
  return parseNameOf(kind)(name);
}

function parseNameOf(kind: TargetKind): (text: string) => TargetObject | Error {
  return (text) => {
    const name = parseName(text);
    return name instanceof Error ? name : { kind, name };
  };
}
