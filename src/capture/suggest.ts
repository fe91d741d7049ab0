import levenshtein from 'damerau-levenshtein';
import { fulfils, type LabelSelector, renderSelector, type SelectorTerm, selectorTerms } from './selector.ts';

/** Something that a selector could have meant: a node, a pod or a namespace. */
export type Labelled = { name: string; labels: Readonly<Record<string, string>> };

/** Labels or names that a hint lists at most. */
const LISTED = 8;

/** What to tell about a selector that matches nothing: what is there, and the selector that was probably meant. */
export type Suggestion = { there: string; meant: LabelSelector | undefined };

/** Compares a selector that matches nothing with the labels that exist. */
export function suggestSelector(selector: LabelSelector, candidates: readonly Labelled[]): Suggestion {
  const terms = selectorTerms(selector);
  const failing = terms.filter((term) => !candidates.some(({ labels }) => fulfils(labels, term)));
  const corrected = terms.map((term) => (failing.includes(term) ? correct(term, candidates) : term));
  const meant = corrected.filter((term) => term !== undefined);
  const exists =
    meant.length === terms.length && candidates.some(({ labels }) => meant.every((term) => fulfils(labels, term)));
  const changed = exists && failing.length > 0;
  return {
    there: failing.length > 0 ? labelsLike(failing, candidates) : jointly(terms, candidates),
    meant: changed ? renderSelector(meant) : undefined,
  };
}

/** The name that was probably meant, if one is near. */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  let best: { text: string; edits: number } | undefined;
  // More than a third of the letters changed is another word, not a slip.
  const most = Math.max(1, Math.floor(word.length / 3));
  for (const text of known) {
    // Not compared at all: it takes time that grows with both lengths.
    if (Math.abs(text.length - word.length) > most) continue;
    const edits = levenshtein(word.toLowerCase(), text.toLowerCase()).steps;
    if (best === undefined || edits < best.edits) best = { text, edits };
  }
  return best !== undefined && best.edits <= most ? best.text : undefined;
}

/** A few of many names, sorted. */
export function listNames(names: readonly string[]): string {
  return listSome([...names].sort());
}

/** A text as one word of a shell's command line. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

function listSome(items: readonly string[]): string {
  return items.length <= LISTED
    ? items.join(', ')
    : `${items.slice(0, LISTED).join(', ')} and ${items.length - LISTED} more`;
}

/** The term with its key and values replaced by the nearest that exist; undefined when none is near. */
function correct(term: SelectorTerm, candidates: readonly Labelled[]): SelectorTerm | undefined {
  const keys = new Set(candidates.flatMap(({ labels }) => Object.keys(labels)));
  const key = keys.has(term.key) ? term.key : nearest(term.key, keys);
  if (key === undefined || term.operator === '!=' || term.operator === 'notin' || term.operator === 'absent') {
    return undefined;
  }
  const known = valuesOf(key, candidates);
  const values = term.values.map((value) => (known.has(value) ? value : nearest(value, known.keys())));
  const found = values.filter((value) => value !== undefined);
  // Of several values, those that exist nowhere are dropped: one that does is enough.
  return term.values.length > 0 && found.length === 0 ? undefined : { ...term, key, values: found };
}

/** How many candidates have each value of a label, the most frequent first. */
function valuesOf(key: string, candidates: readonly Labelled[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { labels } of candidates) {
    const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
    if (value !== undefined) counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return new Map([...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)));
}

/** The labels with the keys of the terms, or near them; all labels where there are none. */
function labelsLike(terms: readonly SelectorTerm[], candidates: readonly Labelled[]): string {
  const all = new Set(candidates.flatMap(({ labels }) => Object.keys(labels)));
  const wanted = new Set(terms.map(({ key }) => (all.has(key) ? key : nearest(key, all))));
  const keys = [...wanted].filter((key) => key !== undefined);
  if (keys.length === 0) return all.size === 0 ? 'no labels' : `these labels: ${listNames([...all])}`;
  return listSome(keys.flatMap((key) => [...valuesOf(key, candidates)].map(([value, n]) => `${key}=${value} (${n})`)));
}

function jointly(terms: readonly SelectorTerm[], candidates: readonly Labelled[]): string {
  const counts = terms.map((term) => {
    const number = candidates.filter(({ labels }) => fulfils(labels, term)).length;
    return `${renderSelector([term])} (${number})`;
  });
  return `${counts.join(', ')}, but none has all of these`;
}
