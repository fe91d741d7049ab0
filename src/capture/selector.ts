/** A label selector whose grammar was checked, in the form that the API server takes. */
export type LabelSelector = string & { readonly __brand: 'LabelSelector' };

const NAME = '[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?';
const KEY = new RegExp(`^(?<prefix>[a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?${NAME}$`);
const VALUE = new RegExp(`^(${NAME})?$`);
const SET = /^(?<key>\S+)\s+(?<operator>in|notin)\s*\((?<values>[^()]*)\)$/;
const EQUALITY = /^(?<key>[^\s=!]+)\s*(?<operator>==|=|!=)\s*(?<value>[^\s=!]*)$/;

/**
 * Checks a label selector against Kubernetes' grammar (`a=b`, `a!=b`, `a in (b,c)`, `a notin (b)`, `a`, `!a`, joined by
 * commas) and returns its normal form, or an Error that tells which term is wrong and why.
 */
export function parseSelector(text: string): LabelSelector | Error {
  const terms = splitTerms(text);
  if (terms instanceof Error) return terms;
  const normal: string[] = [];
  for (const term of terms) {
    const parsed = parseTerm(term);
    if (parsed instanceof Error) return parsed;
    normal.push(parsed);
  }
  return normal.join(',') as LabelSelector;
}

/** Splits at the commas that are not within parentheses. */
function splitTerms(text: string): string[] | Error {
  const terms = [''];
  let depth = 0;
  for (const character of text) {
    if (character === '(') depth += 1;
    if (character === ')') depth -= 1;
    if (depth < 0 || depth > 1) return new Error(`"${text}" has unbalanced parentheses`);
    if (character === ',' && depth === 0) terms.push('');
    else terms[terms.length - 1] += character;
  }
  if (depth !== 0) return new Error(`"${text}" has unbalanced parentheses`);
  const trimmed = terms.map((term) => term.trim());
  return trimmed.includes('') ? new Error(`"${text}" has an empty term`) : trimmed;
}

function parseTerm(term: string): string | Error {
  const set = SET.exec(term)?.groups;
  if (set !== undefined) {
    const values = (set.values ?? '').split(',').map((value) => value.trim());
    return problemOf(term, set.key ?? '', values) ?? `${set.key} ${set.operator} (${values.join(',')})`;
  }
  const equality = EQUALITY.exec(term)?.groups;
  if (equality !== undefined) {
    const operator = equality.operator === '!=' ? '!=' : '=';
    return problemOf(term, equality.key ?? '', [equality.value ?? '']) ?? `${equality.key}${operator}${equality.value}`;
  }
  const absent = term.startsWith('!');
  const key = absent ? term.slice(1).trim() : term;
  return problemOf(term, key, []) ?? `${absent ? '!' : ''}${key}`;
}

function problemOf(term: string, key: string, values: readonly string[]): Error | undefined {
  const slash = key.indexOf('/');
  if (!KEY.test(key) || key.length - slash - 1 > 63 || slash > 253) {
    return new Error(`in "${term}", "${key}" is not a label's key (write key=value, key in (a,b), key or !key)`);
  }
  const bad = values.find((value) => !VALUE.test(value) || value.length > 63);
  return bad === undefined ? undefined : new Error(`in "${term}", "${bad}" is not a label's value`);
}
