import type { CaptureSummary } from '../capture/status.ts';
import { type ShownState, toDocument } from './capture-document.ts';
import { parsePath } from './jsonpath.ts';
import { unknownField } from './output-format.ts';

/** Tells which of two captures comes first. */
export type Order = (a: CaptureSummary, b: CaptureSummary) => number;

/** What needs somebody comes first. */
const STATES: readonly ShownState[] = ['Failed', 'Capturing', 'Pending', 'Completed'];

/** Parses `--sort-by`: `name`, `age` (the youngest first), `state` (failures first), or a path such as `.packets`. */
export function parseOrder(text: string): Order | Error {
  const word = text.trim().replace(/^\{(.*)\}$/s, '$1');
  switch (word) {
    case '':
      return new Error('name a field, such as age, name, state or .packets');
    case 'name':
      return (a, b) => compare(a.name, b.name) || compare(a.namespace, b.namespace);
    case 'age':
      return (a, b) => b.createdAt.getTime() - a.createdAt.getTime();
    case 'state':
      return (a, b) => STATES.indexOf(a.state) - STATES.indexOf(b.state);
    default: {
      const find = parsePath(word);
      const problem = find instanceof Error ? find : unknownField(word);
      if (problem !== undefined || find instanceof Error) return problem ?? new Error(word);
      return (a, b) => compare(find(toDocument(a))[0], find(toDocument(b))[0]);
    }
  }
}

/** Numbers by size, all else as text; what is not known comes last. */
function compare(a: unknown, b: unknown): number {
  const known = (value: unknown): number => (value === undefined || value === null ? 1 : 0);
  if (known(a) !== known(b)) return known(a) - known(b);
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  const [left, right] = [String(a), String(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}
